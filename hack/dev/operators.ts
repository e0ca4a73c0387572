import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { writeFileAtomically } from '../control-plane/files.ts';
import { ManagedProcess } from '../control-plane/processes.ts';
import { Supervisor } from './supervise.ts';

/** Every operator that there is. */
export const OPERATORS: readonly string[] = ['cluster', 'project'];

/** All below two seconds, so that a test that kills an operator knows how long to wait for the next one. */
const RESTART_DELAYS_MS = [200, 500, 1_000, 1_500] as const;
const GRACE_MS = 32_000;
const NAMESPACE = 'paddock-system';
/** What runs an operator when started with `run <name>`. */
export const ENTRY_POINT = join(import.meta.dirname, '..', '..', 'operators', 'main.ts');

export interface OperatorsOptions {
  readonly dir: string;
  readonly hub: ControlPlane;
  readonly names: readonly string[];
  /** A script for Node: the sources' entry point or a bundle. */
  readonly entryPoint: string;
  readonly log: (line: string) => void;
}

/** The operators as child processes, each with exactly the rights of its service account in the hub. */
export class Operators {
  readonly #processes: readonly ManagedProcess[];
  readonly #pidFile: string;
  readonly #log: (line: string) => void;
  #supervisors: readonly Supervisor[] = [];

  constructor({ dir, hub, names, entryPoint, log }: OperatorsOptions) {
    this.#log = log;
    this.#pidFile = join(dir, 'operators.pid');
    const folder = join(dir, 'operators');
    mkdirSync(folder, { recursive: true });
    this.#processes = names.map(name => operatorProcess(name, { folder, hub, entryPoint }));
  }

  start(): void {
    for (const process of this.#processes) process.start();
    const onChange = (): void => this.#writePids();
    this.#supervisors = this.#processes.map(
      process => new Supervisor(process, { delaysMs: RESTART_DELAYS_MS, log: this.#log, onChange }),
    );
    onChange();
  }

  #writePids(): void {
    const pids = this.#processes.flatMap(({ pid }) => (pid === undefined ? [] : `${pid}\n`));
    writeFileAtomically(this.#pidFile, pids.join(''), { mode: 0o644 });
  }

  /** Lets each one finish what it is doing, for at most 32 s. */
  async stop(): Promise<void> {
    for (const supervisor of this.#supervisors) supervisor.close();
    await Promise.all(this.#processes.map(process => process.stop({ graceMs: GRACE_MS })));
    rmSync(this.#pidFile, { force: true });
  }
}

interface Surroundings {
  readonly folder: string;
  readonly hub: ControlPlane;
  readonly entryPoint: string;
}

function operatorProcess(name: string, { folder, hub, entryPoint }: Surroundings): ManagedProcess {
  const kubeconfig = join(folder, `${name}.kubeconfig`);
  // What the API server makes of the service account's token, so that manifests/rbac is what counts.
  const identity = {
    user: `system:serviceaccount:${NAMESPACE}:paddock-${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`, 'system:authenticated'],
  };
  writeFileAtomically(kubeconfig, hub.kubeconfigFor(identity), { mode: 0o600 });
  const options = ['--kubeconfig', kubeconfig, '--identity', `dev-${name}`, '--metrics-port', '0'];
  return new ManagedProcess({
    name: `operator ${name}`,
    command: process.execPath,
    args: [entryPoint, 'run', name, ...options],
    logFile: join(folder, `${name}.log`),
  });
}
