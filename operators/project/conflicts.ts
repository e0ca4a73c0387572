import type { Cluster } from '#runtime';
import { type Place, TakenPlaces } from '../engagement/taken-places.ts';
import { CopyTypes, type GivenKind } from './kinds.ts';
import type { Refusal } from './source.ts';

/** An object that can't be where it should be, as the Project's status names it. */
export interface Conflict {
  readonly namespace: string;
  readonly kind: GivenKind;
  readonly name: string;
  readonly reason: 'Conflict' | 'TooLarge' | 'Invalid' | 'Forbidden' | Refusal['reason'];
  readonly message: string;
}

/** The targets of each namespace that can't be served, and the foreign objects among what is in their place. */
export class Conflicts {
  readonly #found = new Map<string, readonly Conflict[]>();
  readonly #taken: TakenPlaces;

  /** `freed` is called with a namespace whose conflicts may have ended. */
  constructor(cluster: Cluster, freed: (namespace: string) => void) {
    this.#taken = new TakenPlaces(cluster, freed);
  }

  of(namespace: string): readonly Conflict[] {
    return this.#found.get(namespace) ?? [];
  }

  /** A foreign object is known to stand there: no need to try and be refused. */
  isBlocked(kind: GivenKind, namespace: string, name: string): boolean {
    return this.#taken.isTaken(placeOf({ kind, namespace, name }));
  }

  /** Replaces what is known of a namespace; returns what is new and what is gone. */
  set(namespace: string, conflicts: readonly Conflict[]): { found: Conflict[]; resolved: Conflict[] } {
    const before = this.of(namespace);
    if (conflicts.length === 0) this.#found.delete(namespace);
    else this.#found.set(namespace, conflicts);
    this.#taken.set(namespace, conflicts.filter(({ reason }) => reason === 'Conflict').map(placeOf));
    return {
      found: conflicts.filter(conflict => !before.some(other => same(conflict, other))),
      resolved: before.filter(conflict => !conflicts.some(other => same(conflict, other))),
    };
  }
}

function placeOf({ kind, namespace, name }: Pick<Conflict, 'kind' | 'namespace' | 'name'>): Place {
  return { type: CopyTypes[kind], key: { namespace, name } };
}

function same(a: Conflict, b: Conflict): boolean {
  return a.kind === b.kind && a.name === b.name && a.reason === b.reason;
}
