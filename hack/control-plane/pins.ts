import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;

/** A Go module that pins tools. */
export interface PinnedModule {
  /** Where its go.mod lies. */
  readonly dir: string;
  /** Version of what it is there for, with the `v`. */
  readonly version: string;
  /** The oldest Go that builds it, as `1.26.0`. */
  readonly go: string;
}

function matchIn(path: string, pattern: RegExp): string {
  const found = pattern.exec(readFileSync(path, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`${path} names no ${pattern.source}: restore it with git checkout`);
  return found;
}

function pinnedModule(folder: string, requirement: RegExp): PinnedModule {
  const dir = join(here, folder);
  const goMod = join(dir, 'go.mod');
  return { dir, version: matchIn(goMod, requirement), go: matchIn(goMod, /^go (\S+)$/m) };
}

export const KUBERNETES = pinnedModule('kubernetes', /^\s*k8s\.io\/kubernetes (v\S+)/m);
export const ETCD = pinnedModule('etcd', /^\s*go\.etcd\.io\/etcd\/server\/v3 (v\S+)/m);

/** A folder name that changes whenever anything pinned does. */
export function pinsFingerprint(): string {
  const hash = createHash('sha256');
  for (const { dir } of [KUBERNETES, ETCD]) {
    for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(dir, file)));
  }
  return `${KUBERNETES.version}-${ETCD.version}-${hash.digest('hex').slice(0, 12)}`;
}
