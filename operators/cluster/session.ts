import {
  BOUNDS,
  type Clock,
  Cluster as ClusterConnection,
  type ClusterOptions,
  type ConditionIntent,
  ConnectionError,
  errorMessage,
  jsonEqual,
} from '#runtime';
import { AlreadyClaimedError, assertClaim, type ConfigMap } from '../engagement/claim.ts';
import type { Problem } from '../engagement/heartbeat.ts';
import { type Connection, nameOf, type Refusal } from './connection.ts';
import type { Engagement } from './engagement.ts';
import {
  type ClaimRequest,
  claimProblem,
  type Identity,
  identify,
  takeClaim,
  versionProblem,
  watchClaim,
} from './establish.ts';
import { probeEveryMs } from './health.ts';
import { Inventory, type InventoryState } from './inventory/inventory.ts';
import { HealthMonitor } from './monitor.ts';
import { type Outcome, outcomeOfAnswer, outcomeOfError } from './outcome.ts';
import { PoliciesInPlace } from './policies/policies.ts';
import type { PoliciesState } from './policies/state.ts';
import { Trial, withRefusal, withTrialProblem } from './trial.ts';

/** What a session has learnt; what it has not is left out, and then the status stays as it was. */
export interface Observation {
  readonly connected?: ConditionIntent;
  readonly identity?: Identity;
  readonly claim?: 'ours' | Problem;
  /** The agent, where there is one. */
  readonly agent?: { readonly version: string; readonly replicas: number };
  /** Wall clock, ms. */
  readonly lastHeartbeatAt?: number;
  /** Known only while the claim is ours. */
  readonly inventory?: InventoryState;
  /** Whether the cluster enforces its admission policies; known only while the claim is ours. */
  readonly policies?: Exclude<PoliciesState, undefined>;
}

export interface SessionOptions {
  readonly connection: Connection;
  readonly claim: ClaimRequest;
  /** The Lease without which nothing is written to the cluster. */
  readonly engagement: Pick<Engagement, 'problem' | 'settled'>;
  /** The status before: whether the cluster answered ever, and whether it counted as connected. */
  readonly before: { readonly answered: boolean; readonly connected: boolean };
  readonly cluster: Omit<ClusterOptions, 'credentials' | 'onReplaced'>;
  readonly clock: Clock;
  /** Called whenever {@link Session.observation} differs from what it was, the time of the heartbeat aside. */
  readonly onChange: () => void;
}

/** The status waits this long for a new connection's version and claim, to be written once with them. */
const SETTLE_MS = 1_000;

