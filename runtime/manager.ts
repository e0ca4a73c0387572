import { Client } from './client.ts';
import { systemClock } from './clock.ts';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { Clusters } from './clusters.ts';
import type { Credentials } from './credentials.ts';
import { errorMessage, WriteRefusedError } from './errors.ts';
import { HealthServer, type ServingOptions } from './health.ts';
import { LeaderElection, type LeaderElectionOptions, type Renewal } from './leader.ts';
import type { Logger } from './log.ts';
import { collectProcessMetrics } from './metrics.ts';
import { Recorder, type RecorderOptions } from './recorder.ts';
import { RequestAuthorizer } from './request-authorizer.ts';
import { Transport } from './transport.ts';

export interface ManagerOptions extends Omit<ClusterOptions, 'name' | 'writeGuard' | 'onReplaced'> {
  /** Such as `paddock.dev/project`: names the events' source. */
  readonly controllerName: string;
  /** Where only so many events of this process may be there at once, see RecorderOptions.numbered [any number]. */
  readonly numberedEvents?: RecorderOptions['numbered'];
  readonly identity: string;
  /** Where the lease lives; without one every replica works (for tests of single processes only). */
  readonly leaderElection?: Pick<LeaderElectionOptions, 'namespace' | 'leaseMs' | 'renewDeadlineMs' | 'retryMs'> & {
    /** Of the API server where the lease lives [the hub]. */
    readonly credentials?: Credentials;
    /** One lease for each operator in the process, so that running them apart or together excludes the other. */
    readonly names: readonly string[];
  };
  /** Where /healthz, /readyz and /metrics are served; nowhere without it. */
  readonly serving?: ServingOptions;
  /** How long running reconciles may take to end after a stop [30 s]. */
  readonly gracefulStopMs?: number;
}

/** Requests in flight to the API server that reviews the tokens of those who read metrics. */
const REVIEWS = 4;

/** Something that runs while this process leads. */
export interface Runnable {
  /** Called once the hub is connected and the lease is held; ends its work when the signal aborts. */
  start(signal: AbortSignal): void;
  /** Resolves when the work has ended. */
  stopped(): Promise<void>;
}

