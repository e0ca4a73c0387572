import type { Client } from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { microTimestamp } from './conditions.ts';
import { errorMessage, isAlreadyExists, isConflict, WriteRefusedError } from './errors.ts';
import type { Logger } from './log.ts';
import { leaderStatus } from './metrics.ts';
import { compareResourceVersions, type KubeObject, Leases, type ResourceType } from './resource.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const LeaseType: ResourceType<Lease> = Leases;

export interface LeaderElectionOptions {
  /** Must not share a transport with the work: renewing has to get through when everything else is busy. */
  readonly client: Client;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the contenders. A process that finds its own identity as holder takes the lease over at once. */
  readonly identity: string;
  readonly log: Logger;
  /** A lease not renewed for this long may be taken by others [15 s]. */
  readonly leaseMs?: number;
  /** The holder that could not renew for this long writes no more [10 s]. */
  readonly renewDeadlineMs?: number;
  /** Pause between attempts [2 s]. */
  readonly retryMs?: number;
  /** Pause between renewals that succeed [that between attempts]. */
  readonly renewMs?: number;
  readonly clock?: Clock;
  /** Told after every attempt to get the lease or to renew it. */
  readonly onAttempt?: () => void;
  /** Whether leader_election_master_status has it, under the lease's name [true]. */
  readonly reported?: boolean;
}

/** A renewal that the server has answered. */
export interface Renewal {
  /** The resource version that it gave the lease. */
  readonly version: string;
  /** Monotonic time, ms, at which it was sent. */
  readonly at: number;
}

/** A holder that says it keeps its lease for longer is waited for no longer, s. */
const LONGEST_LEASE_SECONDS = 600;
/** leaseTransitions is an int32 (k8s.io/api/coordination/v1): the server refuses more. */
const MOST_TRANSITIONS = 2 ** 31;

/** So many renewals are remembered: a minute's, with the pauses of a leader. */
const REMEMBERED = 32;

/**
 * The latest moment known to lie before the write that gave a Lease this version: when the newest of the renewals was
 * sent that the server counted before it. However late the version is heard of, this is not later than the write. Minus
 * infinity when it is older than all of them. Versions of one kind on one server can be compared.
 */
export function writtenAfter(version: string, renewals: readonly Renewal[]): number {
  const before = renewals.filter(renewal => compareResourceVersions(renewal.version, version) < 0);
  return Math.max(...before.map(({ at }) => at));
}

/**
 * Leader election by a Lease, with the algorithm of client-go: contenders judge the holder by their own
 * clock from the moment they saw the last renewal, so clocks need not agree. A holder that claims more than ten minutes
 * is taken at ten.
 *
 * {@link assertHeld} is the fence: it throws once the deadline for renewal has passed on the monotonic
 * clock, so that a process which was frozen writes nothing when it wakes up.
 */
export class LeaderElection {
  readonly #options: Required<LeaderElectionOptions>;
  /** Monotonic time of the last renewal, taken before it was sent. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #observed: { readonly version: string; readonly at: number } | undefined;
  #lease: Lease | undefined;
  #holder: string | undefined;
  #renewals: readonly Renewal[] = [];

  constructor(options: LeaderElectionOptions) {
    this.#options = {
      leaseMs: 15_000,
      renewDeadlineMs: 10_000,
      retryMs: 2_000,
      renewMs: options.retryMs ?? 2_000,
      clock: systemClock,
      onAttempt: () => undefined,
      reported: true,
      ...options,
    };
    this.#report(0);
  }

  /** The lease is ours, and was renewed within the deadline. */
  get held(): boolean {
    const { clock, renewDeadlineMs } = this.#options;
    return clock.monotonic() - this.#renewedAt < renewDeadlineMs;
  }

  /** Who else had it when it was last looked at; undefined when nobody had. */
  get holder(): string | undefined {
    return this.#holder;
  }

  /** The latest renewals, the oldest first. */
  get renewals(): readonly Renewal[] {
    return this.#renewals;
  }

  /** @throws WriteRefusedError */
  assertHeld(): void {
    if (this.held) return;
    const { namespace, name } = this.#options;
    throw new WriteRefusedError(`not the holder of lease ${namespace}/${name}: nothing is written`);
  }

