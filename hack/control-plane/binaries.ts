import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BinaryName, build } from './go-build.ts';
import { pinsFingerprint } from './pins.ts';

/** Absolute path of each binary. kubectl lies beside kube-apiserver. */
export type Binaries = Readonly<Record<BinaryName, string>>;

export interface EnsureBinariesOptions {
  /** Told one line at a time what is built. */
  readonly log: (line: string) => void;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function cacheDir(): string {
  const cacheHome = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cacheHome, 'paddock', 'control-plane', pinsFingerprint());
}

/** kubectl is taken from where kube-apiserver is, so that the two always lie side by side. */
function assetPaths(): (name: BinaryName) => string | undefined {
  const assets = process.env.KUBEBUILDER_ASSETS;
  if (!assets) return () => undefined;
  const found = (name: BinaryName): string | undefined => {
    const path = resolve(assets, name);
    return executable(path) ? path : undefined;
  };
  const paired = found('kube-apiserver') !== undefined && found('kubectl') !== undefined;
  return name => ((name === 'kube-apiserver' || name === 'kubectl') && !paired ? undefined : found(name));
}

/**
 * Finds the binaries of a control plane: those in `$KUBEBUILDER_ASSETS` first (kube-apiserver and kubectl only both
 * together), the others in the cache, where they are built from the pinned Go modules if they are missing. The first
 * build takes minutes and says so; later calls take milliseconds. Several processes may call this at the same time.
 */
export async function ensureBinaries({ log }: EnsureBinariesOptions): Promise<Binaries> {
  const asset = assetPaths();
  const cache = cacheDir();
  const locate = (name: BinaryName): string => asset(name) ?? join(cache, name);
  const binaries: Binaries = {
    etcd: locate('etcd'),
    etcdctl: locate('etcdctl'),
    etcdutl: locate('etcdutl'),
    'kube-apiserver': locate('kube-apiserver'),
    'kube-controller-manager': locate('kube-controller-manager'),
    'kube-scheduler': locate('kube-scheduler'),
    kubectl: locate('kubectl'),
  };
  await build({ into: cache, missing: name => !executable(binaries[name]), log });
  return binaries;
}