/** One operator process: the hub, the engaged clusters, the lease, health and metrics, start and stop. */
export class Manager {
  readonly hub: Cluster;
  readonly clusters = new Clusters();
  readonly recorder: Recorder;
  readonly log: Logger;
  readonly #options: ManagerOptions;
  readonly #runnables: Runnable[] = [];
  readonly #fatal = new AbortController();
  readonly #leases: readonly LeaderElection[];
  readonly #leaseTransport: Transport;
  /** Asks the API server of the cluster that the process runs in about those who read metrics. */
  readonly #reviewTransport: Transport;
  #working = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.log = options.log;
    const { leaderElection, identity, log } = options;
    const { names, credentials = options.credentials, ...timings } = leaderElection ?? { namespace: '', names: [] };
    const transport = new Transport({ credentials, maxInFlight: 1 + names.length });
    const client = new Client(transport, { fieldManager: options.fieldManager });
    this.#leaseTransport = transport;
    this.#reviewTransport = new Transport({ credentials, maxInFlight: REVIEWS });
    // in one order everywhere, so that two processes never hold half each
    this.#leases = [...names].sort().map(name => new LeaderElection({ ...timings, name, client, identity, log }));
    this.hub = new Cluster({
      ...options,
      name: 'hub',
      // what many tenants store there comes in lists of any length, and their objects' number is bounded by quotas
      listBytes: Number.POSITIVE_INFINITY,
      writeGuard: this.writeGuard,
      onReplaced: error => this.#fatal.abort(error),
    });
    const { controllerName: controller, clock = systemClock, numberedEvents: numbered } = options;
    const recorder = { client: this.hub.client, log, controller, instance: identity, clock };
    this.recorder = new Recorder({ ...recorder, ...(numbered ? { numbered } : {}) });
  }

  /** Of the watches of the hub, and of clusters that are engaged. */
  get timings(): Pick<ManagerOptions, 'timings'> {
    const { timings } = this.#options;
    return timings ? { timings } : {};
  }

  /** The fence that every client of this process must use: throws unless the lease is held and the process may go on. */
  get writeGuard(): () => void {
    return () => {
      const { aborted, reason } = this.#fatal.signal;
      if (aborted) throw new WriteRefusedError(`the process ends: ${errorMessage(reason)}`);
      for (const lease of this.#leases) lease.assertHeld();
    };
  }

  /** The latest renewals of the leases, by which versions of other Leases there can be dated; see `writtenAfter`. */
  get renewals(): readonly Renewal[] | undefined {
    return this.#leases.length === 0 ? undefined : this.#leases.flatMap(lease => lease.renewals);
  }

  add(runnable: Runnable): void {
    this.#runnables.push(runnable);
  }

  /**
   * Runs until the signal aborts, then stops in good order. Rejects when the process must not go on: the
   * lease was lost, or another cluster answers in the hub's place. The caller ends the process then.
   */
  async run(stop: AbortSignal): Promise<void> {
    collectProcessMetrics();
    const health = await this.#startHealth();
    const either = AbortSignal.any([stop, this.#fatal.signal]);
    try {
      await this.#connectHub(either);
      await this.#lead(either);
    } catch (error) {
      if (!either.aborted) throw error;
    } finally {
      await health?.stop();
      await Promise.all(this.clusters.list().map(({ name }) => this.clusters.disengage(name)));
      await this.hub.stop();
      await Promise.all([this.#leaseTransport.close(), this.#reviewTransport.close()]);
    }
    if (this.#fatal.signal.aborted) throw this.#fatal.signal.reason;
  }

  /** Gets the leases, works, and keeps renewing them until the work has ended. */
  async #lead(stop: AbortSignal): Promise<void> {
    const renewal = new AbortController();
    const holding: Promise<void>[] = [];
    for (const lease of this.#leases) {
      await lease.acquire(stop);
      holding.push(lease.hold(renewal.signal).catch(error => this.#fatal.abort(error)));
    }
    try {
      await this.#work(stop);
    } finally {
      renewal.abort();
      await Promise.all(holding);
      if (!this.#fatal.signal.aborted) await Promise.all(this.#leases.map(lease => lease.release()));
    }
  }

  async #work(stop: AbortSignal): Promise<void> {
    const work = new AbortController();
    this.#working = true;
    for (const runnable of this.#runnables) runnable.start(work.signal);
    this.hub.start();
    await aborted(stop);
    this.#working = false;
    work.abort(new Error('the process stops'));
    await this.#drain();
  }

  /** Waits for running reconciles and events, at most the graceful period. */
  async #drain(): Promise<void> {
    const { gracefulStopMs = 30_000 } = this.#options;
    if (this.#fatal.signal.aborted) return;
    const ended = Promise.all(this.#runnables.map(runnable => runnable.stopped())).then(() => this.recorder.flush());
    const limit = new AbortController();
    await Promise.race([ended, systemClock.sleep(gracefulStopMs, limit.signal)]);
    limit.abort();
  }

  async #connectHub(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        return await this.hub.connect(signal);
      } catch (error) {
        signal.throwIfAborted();
        this.log.warn({ reason: errorMessage(error) }, 'the hub does not answer; trying again');
        await systemClock.sleep(1_000 + Math.random() * 1_000, signal);
      }
    }
  }

  async #startHealth(): Promise<HealthServer | undefined> {
    const { serving, fieldManager, log, clock = systemClock } = this.#options;
    if (!serving) return undefined;
    const client = new Client(this.#reviewTransport, { fieldManager });
    const authorizer = new RequestAuthorizer({ client, clock });
    const server = new HealthServer({ ...serving, authorizer, log, notReady: () => this.#notReady() });
    const port = await server.start();
    this.log.info({ port, address: serving.address }, 'serving /healthz, /readyz and /metrics');
    return server;
  }

  /** A standby is ready: it can take over. */
  #notReady(): string[] {
    if (this.#leases.some(lease => !lease.held)) return [];
    if (!this.#working) return ['not started'];
    return this.hub.cache.unknown().map(what => `hub: ${what} is not synced or its watch is interrupted`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
