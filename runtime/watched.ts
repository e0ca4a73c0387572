import type { Informer } from './informer.ts';
import type { InformerHandler } from './informer-options.ts';
import { type Key, type KubeObject, keyOf, keyString } from './resource.ts';
import { type IndexFunction, Store } from './store.ts';

/** What controllers read of a kind: all of an {@link Informer} but its making. */
export type Watched<T extends KubeObject> = Pick<
  Informer<T>,
  'known' | 'get' | 'list' | 'byIndex' | 'addIndex' | 'subscribe' | 'whenSynced'
>;

/** Several informers of a kind, of namespaces that come and go, read as one. */
export class WatchedTogether<T extends KubeObject> implements Watched<T> {
  readonly #members = new Map<Informer<T>, () => void>();
  readonly #store = new Store<T>();
  readonly #handlers = new Set<InformerHandler<T>>();

  /** Every one of them is. */
  get known(): boolean {
    return [...this.#members.keys()].every(({ known }) => known);
  }

  /** Reads this one, too; what it has already comes as if it were new. */
  add(informer: Informer<T>): void {
    if (this.#members.has(informer)) return;
    const unsubscribe = informer.subscribe({
      applied: (object, _old, context) => {
        const old = this.#store.set(keyString(keyOf(object)), object);
        for (const handler of this.#handlers) handler.applied(object, old, context);
      },
      deleted: object => this.#delete(object),
      known: () => this.#tellKnown(),
    });
    this.#members.set(informer, unsubscribe);
  }

  /** Reads it no more: its objects go. */
  remove(informer: Informer<T>): void {
    this.#members.get(informer)?.();
    if (!this.#members.delete(informer)) return;
    for (const object of informer.list()) this.#delete(object);
    this.#tellKnown(); // it may have been the last that was not
  }

  get(key: string | Key): T | undefined {
    return this.#store.get(typeof key === 'string' ? key : keyString(key));
  }

  list(): T[] {
    return [...this.#store.values()];
  }

  byIndex(name: string, value: string): T[] {
    return this.#store.byIndex(name, value);
  }

  addIndex(name: string, fn: IndexFunction<T>): void {
    this.#store.addIndex(name, fn);
  }

  /**
   * As {@link Informer.subscribe}, but that `synced` is never told, as there may always be one more, and `known` once too
   * often perhaps.
   */
  subscribe(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.values()) handler.applied(object, undefined, { initial: true, own: false });
    if (this.known) handler.known?.();
    return () => this.#handlers.delete(handler);
  }

  /** Of those that there are now. */
  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#members.keys()].map(informer => informer.whenSynced(signal)));
  }

  #tellKnown(): void {
    if (this.known) for (const handler of this.#handlers) handler.known?.();
  }

  #delete(object: T): void {
    const old = this.#store.delete(keyString(keyOf(object)));
    if (old) for (const handler of this.#handlers) handler.deleted(old);
  }
}