/**
 * One connection to one cluster, with sockets, timers and an end of its own: probes it, learns what it
 * is, claims it and keeps it claimed. Nothing in it waits for another cluster, and it writes no status.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #stop = new AbortController();
  /** Ends the pause between two probes. */
  #wake = new AbortController();
  /** The connection in use. */
  #connection: Connection;
  /** Why the kubeconfig that is there now is not tried. */
  #refusal: Refusal | undefined;
  /** Another connection that is tried beside it. */
  #trial: Trial | undefined;
  readonly #cluster: ClusterConnection;
  readonly #ended: Promise<void>;
  readonly #monitor: HealthMonitor;
  #identity: Identity | undefined;
  #claim: 'ours' | Problem | undefined;
  /** How often the watch has shown the claim. */
  #claimsHeard = 0;
  #lastHeartbeatAt: number | undefined;
  #published: Observation = {};
  /** Counts what makes version and claim worth another look; {@link #settledAt} is the count last looked at. */
  #doubts = 1;
  #settledAt = 0;
  #settling: Promise<void> | undefined;
  /** The cluster has just answered, which is not told before its version and claim, unless these take long. */
  #waiting = false;
  #guarding = false;
  #inventory: Inventory | undefined;
  #policies: PoliciesInPlace | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { connection, before, cluster, clock } = options;
    this.#connection = connection;
    const { timeoutMs, credentials } = connection;
    const start = { server: nameOf(connection), timeoutMs, answered: before.answered, assumed: before.connected };
    this.#monitor = new HealthMonitor(start, clock, () => this.#publish());
    this.#cluster = new ClusterConnection({
      ...cluster,
      credentials,
      clock,
      keptBytes: BOUNDS.keptBytes,
      onReplaced: () => this.#doubt(),
    });
    this.#ended = this.#run();
  }

  get observation(): Observation {
    const { connected: seen } = this.#monitor.health;
    const connected = withRefusal(withTrialProblem(seen, this.#trial?.problem), this.#refusal);
    return {
      ...(connected && !this.#waiting ? { connected } : {}),
      ...(this.#identity ? { identity: this.#identity } : {}),
      ...(this.#verdict ? { claim: this.#verdict } : {}),
      ...(this.#lastHeartbeatAt === undefined ? {} : { lastHeartbeatAt: this.#lastHeartbeatAt }),
      ...(this.#inventory && this.#claim === 'ours' ? { inventory: this.#inventory.state } : {}),
      ...(this.#policies?.state && this.#claim === 'ours' ? { policies: this.#policies.state } : {}),
    };
  }

  /** What is in the way for good, then whose turn it is, then how the claim stands, then whether policies guard it. */
  get #verdict(): 'ours' | Problem | undefined {
    const claim = this.#claim;
    if (claim !== undefined && claim !== 'ours' && claim.terminal) return claim;
    const state = claim === 'ours' ? this.#policies?.state : claim;
    return this.#options.engagement.problem ?? (state === 'inPlace' ? 'ours' : state);
  }

  /** Who holds the engagement Lease has changed. */
  engagementChanged(): void {
    if (this.#stopped) return;
    this.#doubt();
    this.#publish();
  }

  /**
   * Goes on with this connection: other times hold from now, another credential is tried beside the one in use and
   * taken when it works. False when there is nothing to go on with, since the one in use does not work, or since it
   * is of another kind or another Cluster of the same name: open a new session then.
   */
  adopt(connection: Connection, uid: string | undefined): boolean {
    const sameKind = (connection.server === undefined) === (this.#connection.server === undefined);
    if (!sameKind || uid !== this.#options.claim.owner.cluster) return false;
    const inUse = connection.hash === this.#connection.hash;
    if (!inUse && this.#monitor.health.connected?.status !== 'True') return false;
    this.#refusal = undefined;
    this.#retime(connection);
    if (this.#trial?.connection.hash === connection.hash) return true;
    this.#trial?.stop();
    this.#trial = inUse ? undefined : this.#try(connection);
    return true;
  }

  /**
   * Goes on by the connection in use although the kubeconfig that is there now is refused. False when that one does not
   * work, or is not by a kubeconfig, or is another Cluster's.
   */
  refuse(refusal: Refusal, uid: string | undefined): boolean {
    if (this.#connection.server === undefined || uid !== this.#options.claim.owner.cluster) return false;
    if (this.#monitor.health.connected?.status !== 'True') return false;
    this.#trial?.stop();
    this.#trial = undefined;
    this.#refusal = refusal;
    return true;
  }

  /** Ends the probes and closes the sockets. Nothing is reported any more from the moment of the call. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the connection was given up'));
    this.#wake.abort();
    this.#trial?.stop();
    this.#monitor.stop();
    await Promise.all([this.#ended, this.#cluster.stop()]);
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopped) {
      const startedAt = clock.monotonic();
      const outcome = await this.#probe();
      if (this.#stopped) return;
      this.#learn(outcome);
      if (outcome.kind === 'healthy') {
        await this.#settle();
        void this.#guard();
      }
      this.#publish();
      const { intervalMs } = this.#connection;
      const wait = probeEveryMs(this.#monitor.health, intervalMs) - (clock.monotonic() - startedAt);
      await clock.sleep(Math.max(wait, intervalMs / 10), this.#wake.signal);
      if (!this.#stopped && this.#wake.signal.aborted) this.#wake = new AbortController();
    }
  }

  #retime({ intervalMs, timeoutMs }: Connection): void {
    if (intervalMs === this.#connection.intervalMs && timeoutMs === this.#connection.timeoutMs) return;
    this.#connection = { ...this.#connection, intervalMs, timeoutMs };
    this.#monitor.retime(timeoutMs);
    this.#wake.abort();
  }

  #try(connection: Connection): Trial {
    const { clock } = this.#options;
    const taken = () => {
      if (this.#stopped) return;
      if (this.#trial === trial) this.#trial = undefined;
      const { intervalMs, timeoutMs } = this.#connection;
      this.#connection = { ...connection, intervalMs, timeoutMs };
      this.#monitor.move(nameOf(connection));
      this.#doubt(); // address and CA are another's, and so may be the version
      this.#options.onChange(); // what is wanted may be another one by now
    };
    const trial = new Trial({ connection, cluster: this.#cluster, clock, taken, failed: () => this.#publish() });
    return trial;
  }

  async #probe(): Promise<Outcome> {
    const { intervalMs, timeoutMs } = this.#connection;
    const bounds = { timeoutMs: Math.min(intervalMs * 2, timeoutMs), maxBytes: BOUNDS.probeBytes };
    const request = { method: 'GET', path: '/readyz', ...bounds } as const;
    try {
      return outcomeOfAnswer(await this.#cluster.transport.request({ ...request, signal: this.#stop.signal }));
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  #learn(outcome: Outcome): void {
    this.#monitor.observe(outcome);
    if (outcome.kind === 'healthy') this.#lastHeartbeatAt = this.#options.clock.now();
    else {
      this.#doubts += 1; // what comes back may have been upgraded, or be another cluster
      this.#policies?.doubt();
    }
  }

  #doubt(): void {
    this.#doubts += 1;
    this.#policies?.doubt();
    if (this.#monitor.health.connected?.status === 'True') void this.#settle();
  }

  /** Looks at version and claim if there is reason to; comes back when that is done, or takes long. */
  async #settle(): Promise<void> {
    if (this.#settledAt !== this.#doubts && !this.#settling)
      this.#settling = this.#establish(this.#doubts).finally(() => {
        this.#settling = undefined;
        this.#waiting = false;
        this.#publish();
      });
    if (!this.#settling || this.#claim !== undefined) return;
    this.#waiting = this.#published.connected?.status !== 'True';
    await Promise.race([this.#settling, this.#options.clock.sleep(SETTLE_MS, this.#stop.signal)]);
    this.#waiting = false;
  }

  async #establish(doubts: number): Promise<void> {
    const { claim, engagement } = this.#options;
    const { signal } = this.#stop;
    try {
      this.#identity = await identify(this.#cluster, this.#connection.credentials, signal);
      const tooOld = versionProblem(this.#identity.version);
      if (tooOld) this.#claim = tooOld;
      if (tooOld) return; // asked again with every heartbeat: it may be upgraded
      await this.#cluster.connect(signal);
      await engagement.settled(signal);
      if (engagement.problem) return; // another's turn to write: tried again when that has changed
      const heard = this.#claimsHeard;
      await takeClaim(this.#cluster, claim, signal);
      if (this.#claimsHeard === heard) this.#own(); // else the watch has told something newer meanwhile
    } catch (error) {
      if (this.#stopped || error instanceof ConnectionError) return; // the probes tell whether it answers
      this.#claim = claimProblem(error, errorMessage);
      if (!this.#claim.terminal) return; // tried again with the next heartbeat
    }
    this.#guardClaim();
    this.#settledAt = doubts;
    await this.#guard();
    await this.#policies?.known(SETTLE_MS);
  }

  /** Puts the policies in place, or looks whether they still are, where the cluster is ours and it is our turn. */
  async #guard(): Promise<void> {
    if (this.#claim === 'ours' && !this.#options.engagement.problem) await this.#policies?.heard();
  }

  /** The cluster is this hub's: from now on it is counted and guarded as well, both until the connection ends. */
  #own(): void {
    this.#claim = 'ours';
    const { clock, claim } = this.#options;
    const common = { cluster: this.#cluster, clock, onChange: () => this.#publish() };
    this.#inventory ??= new Inventory(common);
    this.#policies ??= new PoliciesInPlace({
      ...common,
      owner: claim.owner,
      isLocal: this.#connection.server === undefined,
    });
  }

  /** Watches the claim: another's is reported at once, a deleted one is taken again. */
  #guardClaim(): void {
    if (this.#guarding) return;
    this.#guarding = true;
    const heard = { seen: (claim: ConfigMap) => this.#claimSeen(claim), gone: () => this.#doubt() };
    watchClaim(this.#cluster, heard, this.#stop.signal);
    this.#cluster.start();
  }

  #claimSeen(object: ConfigMap): void {
    this.#claimsHeard += 1;
    try {
      assertClaim(object, this.#options.claim.owner);
      this.#own();
    } catch (error) {
      if (!(error instanceof AlreadyClaimedError)) throw error;
      this.#claim = claimProblem(error, errorMessage);
    }
    this.#publish();
  }

  #publish(): void {
    const { lastHeartbeatAt: _time, ...observation } = this.observation;
    if (this.#stopped || jsonEqual(observation, this.#published)) return;
    this.#published = observation;
    this.#options.onChange();
  }
}
