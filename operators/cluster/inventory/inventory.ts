import { type Clock, type Cluster, type Informer, jsonEqual, keyOf, keyString } from '#runtime';
import { type Amounts, difference, NOTHING, type Quantities, quantitiesOf, sum } from './amounts.ts';
import { type LeftOut, leftOut } from './left-out.ts';
import { type Node, Nodes, type NodesSummary, reduceNode, summariseNodes } from './nodes.ts';
import { countedPod, PODS_ON_NODES, type Pod, Pods, reducePod } from './pods.ts';
import { Readable, type Unreadable } from './readable.ts';

/** What a cluster has and what is asked of it. */
export interface Summary extends NodesSummary {
  /** Left out while Pods can't be read. */
  readonly requested?: Quantities;
  /** What the server sends and can't be counted. */
  readonly leftOut?: LeftOut;
}

/** What is known of a cluster's nodes and Pods. */
export interface InventoryState {
  /** As it was counted last; undefined before nodes and Pods have been read for the first time. */
  readonly summary?: Summary;
  readonly nodesUnreadable?: Unreadable;
  readonly podsUnreadable?: Unreadable;
}

export interface InventoryOptions {
  /** Its nodes and Pods are watched until it is stopped. Whoever connected it starts its caches. */
  readonly cluster: Pick<Cluster, 'cache' | 'signal'>;
  readonly clock: Clock;
  /**
   * Called when {@link Inventory.state} has become another, never from within the constructor: at most once a second,
   * and for what only Pods have changed at most every 10 s.
   */
  readonly onChange: () => void;
}

/** Changes that come one upon the other are told as one. */
const GATHER_MS = 250;
const NODES_EVERY_MS = 1_000;
/** Pods come and go all the time, and nobody acts on their sum. */
const PODS_EVERY_MS = 10_000;
/** How often it is looked at whether nodes and Pods can still be read. */
const LOOK_EVERY_MS = 5_000;

/** Three times as many nodes as Kubernetes supports in a cluster: all are counted anew for each report. */
const MOST_NODES = 15_000;
const NODES_REQUEST = { transform: { name: 'inventory', apply: reduceNode }, mostObjects: MOST_NODES };
const PODS_REQUEST = { fieldSelector: PODS_ON_NODES, transform: { name: 'inventory', apply: reducePod } };

/**
 * Counts the nodes of one cluster and what its Pods request. Requests are summed as Pods come and go, nodes are
 * counted anew for each report: a thousand take about a millisecond.
 */
export class Inventory {
  readonly #options: InventoryOptions;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #nodesReadable: Readable;
  readonly #podsReadable: Readable;
  readonly #end: (() => void)[];
  #requested: Amounts = NOTHING;
  /** Keys of Pods whose requests can't be read. */
  readonly #unreadablePods = new Set<string>();
  #state: InventoryState = {};
  #reportedAt = Number.NEGATIVE_INFINITY;
  #due: { readonly at: number; readonly cancel: () => void } | undefined;
  #cancelLook = () => {};
  #stopped = false;

  constructor(options: InventoryOptions) {
    this.#options = options;
    const { cache, signal } = options.cluster;
    this.#nodes = cache.informer(Nodes, NODES_REQUEST);
    this.#pods = cache.informer(Pods, PODS_REQUEST);
    this.#nodesReadable = new Readable(this.#nodes);
    this.#podsReadable = new Readable(this.#pods);
    const stop = () => this.stop();
    signal.addEventListener('abort', stop, { once: true });
    this.#end = [this.#watchNodes(), this.#watchPods(), () => signal.removeEventListener('abort', stop)];
    if (signal.aborted) this.stop();
    else this.#lookLater();
  }

  get state(): InventoryState {
    return this.#state;
  }

  /** Ends the watches and frees what they kept. Nothing is told any more from the moment of the call. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#due?.cancel();
    this.#cancelLook();
    for (const end of this.#end) end();
    const { cache } = this.#options.cluster;
    cache.release(Nodes, NODES_REQUEST);
    cache.release(Pods, PODS_REQUEST);
  }

  #watchNodes(): () => void {
    return this.#nodes.subscribe({
      applied: (node, old) => {
        const isSame = jsonEqual(node.facts, old?.facts) && jsonEqual(node.unreadable, old?.unreadable);
        if (!isSame) this.#changed(NODES_EVERY_MS);
      },
      deleted: () => this.#changed(NODES_EVERY_MS),
      synced: () => this.#begin(),
    });
  }

  #watchPods(): () => void {
    const replace = (old: Amounts, now: Amounts) => {
      if (jsonEqual(old, now)) return;
      this.#requested = sum(difference(this.#requested, old), now);
      this.#changed(PODS_EVERY_MS);
    };
    return this.#pods.subscribe({
      applied: (pod, old) => {
        replace(old ? countedPod(old) : NOTHING, countedPod(pod));
        if (pod.unreadable !== old?.unreadable) this.#unreadable(pod, pod.unreadable ?? false);
      },
      deleted: old => {
        replace(countedPod(old), NOTHING);
        if (old.unreadable) this.#unreadable(old, false);
      },
      synced: () => this.#begin(),
    });
  }

  #unreadable(pod: Pod, is: boolean): void {
    const key = keyString(keyOf(pod));
    if (is) this.#unreadablePods.add(key);
    else this.#unreadablePods.delete(key);
    this.#changed(PODS_EVERY_MS);
  }

  /** Both have been read, as far as they can be. */
  get #complete(): boolean {
    return this.#nodes.synced && (this.#pods.synced || this.#podsReadable.problem !== undefined);
  }

  #begin(): void {
    if (this.#complete) this.#reportAt(this.#options.clock.monotonic());
  }

  #changed(everyMs: number): void {
    if (!this.#state.summary) return; // what the first list brings is told once it is complete
    this.#reportAt(Math.max(this.#options.clock.monotonic() + GATHER_MS, this.#reportedAt + everyMs));
  }

  #reportAt(at: number): void {
    if (this.#stopped || (this.#due && this.#due.at <= at)) return;
    const { clock } = this.#options;
    this.#due?.cancel();
    this.#due = { at, cancel: clock.after(Math.max(0, at - clock.monotonic()), () => this.#report()) };
  }

  #report(): void {
    this.#due?.cancel();
    this.#due = undefined;
    const state = this.#count();
    if (jsonEqual(state, this.#state)) return;
    this.#state = state;
    this.#reportedAt = this.#options.clock.monotonic();
    this.#options.onChange();
  }

  #count(): InventoryState {
    const { problem: nodesUnreadable } = this.#nodesReadable;
    const { problem: podsUnreadable } = this.#podsReadable;
    const problems = { ...(nodesUnreadable ? { nodesUnreadable } : {}), ...(podsUnreadable ? { podsUnreadable } : {}) };
    if (!this.#complete) return problems;
    const nodes = this.#nodes.list();
    const counted = summariseNodes(nodes.flatMap(({ facts }) => facts ?? []));
    const requested = podsUnreadable ? {} : { requested: quantitiesOf(this.#requested) };
    const left = leftOut(nodes, this.#unreadablePods);
    return { ...problems, summary: { ...counted, ...requested, ...(left ? { leftOut: left } : {}) } };
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#nodesReadable.look();
      this.#podsReadable.look();
      const { nodesUnreadable, podsUnreadable } = this.#state;
      if (this.#nodesReadable.problem !== nodesUnreadable || this.#podsReadable.problem !== podsUnreadable)
        this.#report();
      this.#lookLater();
    });
  }
}
