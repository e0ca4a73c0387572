import { resourceName } from '../../../runtime/resource.ts';
import { type ApiObject, type DraftObject, deepFreeze, objectKey } from './api-object.ts';
import type { FakeKind } from './kinds.ts';
import { expired } from './status.ts';

/** One write, as the watch cache keeps it. */
export interface Change {
  readonly revision: number;
  readonly kind: FakeKind;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** After the write; of a deleted object its last state, under the revision of the deletion. */
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
}

/** Crosses 100 early, so that versions compared as text are found out. */
const FIRST_REVISION = 95;

/**
 * What etcd and the watch cache are to an API server: objects, one revision counter for all kinds and a
 * bounded memory of the last changes, from which older states and missed events are told.
 */
export class Storage {
  readonly #window: number;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #revision = FIRST_REVISION;
  #oldest = FIRST_REVISION;

  constructor({ window }: { window: number }) {
    this.#window = window;
  }

  /** Of the last write of any kind. */
  get revision(): number {
    return this.#revision;
  }

  /** Everything after this revision is still known. */
  get oldest(): number {
    return this.#oldest;
  }

  get(kind: FakeKind, key: string): ApiObject | undefined {
    return this.#objects.get(resourceName(kind))?.get(key);
  }

  /** All objects of a kind, in the order of their keys. */
  list(kind: FakeKind): ApiObject[] {
    return sorted(this.#objects.get(resourceName(kind)) ?? new Map());
  }

  /** Creates or replaces; the caller has checked everything. */
  put(kind: FakeKind, draft: DraftObject): ApiObject {
    const key = objectKey(draft);
    const previous = this.get(kind, key);
    const object = this.#stamp(draft);
    const objects = this.#objects.get(resourceName(kind)) ?? new Map<string, ApiObject>();
    this.#objects.set(resourceName(kind), objects.set(key, object));
    this.#commit({ kind, type: previous ? 'MODIFIED' : 'ADDED', object, previous });
    return object;
  }

  /** Removes an object that exists. The event carries what it was, not what the last request made of it. */
  remove(kind: FakeKind, previous: ApiObject): void {
    this.#objects.get(resourceName(kind))?.delete(objectKey(previous));
    this.#commit({ kind, type: 'DELETED', object: this.#stamp(previous), previous });
  }

  /** Changes of all kinds after `revision`, or `undefined` if some of them are forgotten. */
  changesAfter(revision: bigint): readonly Change[] | undefined {
    if (revision < BigInt(this.#oldest)) return undefined;
    return this.#history.filter(change => BigInt(change.revision) > revision);
  }

  /**
   * The objects of a kind as they were at `revision`, in the order of their keys.
   * @throws StatusError 410 when that is forgotten
   */
  listAt(kind: FakeKind, revision: number): ApiObject[] {
    if (revision < this.#oldest) throw expired('The resourceVersion for the provided list is too old.');
    const objects = new Map(this.#objects.get(resourceName(kind)));
    for (const change of this.#history.toReversed()) {
      if (change.revision <= revision) break;
      if (resourceName(change.kind) !== resourceName(kind)) continue;
      if (change.previous) objects.set(objectKey(change.previous), change.previous);
      else objects.delete(objectKey(change.object));
    }
    return sorted(objects);
  }

  /** Forgets all history: what is not at the current revision has to list again. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#revision;
  }

  /** Uses up revisions, as writes to kinds that nobody looks at do. */
  advance(count: number): void {
    this.#revision += count;
  }

  /** Calls `listener` with each change, in order, before the write is answered. Returns the way to stop it. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #stamp(draft: DraftObject | ApiObject): ApiObject {
    this.#revision += 1;
    const { metadata } = draft;
    return deepFreeze({
      ...draft,
      apiVersion: draft.apiVersion ?? '',
      kind: draft.kind ?? '',
      metadata: {
        ...metadata,
        name: metadata.name ?? '',
        uid: metadata.uid ?? '',
        resourceVersion: String(this.#revision),
      },
    });
  }

  #commit(change: Omit<Change, 'revision'>): void {
    const complete = { ...change, revision: this.#revision };
    this.#history.push(complete);
    if (this.#history.length > this.#window) this.#oldest = this.#history.shift()?.revision ?? this.#oldest;
    for (const listener of [...this.#listeners]) listener(complete);
  }
}

function sorted(objects: ReadonlyMap<string, ApiObject>): ApiObject[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}
