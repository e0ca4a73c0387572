import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { ensureBinaries } from '../control-plane/binaries.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { readIfPresent, writeFileAtomically } from '../control-plane/files.ts';

/** Where a shell finds a demo that was started without --dir, from the folder that it was started in. */
const POINTER = join('.dev', 'demo.env');

export interface PlaceOptions {
  /** Kept at the end; undefined for a temporary folder. */
  readonly dir: string | undefined;
  /** Folder for the pointer that a shell can source under the same name each time. */
  readonly home: string;
}

/** The folder of a demo, and what a shell needs to reach it. */
export class Place {
  readonly dir: string;
  readonly #temporary: boolean;
  readonly #home: string;
  readonly #env: string;

  constructor({ dir, home }: PlaceOptions) {
    this.#temporary = dir === undefined;
    this.dir = dir ?? mkdtempSync(join(tmpdir(), 'paddock-demo-'));
    this.#home = home;
    this.#env = dir === undefined ? join(home, POINTER) : join(this.dir, 'demo.env');
  }

  /** Environment of a kubectl whose contexts are the clusters' names; the hub's is the current one. */
  async kubectl(hub: ControlPlane, downstreams: readonly ControlPlane[]): Promise<Kubectl> {
    const folder = join(this.dir, 'kubectl');
    mkdirSync(folder, { recursive: true });
    const { kubectl } = await ensureBinaries({ log: () => undefined });
    const bin = join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    rmSync(join(bin, 'kubectl'), { force: true });
    symlinkSync(kubectl, join(bin, 'kubectl'));
    const kubeconfigs = [hub, ...downstreams].map(controlPlane => {
      const path = join(folder, `${controlPlane.name}.kubeconfig`);
      writeFileAtomically(path, controlPlane.adminKubeconfig, { mode: 0o600 });
      return path;
    });
    // The usual discovery cache is by address, and ports come back with other clusters behind them.
    const variables = { KUBECONFIG: kubeconfigs.join(delimiter), KUBECACHEDIR: join(folder, 'cache') };
    return { command: join(bin, 'kubectl'), bin, variables };
  }

  /** Writes a file for shells to source, and returns how to do it and what it says. */
  publish({ bin, variables }: Kubectl): { readonly source: string; readonly exports: readonly string[] } {
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`);
    exports.push(`export PATH=${quoted(bin)}${delimiter}"$PATH"`);
    mkdirSync(dirname(this.#env), { recursive: true });
    writeFileAtomically(this.#env, `${exports.join('\n')}\n`, { mode: 0o600 });
    return { source: `. ${this.#temporary ? relative(this.#home, this.#env) : quoted(this.#env)}`, exports };
  }

  /** Removes what is of no use once the demo has ended: with a temporary folder, everything. */
  clear(): void {
    // By now it may be the pointer of another demo.
    if (readIfPresent(this.#env)?.includes(quoted(join(this.dir, 'kubectl', 'bin')))) rmSync(this.#env);
    if (!this.#temporary) return;
    removeIfEmpty(dirname(this.#env));
    // Processes that were killed a moment ago may still have been writing.
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export interface Kubectl {
  readonly command: string;
  /** Folder to put into PATH; holds kubectl alone. */
  readonly bin: string;
  readonly variables: Readonly<Record<string, string>>;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds something else, or was never made.
  }
}
