import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureBinaries } from '../control-plane/binaries.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/control-plane.ts';
import { writeFileAtomically } from '../control-plane/files.ts';
import { installManifests, registerClusters, servesClusters } from './hub-objects.ts';
import { ENTRY_POINT, OPERATORS, Operators } from './operators.ts';
import { type Expected, missing } from './readiness.ts';
import { RemoteCluster } from './remote-cluster.ts';
import { Supervisor } from './supervise.ts';

/** More at a time only take turns on the processors, and each has a deadline. */
const STARTED_AT_ONCE = 3;
const RESTART_DELAY_MS = 1_000;
const READY_POLL_MS = 250;
const COMPLAIN_EVERY_MS = 120_000;

export interface DevOptions {
  /** Holds all state: started again with the same folder, it goes on with the same clusters. */
  readonly dir: string;
  /** How many, besides the hub; they are named edge-1, edge-2, … */
  readonly downstreams: number;
  /** How many more that agents connect; they are named remote-1, remote-2, … Default: none. */
  readonly agents?: number;
  /** Default: all that there are. */
  readonly operators?: readonly string[];
  /** The script that runs them, for instance a bundle. Default: operators/main.ts. */
  readonly operatorsEntryPoint?: string;
  /** Told what is going on, one line at a time. */
  readonly log: (line: string) => void;
}

/** A hub, its downstream clusters and the operators, running. */
export class Dev {
  readonly hub: ControlPlane;
  /** Those that are pushed to come first, then those that agents connect. */
  readonly downstreams: readonly ControlPlane[];
  readonly #operators: Operators;
  readonly #supervisors: readonly Supervisor[];
  readonly #expected: Expected;
  readonly #log: (line: string) => void;
  readonly #stopped = new AbortController();
  #remotesEnded: Promise<unknown> = Promise.resolve();

  constructor({ expected, operators, log }: { expected: Expected; operators: Operators; log: (line: string) => void }) {
    this.hub = expected.hub;
    this.downstreams = expected.downstreams;
    this.#expected = expected;
    this.#operators = operators;
    this.#log = log;
    this.#supervisors = [this.hub, ...this.downstreams]
      .flatMap(({ etcd, apiServer, controllerManager }) => [etcd, apiServer, controllerManager])
      .filter(process => process !== undefined)
      .map(process => new Supervisor(process, { delaysMs: [RESTART_DELAY_MS], log }));
  }

  /** Starts the operators, and the agent of each remote cluster as soon as that is joined. */
  start(): void {
    this.#operators.start();
    this.#remotesEnded = Promise.all(this.#expected.remotes.map(remote => remote.run(this.#stopped.signal)));
  }

  /** Resolves with true when every cluster is ready and prepared, with false when stopped before that. */
  async ready(): Promise<boolean> {
    let complaint = Date.now() + COMPLAIN_EVERY_MS;
    while (!this.#stopped.signal.aborted) {
      const lacks = await missing(this.#expected);
      if (lacks.length === 0) return true;
      if (Date.now() > complaint) {
        complaint = Date.now() + COMPLAIN_EVERY_MS;
        for (const lack of lacks) this.#log(`not ready: ${lack}`);
      }
      await delay(READY_POLL_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
    return false;
  }

  /** Ends everything within 40 s: the operators first, so that they can finish what they are writing. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const supervisor of this.#supervisors) supervisor.close();
    await this.#operators.stop();
    await Promise.all([this.hub, ...this.downstreams].map(controlPlane => controlPlane.stop()));
    await this.#remotesEnded;
  }
}

/**
 * Starts everything and resolves when it runs; `ready()` tells when it is of use. If something can't be started,
 * nothing is left running.
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { dir, log, operators: names = OPERATORS, operatorsEntryPoint: entryPoint = ENTRY_POINT } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await ensureBinaries({ log });
  const { hub, pushed, remote } = await startControlPlanes(options);
  const downstreams = [...pushed, ...remote];
  // Only now: had the folder been in use, the start above would have failed, and this file been another's.
  rmSync(join(dir, 'operators.pid'), { force: true });
  try {
    log('applying CRDs, rights and policies to the hub');
    await installManifests(hub);
    const clusters = (await servesClusters(hub)) ? ['local', ...downstreams.map(({ name }) => name)] : [];
    if (clusters.length > 0) await registerClusters(hub, { pushed, remote });
    const operatorsRun = names.length > 0;
    const operators = new Operators({ dir, hub, names, remotes: remote, entryPoint, log });
    const remotes = remote.map(downstream => {
      const startAgent = () => operators.startAgent(downstream.name);
      return new RemoteCluster({ hub, downstream, dir, startAgent, log });
    });
    const awaited = operatorsRun ? { clusters, remotes } : { clusters: [], remotes: [] };
    const dev = new Dev({ expected: { hub, downstreams, operatorsRun, ...awaited }, operators, log });
    if (operatorsRun) log(`starting operators ${names.join(', ')}`);
    dev.start();
    return dev;
  } catch (error) {
    await Promise.all([hub, ...downstreams].map(controlPlane => controlPlane.stop()));
    throw error;
  }
}

interface ControlPlanes {
  readonly hub: ControlPlane;
  readonly pushed: readonly ControlPlane[];
  readonly remote: readonly ControlPlane[];
}

async function startControlPlanes({ dir, downstreams, agents = 0, log }: DevOptions): Promise<ControlPlanes> {
  const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i + 1}`);
  const names = [...numbered('edge', downstreams), ...numbered('remote', agents)];
  const start = async (name: string): Promise<ControlPlane> => {
    const controlPlane = await startControlPlane({ name, dir: join(dir, name), log });
    const path = join(dir, `${name}.kubeconfig`);
    writeFileAtomically(path, controlPlane.adminKubeconfig, { mode: 0o600 });
    log(`${name} is up at ${controlPlane.url}, kubeconfig ${path}`);
    return controlPlane;
  };
  const hub = await start('hub');
  const started: ControlPlane[] = [];
  for (let next = 0; next < names.length; next += STARTED_AT_ONCE) {
    const outcomes = await Promise.allSettled(names.slice(next, next + STARTED_AT_ONCE).map(start));
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') started.push(outcome.value);
    const failed = outcomes.find(outcome => outcome.status === 'rejected');
    if (failed === undefined) continue;
    await Promise.all([hub, ...started].map(controlPlane => controlPlane.stop()));
    throw failed.reason;
  }
  return { hub, pushed: started.slice(0, downstreams), remote: started.slice(downstreams) };
}