  /** Resolves when the lease is ours. Rejects only when the signal aborts. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, retryMs, name, identity, log } = this.#options;
    log.info({ lease: name, identity }, 'waiting for the lease');
    while (!(await this.#attempt(signal))) {
      await clock.sleep(retryMs * (0.8 + Math.random() * 0.4), signal);
      signal.throwIfAborted();
    }
    this.#report(1);
    log.info({ lease: name, identity }, 'holding the lease');
  }

  /** Renews until the signal aborts, then gives the lease up; rejects when it was lost. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, retryMs, renewMs, name } = this.#options;
    try {
      for (let pause = renewMs; !signal.aborted; ) {
        await clock.sleep(pause, signal);
        if (signal.aborted) break;
        const renewed = await this.#attempt(signal);
        if (!renewed && !this.held) throw new Error(`lease ${name} was lost`);
        pause = renewed ? renewMs : retryMs;
      }
    } finally {
      this.#report(0);
    }
  }

  /** Lets the next contender in at once instead of after the lease has run out. */
  async release(): Promise<void> {
    const { namespace, name, identity, log } = this.#options;
    const lease = this.#lease;
    this.#lease = undefined; // by the next try it has changed
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    if (lease?.spec?.holderIdentity !== identity) return;
    try {
      await this.#giveUp(lease).catch(async error => {
        if (!isConflict(error)) throw error;
        const changed = await this.#read(undefined); // somebody has written its metadata
        if (changed?.spec?.holderIdentity === identity) await this.#giveUp(changed);
      });
    } catch (error) {
      log.warn({ lease: `${namespace}/${name}`, reason: errorMessage(error) }, 'the lease could not be given up');
    }
  }

  async #giveUp(lease: Lease): Promise<void> {
    await this.#write(lease, { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 }, undefined);
  }

  /** One try to get or renew; false when somebody else holds the lease or the server did not answer. */
  async #attempt(signal: AbortSignal): Promise<boolean> {
    const succeeded = await this.#try(signal);
    this.#options.onAttempt();
    return succeeded;
  }

  async #try(signal: AbortSignal): Promise<boolean> {
    const { clock, identity, log, name } = this.#options;
    const before = clock.monotonic();
    try {
      const lease = this.#lease?.spec?.holderIdentity === identity ? this.#lease : await this.#read(signal);
      this.#lease = lease;
      if (lease && !this.#mayTake(lease)) {
        this.#holder = lease.spec?.holderIdentity;
        this.#renewedAt = Number.NEGATIVE_INFINITY;
        return false;
      }
      this.#lease = await this.#take(lease, signal);
      this.#renewed(before);
      return true;
    } catch (error) {
      this.#lease = undefined; // read it before the next try
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error))
        log.warn({ lease: name, reason: errorMessage(error) }, 'the lease could not be renewed');
      return false;
    }
  }

  #renewed(at: number): void {
    this.#renewedAt = at;
    this.#holder = undefined;
    const version = this.#lease?.metadata?.resourceVersion ?? '';
    this.#renewals = [...this.#renewals, { version, at }].slice(-REMEMBERED);
  }

  #mayTake(lease: Lease): boolean {
    const { clock, identity, leaseMs } = this.#options;
    const { holderIdentity = '', leaseDurationSeconds } = lease.spec ?? {};
    if (holderIdentity === '' || holderIdentity === identity) return true;
    const version = lease.metadata?.resourceVersion ?? '';
    const now = clock.monotonic();
    if (this.#observed?.version !== version) this.#observed = { version, at: now };
    const seconds = Math.min(leaseDurationSeconds ?? leaseMs / 1000, LONGEST_LEASE_SECONDS);
    return now - this.#observed.at >= seconds * 1000;
  }

  async #take(lease: Lease | undefined, signal: AbortSignal): Promise<Lease> {
    const { identity, leaseMs, clock } = this.#options;
    const now = microTimestamp(clock.now());
    const { holderIdentity, acquireTime, leaseTransitions = 0 } = lease?.spec ?? {};
    const mine = holderIdentity === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.round(leaseMs / 1000)),
      acquireTime: mine && acquireTime ? acquireTime : now,
      renewTime: now,
      leaseTransitions: mine ? leaseTransitions : lease ? (leaseTransitions + 1) % MOST_TRANSITIONS : 0,
    };
    if (lease) return await this.#write(lease, spec, signal);
    const { client, namespace, name } = this.#options;
    return await client.create(LeaseType, { namespace }, { metadata: { name, namespace }, spec }, this.#call(signal));
  }

  async #write(lease: Lease, spec: Lease['spec'], signal: AbortSignal | undefined): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    const patch = { metadata: { resourceVersion: lease.metadata?.resourceVersion }, spec };
    return await client.mergePatch(LeaseType, { namespace, name }, patch, this.#call(signal));
  }

  async #read(signal: AbortSignal | undefined): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    return await client.find(LeaseType, { namespace, name }, this.#call(signal));
  }

  #report(status: 0 | 1): void {
    if (this.#options.reported) leaderStatus.set({ name: this.#options.name }, status);
  }

  #call(signal: AbortSignal | undefined) {
    return { signal, timeoutMs: Math.max(1_000, this.#options.renewDeadlineMs / 2) };
  }
}
