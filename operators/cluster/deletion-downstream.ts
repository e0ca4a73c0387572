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
import { CLAIM, ConfigMaps, type Owner } from '../engagement/claim.ts';
import type { HandBackStage } from '../engagement/hand-back.ts';
import { Cleaning, type CleaningOptions, type Goal, ownSystemNamespace, PASS_GAP_MS } from './deletion-cleaning.ts';
import { DERIVED_KINDS, LOCAL_KINDS } from './deletion-derived.ts';

/** How it stands with a downstream that is being handed back. */
export interface HandBackState {
  /** Whether the last attempt reached it; undefined before the first one has ended. */
  readonly reached?: boolean;
  readonly stage: HandBackStage;
  /** What stands in the way: the error of the last attempt, or whose the downstream is. */
  readonly problem?: string;
  /** What is left there, grants nothing, and is kept by foreign finalizers. */
  readonly held?: string;
}

/** Work on one downstream that is being handed back, over a connection to it or by its agent. */
export interface HandingBack {
  readonly state: HandBackState;
  /** When the downstream was heard from last, wall clock, ms. */
  readonly contactAt: number | undefined;
  /** Lets it go on to a further goal; an earlier one is ignored. An agent reads it from the status instead. */
  raise(goal: Goal): void;
  stop(): Promise<void>;
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
const CONTACT_EVERY_MS = 5_000;

/**
 * Hands one downstream back, as far as {@link raise} allows: reaches it, removes what was derived there, gives up the
 * claim. It has a connection of its own, tries until it is stopped, and nothing in it waits for another cluster.
 */
export class HandBack implements HandingBack {
  readonly #options: HandBackOptions;
  readonly #cluster: ClusterConnection;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #whose: CleaningOptions;
  readonly #cleaning: Cleaning;
  readonly #ended: Promise<void>;
  #wake = new AbortController();
  #goal: Goal = 'reach';
  #state: HandBackState = { stage: 'begun' };
  #uid: string | undefined;
  #contactAt: number | undefined;

  constructor(options: HandBackOptions) {
    this.#options = options;
    this.#cluster = new ClusterConnection(options.cluster);
    this.#whose = {
      owner: options.owner,
      cluster: options.cluster.name,
      kinds: options.isLocal ? LOCAL_KINDS : DERIVED_KINDS,
    };
    this.#cleaning = new Cleaning(this.#whose);
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
      this.#cleaning.restart();
      return { stage, reached: false, problem: errorMessage(error) };
    }
    try {
      return await this.#advance();
    } catch (error) {
      this.#cleaning.restart();
      return { stage, reached: !(error instanceof ConnectionError), problem: errorMessage(error) };
    }
  }

  /** Learns who answers; another cluster than before has not been looked at. */
  async #reach(): Promise<void> {
    const limit = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(REACH_MS)]);
    await this.#cluster.connect(limit);
    this.#contactAt = this.#options.clock.now();
    if (this.#uid !== this.#cluster.uid) this.#cleaning.restart();
    this.#uid = this.#cluster.uid;
  }

  async #advance(): Promise<HandBackState> {
    const scope = { client: this.#cluster.client, signal: this.#stop.signal };
    const release = (claim: string | undefined) => this.#release(claim);
    const towards = { stage: this.#state.stage, goal: this.#goal, release };
    return { ...(await this.#cleaning.advance(towards, scope)), reached: true };
  }

  /**
   * After a clean-up namespace `paddock-system` goes too, if Paddock made it. It takes the claim along, so that nobody
   * claims the cluster in a namespace that is about to go.
   */
  async #release(claim: string | undefined): Promise<void> {
    const { client } = this.#cluster;
    const { signal } = this.#stop;
    const goes = this.#state.stage === 'clean' && !this.#options.isLocal;
    const system = goes ? await ownSystemNamespace(this.#whose, { client, signal }) : undefined;
    if (system) await client.delete(Namespaces, { name: CLAIM.namespace }, { uid: system.metadata?.uid, signal });
    else if (claim !== undefined) await client.delete(ConfigMaps, CLAIM, { uid: claim, signal });
  }

  #publish(state: HandBackState): void {
    if (jsonEqual(state, this.#state)) return;
    this.#state = state;
    this.#options.onChange();
  }
}
