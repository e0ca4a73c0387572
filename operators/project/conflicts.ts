import { ownership } from '#api';
import { type Cluster, type Informer, type KubeObject, keyString } from '#runtime';
import { type Copy, CopyTypes, type SharedKind } from './kinds.ts';

/** A copy that can't be where it should be, as the Project's status names it. */
export interface Conflict {
  readonly namespace: string;
  readonly kind: SharedKind;
  readonly name: string;
  readonly reason: 'Conflict' | 'Refused' | 'InvalidSelector' | 'TooLarge' | 'Invalid' | 'Forbidden';
  readonly message: string;
}

interface NameWatch {
  readonly informer: Informer<Copy>;
  readonly selection: { readonly fieldSelector: string; readonly metadataOnly: true };
  readonly namespaces: Set<string>;
}

/**
 * The foreign objects that stand where copies should be. Caches hold marked objects only, so for each
 * name in conflict one watch, metadata only and of that name alone, tells when the place becomes free.
 */
export class Conflicts {
  readonly #cluster: Cluster;
  readonly #freed: (namespace: string) => void;
  readonly #found = new Map<string, readonly Conflict[]>();
  readonly #watches = new Map<string, NameWatch>();

  /** `freed` is called with a namespace whose conflicts may have ended. */
  constructor(cluster: Cluster, freed: (namespace: string) => void) {
    this.#cluster = cluster;
    this.#freed = freed;
  }

  of(namespace: string): readonly Conflict[] {
    return this.#found.get(namespace) ?? [];
  }

  /** A foreign object is known to stand there: no need to try and be refused. */
  isBlocked(kind: SharedKind, namespace: string, name: string): boolean {
    const watch = this.#watches.get(`${kind} ${name}`);
    if (!watch?.namespaces.has(namespace)) return false;
    const object = watch.informer.get({ namespace, name });
    return object !== undefined && ownership(object.metadata) === 'foreign';
  }

  /** Replaces what is known of a namespace; returns what is new and what is gone. */
  set(namespace: string, conflicts: readonly Conflict[]): { found: Conflict[]; resolved: Conflict[] } {
    const before = this.of(namespace);
    if (conflicts.length === 0) this.#found.delete(namespace);
    else this.#found.set(namespace, conflicts);
    this.#follow(namespace, conflicts);
    return {
      found: conflicts.filter(conflict => !before.some(other => same(conflict, other))),
      resolved: before.filter(conflict => !conflicts.some(other => same(conflict, other))),
    };
  }

  #follow(namespace: string, conflicts: readonly Conflict[]): void {
    const wanted = new Set(conflicts.filter(({ reason }) => reason === 'Conflict').map(watchId));
    for (const [id, watch] of this.#watches) {
      if (wanted.has(id) || !watch.namespaces.delete(namespace) || watch.namespaces.size > 0) continue;
      this.#watches.delete(id);
      this.#cluster.cache.release(watch.informer.type, watch.selection);
    }
    for (const conflict of conflicts) {
      if (!wanted.has(watchId(conflict))) continue;
      const watch = this.#watches.get(watchId(conflict)) ?? this.#open(conflict);
      watch.namespaces.add(namespace);
    }
  }

  #open({ kind, name }: Conflict): NameWatch {
    const selection = { fieldSelector: `metadata.name=${name}`, metadataOnly: true } as const;
    const informer = this.#cluster.cache.informer(CopyTypes[kind], selection);
    const watch: NameWatch = { informer, selection, namespaces: new Set() };
    const changed = (object: KubeObject) => {
      const { namespace = '' } = object.metadata ?? {};
      if (watch.namespaces.has(namespace)) this.#freed(namespace);
    };
    informer.subscribe({
      applied: (object, old) => {
        if (old && ownership(object.metadata) !== ownership(old.metadata)) changed(object);
      },
      deleted: changed,
      // gone between the refusal and the first list: no event would ever tell
      synced: () => {
        for (const namespace of watch.namespaces)
          if (!informer.get(keyString({ namespace, name }))) this.#freed(namespace);
      },
    });
    this.#watches.set(`${kind} ${name}`, watch);
    return watch;
  }
}

const watchId = ({ kind, name }: Conflict) => `${kind} ${name}`;

function same(a: Conflict, b: Conflict): boolean {
  return a.kind === b.kind && a.name === b.name && a.reason === b.reason;
}
