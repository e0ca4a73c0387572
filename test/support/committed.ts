import { type Client, type KubeObject, type ResourceType, type WatchEvent, Watcher } from '#runtime';
import type { RoleObject } from '../../operators/engagement/rbac-kinds.ts';

type Change = 'created' | 'changed' | 'deleted';

/**
 * What was committed to objects of ours on a cluster since the last look, by kind, as its watches tell: each write
 * once, also one whose writer got no answer. What Kubernetes itself aggregates into a ClusterRole is left out.
 */
export class Committed {
  readonly #stop = new AbortController();
  /** The last version seen of each object. */
  readonly #versions = new Map<string, string | undefined>();
  #counts: Record<string, number> = {};

  static async start(client: Client, types: readonly ResourceType<KubeObject>[]): Promise<Committed> {
    const committed = new Committed();
    await Promise.all(types.map(type => committed.#follow(client, type)));
    return committed;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Such as `{ 'RoleBinding created': 1 }`. */
  take(): Record<string, number> {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }

  /** Resolves when nothing that happens from now on is missed. */
  async #follow(client: Client, type: ResourceType<KubeObject>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let following = false;
    const emit = (event: WatchEvent<KubeObject>) => {
      if (event.type === 'InitDone') {
        following = true;
        resolve();
      }
      if ('object' in event) this.#see(type.kind, event.type === 'Delete', event.object, following);
    };
    const watcher = new Watcher({ type, labelSelector: 'paddock.dev/owner', emit });
    void watcher.run(client, this.#stop.signal);
    await promise;
  }

  #see(kind: string, deleted: boolean, object: KubeObject, following: boolean): void {
    const { uid = '', resourceVersion } = object.metadata ?? {};
    const known = this.#versions.has(uid);
    const same = this.#versions.get(uid) === resourceVersion;
    if (deleted) this.#versions.delete(uid);
    else this.#versions.set(uid, resourceVersion);
    if (!following || (same && !deleted)) return; // told again by a list
    const change = deleted ? 'deleted' : known ? 'changed' : 'created';
    if (change === 'changed' && (object as RoleObject).aggregationRule !== undefined) return;
    this.#count(kind, change);
  }

  #count(kind: string, change: Change): void {
    const what = `${kind} ${change}`;
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}
