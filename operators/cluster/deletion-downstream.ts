import {
  Backoff,
  type Clock,
  Cluster as ClusterConnection,
  type ClusterOptions,
  ConnectionError,
  errorMessage,
  jsonEqual,
  Namespaces,
} from '#runtime';
import { CLAIM, ConfigMaps, claimOwner, type Owner } from '../engagement/claim.ts';
import { cleanPass, isDerived } from './deletion-derived.ts';

/** How far a downstream may be handed back; each includes those before it. */
export type Goal = 'reach' | 'clean' | 'release';

/** How it stands with a downstream that is being handed back. */
export interface HandBackState {
  /** Whether the last attempt reached it; undefined before the first one has ended. */
  readonly reached?: boolean;
  /** `clean`: nothing of ours is left but the claim. `foreign`: it is claimed by another hub or Cluster. */
  readonly stage: 'begun' | 'clean' | 'released' | 'foreign';
  /** What stands in the way: the error of the last attempt, or whose the downstream is. */
  readonly problem?: string;
}

export interface HandBackOptions {
  readonly cluster: Omit<ClusterOptions, 'onReplaced'>;
  readonly owner: Owner;
  /** Where the hub is the cluster: namespace `paddock-system` is the operators' own and stays. */
  readonly isLocal: boolean;
  readonly clock: Clock;
  /** Called whenever {@link HandBack.state} differs from what it was. */
  readonly onChange: () => void;
  /** Waited for first: what may still be about to claim the downstream. */
  readonly after: Promise<unknown>;
}

/** An attempt to reach a server is given up after this. */
const REACH_MS = 10_000;
/**
 * Two passes in a row that find nothing, so far apart, are the end: a write that was on its way when its sender was
 * stopped has arrived by then.
 */
const PASS_GAP_MS = 2_000;
const CONTACT_EVERY_MS = 5_000;
/** `paddock-system` of a cluster that is a hub itself carries this label, by our manifests: it stays. */
const PART_OF = 'app.kubernetes.io/part-of';

/**
 * Hands one downstream back, as far as {@link raise} allows: reaches it, removes what was derived there, gives up the
 * claim. It has a connection of its own, tries until it is stopped, and nothing in it waits for another cluster.
 */
export class HandBack {
  readonly #options: HandBackOptions;
  readonly #cluster: ClusterConnection;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #ended: Promise<void>;
  #wake = new AbortController();
  #goal: Goal = 'reach';
  #state: HandBackState = { stage: 'begun' };
  #uid: string | undefined;
  #emptyPasses = 0;
  #contactAt: number | undefined;

  constructor(options: HandBackOptions) {
    this.#options = options;
    this.#cluster = new ClusterConnection(options.cluster);
    this.#backoff = new Backoff({ base: 1_000, max: 15_000, resetAfter: 120_000, clock: options.clock });
    this.#ended = this.#run();
  }

  get state(): HandBackState {
    return this.#state;
  }

  /** When the downstream answered last, wall clock, ms. */
  get contactAt(): number | undefined {
    return this.#contactAt;
  }

  /** Lets it go on to a further goal; an earlier one is ignored. */
  raise(goal: Goal): void {
    const order: readonly Goal[] = ['reach', 'clean', 'release'];
    if (order.indexOf(goal) <= order.indexOf(this.#goal)) return;
    this.#goal = goal;
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the hand-back was given up'));
    this.#wake.abort();
    await Promise.all([this.#ended, this.#cluster.stop()]);
  }

  async #run(): Promise<void> {
    await this.#options.after;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      const state = await this.#attempt();
      if (this.#stop.signal.aborted) return;
      this.#publish(state);
      if (state.stage === 'released' || state.stage === 'foreign') return;
      await this.#options.clock.sleep(this.#pause(state), this.#wake.signal);
    }
  }

  #pause({ reached, stage, problem }: HandBackState): number {
    if (!reached || problem !== undefined) return this.#backoff.next();
    this.#backoff.reset();
    return this.#goal === 'clean' && stage !== 'clean' ? PASS_GAP_MS : CONTACT_EVERY_MS;
  }

  async #attempt(): Promise<HandBackState> {
    const { stage } = this.#state;
    try {
      await this.#reach();
    } catch (error) {
      this.#emptyPasses = 0;
      return { stage, reached: false, problem: errorMessage(error) };
    }
    try {
      return await this.#advance();
    } catch (error) {
      this.#emptyPasses = 0;
      return { stage, reached: !(error instanceof ConnectionError), problem: errorMessage(error) };
    }
  }

  /** Learns who answers; another cluster than before has not been looked at. */
  async #reach(): Promise<void> {
    const limit = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(REACH_MS)]);
    await this.#cluster.connect(limit);
    this.#contactAt = this.#options.clock.now();
    if (this.#uid !== this.#cluster.uid) this.#emptyPasses = 0;
    this.#uid = this.#cluster.uid;
  }

  async #advance(): Promise<HandBackState> {
    const { client, name: cluster } = this.#cluster;
    const { signal } = this.#stop;
    const { hub } = this.#options.owner;
    const holder = await client.find(ConfigMaps, CLAIM, { signal });
    if (holder && !this.#isOurs(claimOwner(holder), holder.data?.name)) {
      const problem = `it is claimed by Cluster ${holder.data?.name ?? ''} of the hub with kube-system uid ${holder.data?.hub ?? ''}`;
      return { stage: 'foreign', reached: true, problem };
    }
    if (this.#goal === 'release') {
      await this.#release(holder?.metadata?.uid);
      return { stage: 'released', reached: true };
    }
    if (this.#goal === 'reach' || this.#state.stage === 'clean') return { stage: this.#state.stage, reached: true };
    const found = await cleanPass({ client, cluster, hub, signal });
    this.#emptyPasses = found === 0 ? this.#emptyPasses + 1 : 0;
    return { stage: this.#emptyPasses >= 2 ? 'clean' : 'begun', reached: true };
  }

  /** Also the claim of an earlier Cluster of this name: a name has one Cluster at a time, and this is the last. */
  #isOurs(holder: Owner | undefined, name: string | undefined): boolean {
    const { owner, cluster } = this.#options;
    return holder?.hub === owner.hub && (holder.cluster === owner.cluster || name === cluster.name);
  }

  /**
   * After a clean-up namespace `paddock-system` goes too, if Paddock made it. It takes the claim along, so that nobody
   * claims the cluster in a namespace that is about to go.
   */
  async #release(claimUid: string | undefined): Promise<void> {
    const { client, name: cluster } = this.#cluster;
    const { signal } = this.#stop;
    const { owner, isLocal } = this.#options;
    const key = { name: CLAIM.namespace };
    const system =
      this.#state.stage === 'clean' && !isLocal
        ? await client.find(Namespaces, key, { signal, metadataOnly: true })
        : undefined;
    if (system && isDerived(system, { cluster, hub: owner.hub }) && !system.metadata?.labels?.[PART_OF])
      await client.delete(Namespaces, key, { uid: system.metadata?.uid, signal });
    else if (claimUid !== undefined) await client.delete(ConfigMaps, CLAIM, { uid: claimUid, signal });
  }

  #publish(state: HandBackState): void {
    if (jsonEqual(state, this.#state)) return;
    this.#state = state;
    this.#options.onChange();
  }
}
