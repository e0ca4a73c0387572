import { type Key, type KubeObject, keyOf, keyString } from './resource.ts';

export type IndexFunction<T> = (object: T) => readonly string[];

/** Objects by key, with indexes kept up to date on every change. Look-ups cost O(1) plus the result. */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** The objects for which the index function named `value`. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`index "${name}" was never added: call addIndex before the informer starts`);
    return [...(index.buckets.get(value)?.values() ?? [])];
  }

  /** Adding the same name again keeps the first function: controllers that share a cache share its indexes. */
  addIndex(name: string, fn: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { fn, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) insert(index, key, object);
  }

  /** Returns the object that was there before. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key);
    for (const index of this.#indexes.values()) {
      if (old) remove(index, key, old);
      insert(index, key, object);
    }
    this.#objects.set(key, object);
    return old;
  }

  /** Returns the object that was there. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    for (const index of this.#indexes.values()) remove(index, key, old);
    this.#objects.delete(key);
    return old;
  }
}

interface Index<T> {
  readonly fn: IndexFunction<T>;
  readonly buckets: Map<string, Map<string, T>>;
}

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.fn(object)) {
    const bucket = index.buckets.get(value);
    if (bucket) bucket.set(key, object);
    else index.buckets.set(value, new Map([[key, object]]));
  }
}

function remove<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.fn(object)) {
    const bucket = index.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) index.buckets.delete(value);
  }
}

/** The key an object has in a store. */
export function storeKey(object: KubeObject | Key): string {
  return keyString('name' in object ? object : keyOf(object as KubeObject));
}
