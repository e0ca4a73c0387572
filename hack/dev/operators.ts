import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../bundle/node.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { writeFileAtomically } from '../control-plane/files.ts';
import { ManagedProcess } from '../control-plane/processes.ts';
import { Supervisor } from './supervise.ts';

/** Every operator that there is. */
export const OPERATORS: readonly string[] = ['cluster', 'project', 'rbac'];

/** All below two seconds, so that a test that kills an operator knows how long to wait for the next one. */
const RESTART_DELAYS_MS = [200, 500, 1_000, 1_500] as const;
const GRACE_MS = 32_000;
const NAMESPACE = 'paddock-system';
/** What runs an operator when started with `run <name>`, and an agent when started with `agent`. */
export const ENTRY_POINT = join(import.meta.dirname, '..', '..', 'operators', 'main.ts');

export interface OperatorsOptions {
  readonly dir: string;
  readonly hub: ControlPlane;
  readonly names: readonly string[];
  /** Clusters that have an agent. */
  readonly remotes: readonly ControlPlane[];
  /** A script for Node: the sources' entry point or a bundle. */
  readonly entryPoint: string;
  readonly log: (line: string) => void;
}

/** Operators and agents as child processes, each with exactly the rights of its service account. */
export class Operators {
  readonly #operators: readonly ManagedProcess[];
  readonly #agents: ReadonlyMap<string, ManagedProcess>;
  readonly #pidFile: string;
  readonly #log: (line: string) => void;
  readonly #supervisors: Supervisor[] = [];

  constructor({ dir, hub, names, remotes, entryPoint, log }: OperatorsOptions) {
    this.#log = log;
    this.#pidFile = join(dir, 'operators.pid');
    const folder = join(dir, 'operators');
    mkdirSync(folder, { recursive: true });
    this.#operators = names.map(name => operatorProcess(name, { folder, cluster: hub, entryPoint }));
    this.#agents = new Map(remotes.map(cluster => [cluster.name, agentProcess({ folder, cluster, entryPoint })]));
  }

  /** Starts the operators; agents are started one by one. */
  start(): void {
    for (const process of this.#operators) this.#run(process);
    this.#writePids();
  }

  /** Starts the agent of a cluster that has been joined. */
  startAgent(cluster: string): void {
    const process = this.#agents.get(cluster);
    if (process) this.#run(process);
  }

  #run(process: ManagedProcess): void {
    process.start();
    const onChange = (): void => this.#writePids();
    this.#supervisors.push(new Supervisor(process, { delaysMs: RESTART_DELAYS_MS, log: this.#log, onChange }));
    onChange();
  }

  get #processes(): ManagedProcess[] {
    return [...this.#operators, ...this.#agents.values()];
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
  /** Where the process has a service account. */
  readonly cluster: ControlPlane;
  readonly entryPoint: string;
}

function operatorProcess(name: string, surroundings: Surroundings): ManagedProcess {
  const names = { process: `operator ${name}`, file: name, account: `paddock-${name}`, identity: `dev-${name}` };
  return paddockProcess(['run', name], names, surroundings);
}

function agentProcess(surroundings: Surroundings): ManagedProcess {
  const { name } = surroundings.cluster;
  const names = {
    process: `agent of ${name}`,
    file: `agent-${name}`,
    account: 'paddock-agent',
    identity: `dev-${name}`,
  };
  return paddockProcess(['agent'], names, surroundings);
}

interface ProcessNames {
  readonly process: string;
  /** Of its log and kubeconfig, without what follows the dot. */
  readonly file: string;
  readonly account: string;
  readonly identity: string;
}

function paddockProcess(
  command: readonly string[],
  { process: name, file, account, identity }: ProcessNames,
  { folder, cluster, entryPoint }: Surroundings,
): ManagedProcess {
  const kubeconfig = join(folder, `${file}.kubeconfig`);
  // What the API server makes of the service account's token, so that the account's rights are what counts.
  const user = {
    user: `system:serviceaccount:${NAMESPACE}:${account}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${NAMESPACE}`, 'system:authenticated'],
  };
  writeFileAtomically(kubeconfig, cluster.kubeconfigFor(user), { mode: 0o600 });
  const flags = ['--kubeconfig', kubeconfig, '--identity', identity, '--metrics-port', '0'];
  return new ManagedProcess({
    name,
    command: process.execPath,
    args: [...NODE_FLAGS, entryPoint, ...command, ...flags],
    env: { ...process.env, ...NODE_ENVIRONMENT },
    logFile: join(folder, `${file}.log`),
  });
}
