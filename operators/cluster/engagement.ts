import {
  type Client,
  type Clock,
  errorMessage,
  isConflict,
  LeaderElection,
  type Lease,
  type Logger,
  WriteRefusedError,
} from '#runtime';
import type { Problem } from '../engagement/heartbeat.ts';
import {
  EngagementLeases,
  engagementKey,
  engagingProblem,
  HUB_TIMES,
  hubIdentity,
  leavingIdentity,
  writersOf,
} from '../engagement/lease.ts';

export interface EngagementOptions {
  /** To the hub, for Leases alone: renewing has to get through when everything else is busy. */
  readonly client: Client;
  readonly cluster: string;
  /** Of the Cluster object. */
  readonly uid: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Told when {@link Engagement.problem} has changed. */
  readonly onChange: () => void;
  /** Waited for first: the giving up of an earlier one. */
  readonly after: Promise<unknown>;
}

/** Renewals are drawn apart by this much, so that those of many clusters do not come at once. */
const SPREAD_MS = 1_000;
/** How soon it is looked again whether the other operators have stopped. */
const LEAVE_MS = 500;

/**
 * Holds the engagement Lease of one cluster for the hub, in the name of all its operators, from the first look on
 * until it is given up or the process ends. The next process goes on with it at once.
 */
export class Engagement {
  readonly #options: EngagementOptions;
  readonly #election: LeaderElection;
  readonly #stop = new AbortController();
  readonly #looked = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #problem: Problem | undefined;

  constructor(options: EngagementOptions) {
    this.#options = options;
    const { client, cluster, uid, log, clock } = options;
    this.#election = new LeaderElection({
      ...HUB_TIMES,
      ...engagementKey(cluster),
      renewMs: HUB_TIMES.renewMs + Math.random() * SPREAD_MS,
      client,
      clock,
      log: log.child({ cluster }),
      identity: hubIdentity(uid),
      reported: false,
      onAttempt: () => this.#attempted(),
    });
    this.#ended = this.#run();
  }

  get uid(): string {
    return this.#options.uid;
  }

  /** Why it is not the hub's turn to write, as of the last look; undefined when it is, or nobody has looked. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Resolves when the Lease was looked at once, whatever came of it. */
  async settled(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#looked.promise, aborted]);
  }

  /** @throws WriteRefusedError unless the Lease is held */
  assertHeld(): void {
    if (this.#election.held && !this.#stop.signal.aborted) return;
    const { message } = this.#problem ?? engagingProblem(this.#options.cluster, undefined);
    throw new WriteRefusedError(message);
  }

  /** Renews no more, and gives nothing up: the next process goes on. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the process stops'));
    await this.#ended;
  }

  /**
   * Gives the Lease up. At once it is no longer the hub's to its other operators; it is anybody's when each of them has
   * taken its name off, or the last renewal is older than any of them trusts. What fails here runs out by itself.
   */
  async release(signal: AbortSignal): Promise<void> {
    await this.stop();
    const { cluster, uid, clock, log } = this.#options;
    try {
      if (!(await this.#handOn(hubIdentity(uid), leavingIdentity(uid), signal))) return;
      const until = clock.monotonic() + HUB_TIMES.renewDeadlineMs;
      while (await this.#hasWriters(signal)) {
        if (clock.monotonic() >= until) break;
        await clock.sleep(LEAVE_MS, signal);
        signal.throwIfAborted();
      }
      await this.#handOn(leavingIdentity(uid), '', signal);
      log.info({ cluster }, 'the engagement was given up');
    } catch (error) {
      const reason = errorMessage(error);
      if (!signal.aborted) log.warn({ cluster, reason }, 'the engagement could not be given up; it will run out');
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    await this.#options.after;
    while (!signal.aborted) {
      try {
        await this.#election.acquire(signal);
        await this.#election.hold(signal);
      } catch (error) {
        if (!signal.aborted)
          this.#options.log.warn({ cluster: this.#options.cluster, reason: errorMessage(error) }, 'engagement lost');
      }
    }
  }

  #attempted(): void {
    const { held, holder } = this.#election;
    const before = this.#problem;
    this.#problem = held ? undefined : engagingProblem(this.#options.cluster, holder);
    this.#looked.resolve();
    if (!this.#stop.signal.aborted && before?.message !== this.#problem?.message) this.#options.onChange();
  }

  async #hasWriters(signal: AbortSignal): Promise<boolean> {
    const lease = await this.#read(signal);
    return lease !== undefined && writersOf(lease).length > 0;
  }

  /** Changes the holder; false when it is not who was expected. */
  async #handOn(from: string, to: string, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const lease = await this.#read(signal);
      if (lease?.spec?.holderIdentity !== from) return false;
      const spec = { ...lease.spec, holderIdentity: to, ...(to === '' ? { leaseDurationSeconds: 1 } : {}) };
      const metadata = { resourceVersion: lease.metadata?.resourceVersion };
      try {
        const key = engagementKey(this.#options.cluster);
        await this.#options.client.mergePatch(EngagementLeases, key, { metadata, spec }, { signal });
        return true;
      } catch (error) {
        if (!isConflict(error)) throw error; // an operator has put its name on it, or taken it off
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    return await this.#options.client.find(EngagementLeases, engagementKey(this.#options.cluster), { signal });
  }
}
