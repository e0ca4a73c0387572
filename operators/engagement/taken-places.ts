import { ownership } from '#api';
import { type Cluster, type Informer, type Key, type KubeObject, keyOf, keyString, type ResourceType } from '#runtime';

/** Where an object of ours should be and a foreign one is. */
export interface Place {
  readonly type: ResourceType;
  readonly key: Key;
}

interface NameWatch {
  readonly informer: Informer<KubeObject>;
  readonly selection: { readonly fieldSelector: string; readonly metadataOnly: true };
  /** Who waits for each place, by the key of the object. */
  readonly waiting: Map<string, Set<string>>;
}

/**
 * The foreign objects that stand where derived ones should be. Caches hold marked objects only, so for each kind and
 * name in conflict one watch, metadata only and of that name alone, tells when a place becomes free.
 */
export class TakenPlaces {
  readonly #cluster: Cluster;
  readonly #freed: (waiter: string) => void;
  readonly #watches = new Map<string, NameWatch>();

  /** `freed` is called with who waits for a place that may have become free. */
  constructor(cluster: Cluster, freed: (waiter: string) => void) {
    this.#cluster = cluster;
    this.#freed = freed;
  }

  /** A foreign object is known to stand there: no need to try and be refused. */
  isTaken(place: Place): boolean {
    const watch = this.#watches.get(watchId(place));
    if (!watch?.waiting.has(keyString(place.key))) return false;
    const object = watch.informer.get(place.key);
    return object !== undefined && ownership(object.metadata) === 'foreign';
  }

  /** Replaces what one waits for. */
  set(waiter: string, places: readonly Place[]): void {
    const wanted = new Map(places.map(place => [watchId(place), place]));
    for (const [id, watch] of this.#watches) {
      const place = wanted.get(id);
      for (const [key, waiters] of watch.waiting)
        if ((!place || keyString(place.key) !== key) && waiters.delete(waiter) && waiters.size === 0)
          watch.waiting.delete(key);
      if (watch.waiting.size > 0 || place) continue;
      this.#watches.delete(id);
      this.#cluster.cache.release(watch.informer.type, watch.selection);
    }
    for (const [id, place] of wanted) {
      const watch = this.#watches.get(id) ?? this.#open(id, place);
      const key = keyString(place.key);
      watch.waiting.set(key, (watch.waiting.get(key) ?? new Set()).add(waiter));
    }
  }

  #open(id: string, { type, key }: Place): NameWatch {
    const selection = { fieldSelector: `metadata.name=${key.name}`, metadataOnly: true } as const;
    const informer = this.#cluster.cache.informer(type, selection);
    const watch: NameWatch = { informer, selection, waiting: new Map() };
    const free = (place: string) => {
      for (const waiter of watch.waiting.get(place) ?? []) this.#freed(waiter);
    };
    informer.subscribe({
      applied: (object, old) => {
        if (old && ownership(object.metadata) !== ownership(old.metadata)) free(keyString(keyOf(object)));
      },
      deleted: object => free(keyString(keyOf(object))),
      // gone between the refusal and the first list: no event would ever tell
      synced: () => {
        for (const place of watch.waiting.keys()) if (!informer.get(place)) free(place);
      },
    });
    this.#watches.set(id, watch);
    return watch;
  }
}

/** One waiter waits for one object of a kind and name at most: those of a namespace, or of a cluster. */
const watchId = ({ type, key }: Place) => `${type.plural}.${type.group} ${key.name}`;
