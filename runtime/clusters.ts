import type { Cluster } from './cluster.ts';
import { clusterConnected } from './metrics.ts';

export interface EngageHandler {
  /** A cluster was engaged: ask for informers and start controllers; they end with `cluster.signal`. */
  engaged(cluster: Cluster): void;
  disengaged?(cluster: Cluster): void;
}

/**
 * The clusters that controllers are engaged with, after sigs.k8s.io/multicluster-runtime. Each has a
 * client, caches and an end of its own, so that none waits for another.
 */
export class Clusters {
  readonly #engaged = new Map<string, Cluster>();
  readonly #handlers = new Set<EngageHandler>();

  get(name: string): Cluster | undefined {
    return this.#engaged.get(name);
  }

  list(): Cluster[] {
    return [...this.#engaged.values()];
  }

  /** Hears of the clusters engaged already and of every change. The result unsubscribes. */
  subscribe(handler: EngageHandler): () => void {
    this.#handlers.add(handler);
    for (const cluster of this.#engaged.values()) handler.engaged(cluster);
    return () => this.#handlers.delete(handler);
  }

  /** Starts all handlers' controllers on a connected cluster, then its watches. */
  engage(cluster: Cluster): void {
    if (this.#engaged.has(cluster.name)) throw new Error(`cluster ${cluster.name} is engaged already`);
    this.#engaged.set(cluster.name, cluster);
    clusterConnected.set({ cluster: cluster.name }, 1);
    for (const handler of this.#handlers) handler.engaged(cluster);
    cluster.start();
  }

  /** Ends what runs on the cluster and frees its caches. */
  async disengage(name: string): Promise<void> {
    const cluster = this.#engaged.get(name);
    if (!cluster) return;
    this.#engaged.delete(name);
    clusterConnected.set({ cluster: name }, 0);
    const stopped = cluster.stop();
    for (const handler of this.#handlers) handler.disengaged?.(cluster);
    await stopped;
  }

  /** Forgets the cluster's metric; for clusters that were deleted. */
  forget(name: string): void {
    clusterConnected.remove({ cluster: name });
  }
}
