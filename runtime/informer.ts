import { BOUNDS, inMiB } from './bounds.ts';
import type { Client, WriteContext, WriteObserver } from './client.ts';
import { systemClock } from './clock.ts';
import { AnswerError, errorMessage } from './errors.ts';
import type { AppliedContext, InformerHandler, InformerOptions } from './informer-options.ts';
import { weightOf } from './kept.ts';
import { reportWatchAge } from './metrics.ts';
import {
  compareResourceVersions,
  type Key,
  type KubeObject,
  keyOf,
  keyString,
  type ResourceType,
  resourceName,
} from './resource.ts';
import { describeSelection } from './selection.ts';
import { type Selects, selects } from './selects.ts';
import { type IndexFunction, Store } from './store.ts';
import { deepFreeze, dropBookkeeping, onlyMetadata } from './transform.ts';
import { type WatchEvent, Watcher } from './watcher.ts';

const LIVE: AppliedContext = { initial: false, own: false };
const INITIAL: AppliedContext = { initial: true, own: false };
const OWN: AppliedContext = { initial: false, own: true };
/** Deletions of which no event has come yet that are remembered: many times those that are on their way at a time. */
const TOMBSTONES = 10_000;

/**
 * A kind in memory, kept current by one watch, for any number of controllers.
 *
 * Reads see the process's own writes at once: {@link written} stores what the server answered, and an
 * older event that arrives later does not undo it.
 */
export class Informer<T extends KubeObject> implements WriteObserver {
  readonly type: ResourceType<T>;
  /** `secrets`, `projects.paddock.dev`. */
  readonly resource: string;
  readonly #options: InformerOptions<T>;
  readonly #store = new Store<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #watcher: Watcher<T>;
  readonly #selects: Selects;
  readonly #waiting = new Set<() => void>();
  /** uids deleted by us whose DELETED event has not come yet: late events must not bring them back. */
  readonly #tombstones = new Set<string>();
  #listing: Listing<T> | undefined;
  /** The watch has told everything up to this version. */
  #heard: string | undefined;
  #synced = false;
  #failure: unknown;
  #stop: AbortController | undefined;
  #signal = new AbortController().signal;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.type = options.type;
    this.resource = resourceName(options.type);
    this.#selects = selects(options);
    this.#watcher = new Watcher<T>({
      ...options,
      clock: options.clock ?? systemClock,
      emit: event => this.#handle(event),
      onHealth: error => this.#health(error),
    });
  }

  /** The first list is complete and no later one is known to be impossible. False means: absence says nothing. */
  get known(): boolean {
    return this.#synced && this.#failure === undefined;
  }

  /** The first list is complete. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why the watch is not running now; undefined while it is. */
  get failure(): unknown {
    return this.#failure;
  }

  get ageMs(): number {
    return this.#watcher.ageMs;
  }

  get size(): number {
    return this.#store.size;
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

  /** Tells the handler of every object already read, then of every change. The result unsubscribes. */
  subscribe(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#store.values()) handler.applied(object, undefined, INITIAL);
    if (this.#synced) handler.synced?.();
    if (this.known) handler.known?.();
    return () => this.#handlers.delete(handler);
  }

  /** Resolves when the first list is complete; rejects with the signal's reason when it aborts. */
  whenSynced(signal: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', fail);
        resolve();
      };
      const fail = () => {
        this.#waiting.delete(done);
        reject(signal.reason);
      };
      if (signal.aborted) return fail();
      this.#waiting.add(done);
      signal.addEventListener('abort', fail, { once: true });
    });
  }

  /** Starts the watch; ends with {@link stop} or when `signal` aborts. */
  start(client: Client, signal: AbortSignal): void {
    if (this.#stop) return;
    this.#stop = new AbortController();
    const both = AbortSignal.any([signal, this.#stop.signal]);
    const { cluster } = this.#options;
    const unreport = reportWatchAge({ cluster, resource: this.resource, ageMs: () => this.ageMs });
    this.#signal = both;
    void this.#watcher.run(client, both).finally(unreport);
  }

  stop(): void {
    this.#stop?.abort();
    this.#handlers.clear();
    this.#endListing();
    if (this.#options.kept) for (const object of this.#store.values()) this.#options.kept.give(weightOf(object));
  }

  /** Stores an object of this kind that a write returned, unless something newer is known. */
  written(_type: ResourceType, object: KubeObject, { conditional }: WriteContext = { conditional: true }): void {
    // an answer that the watch has overtaken says nothing new: the object may be gone since
    if (!this.#synced || compareResourceVersions(object.metadata?.resourceVersion, this.#heard) <= 0) return;
    // the server answered a request for this type, so the object is a T
    if (object.metadata?.name === undefined) return;
    const known = this.#store.get(keyString(keyOf(object)));
    if (!known && this.#store.size >= this.#mostObjects) return; // the watch tells what is wrong
    const selected = this.#selects(object) ?? known !== undefined;
    if (selected) this.#applyWritten(this.#prepare(object as T), known, conditional ? OWN : LIVE);
    else this.#unselect(object);
  }

  /** Where there is no room for it, the watch tells so. */
  #applyWritten(object: T, known: T | undefined, context: AppliedContext): void {
    const { kept } = this.#options;
    const more = kept ? weightOf(object) - (known ? weightOf(known) : 0) : 0;
    if (!kept || kept.kept + more <= kept.most) this.#apply(object, context);
  }

  /** Forgets an object that this process deleted. */
  deleted(_type: ResourceType, key: Key, uid: string | undefined): void {
    const known = this.#store.get(keyString(key));
    if (!known || (uid !== undefined && known.metadata?.uid !== uid)) return;
    const knownUid = known.metadata?.uid;
    if (knownUid) this.#tombstones.add(knownUid);
    // a server that never tells of deletions; the oldest are those that no event is to be expected of any more
    if (this.#tombstones.size > TOMBSTONES) this.#tombstones.delete(this.#tombstones.values().next().value ?? '');
    this.#remove(keyString(key));
  }

  /**
   * Puts another form of the object that is known into its place, of the same version: what a transform left out of it was
   * read again, or goes. Subscribers are told unless it is the same object.
   */
  amend(key: Key, change: (known: T) => T): void {
    const known = this.#store.get(keyString(key));
    const changed = known && change(known);
    if (changed && changed !== known) this.#put(keyString(key), changed, known, LIVE);
  }

  #handle(event: WatchEvent<T>): void | Promise<void> {
    switch (event.type) {
      case 'Init':
        this.#endListing();
        this.#listing = { objects: new Map(), tombstones: new Set(this.#tombstones), bytes: 0 };
        return;
      case 'InitApply':
        return this.#listed(event.object);
      case 'InitDone':
        return this.#complete(event.resourceVersion);
      case 'Apply':
        this.#heard = event.object.metadata?.resourceVersion;
        if (this.#isNews(event.object)) this.#apply(this.#prepare(event.object), LIVE);
        return;
      case 'Delete':
        this.#heard = event.object.metadata?.resourceVersion;
        return this.#delete(event.object);
    }
  }

  #listed(object: T): void {
    if (!this.#listing) return;
    const { objects } = this.#listing;
    const key = keyString(keyOf(object));
    const known = this.#store.get(key);
    const isKnown = known && isSameVersion(known, object);
    // what is known already takes no more memory than it does
    const listed = isKnown ? known : this.#prepare(object);
    objects.set(key, listed);
    this.#assertNumber(objects.size);
    const bytes = isKnown || !this.#options.kept ? 0 : weightOf(listed);
    this.#take(bytes);
    this.#listing.bytes += bytes;
  }

  /** What was listed is thrown away, or in force. */
  #endListing(): void {
    this.#options.kept?.give(this.#listing?.bytes ?? 0);
    this.#listing = undefined;
  }

  async #complete(resourceVersion: string): Promise<void> {
    await this.#options.verify?.(this.#signal);
    this.#replace(resourceVersion);
  }

  /** Brings a complete list into force: what it does not name is gone, unless written after it. */
  #replace(resourceVersion: string): void {
    const { objects: listing, tombstones } = this.#listing ?? { objects: new Map<string, T>(), tombstones: new Set() };
    this.#endListing(); // what is put below is counted again
    // a list is never older than what the watch has told, unless the server was restored from a backup
    const restored = compareResourceVersions(resourceVersion, this.#heard) < 0;
    this.#heard = resourceVersion;
    for (const key of [...this.#store.keys()]) {
      const known = this.#store.get(key)?.metadata?.resourceVersion;
      const newer = !restored && compareResourceVersions(known, resourceVersion) > 0;
      if (!listing.has(key) && !newer) this.#remove(key);
    }
    for (const object of listing.values()) {
      if (restored) this.#restore(object);
      else this.#apply(object, this.#synced ? LIVE : INITIAL);
    }
    this.#bury(listing, tombstones);
    if (this.#synced) return;
    this.#synced = true;
    this.#tell(handler => handler.synced?.());
    if (this.known) this.#tell(handler => handler.known?.());
    for (const done of [...this.#waiting]) done();
  }

  /** Of what was deleted before the list began and is not in it, no event will come any more. */
  #bury(listing: ReadonlyMap<string, T>, tombstones: ReadonlySet<string>): void {
    const listed = new Set([...listing.values()].map(({ metadata }) => metadata?.uid));
    for (const uid of tombstones) if (!listed.has(uid)) this.#tombstones.delete(uid);
  }

  /** Spares the transform for the echo of an own write. */
  #isNews(object: T): boolean {
    const known = this.#store.get(keyString(keyOf(object)));
    return !known || compareResourceVersions(object.metadata?.resourceVersion, known.metadata?.resourceVersion) > 0;
  }

  #apply(object: T, context: AppliedContext): void {
    const { uid, resourceVersion } = object.metadata ?? {};
    if (uid && this.#tombstones.has(uid)) return;
    const key = keyString(keyOf(object));
    const old = this.#store.get(key);
    if (old && compareResourceVersions(resourceVersion, old.metadata?.resourceVersion) <= 0) return;
    this.#put(key, object, old, context);
  }

  /** Takes an object of a restored server for what it is, be it older than what was known. */
  #restore(object: T): void {
    const key = keyString(keyOf(object));
    const old = this.#store.get(key);
    if (!old || !isSameVersion(old, object)) this.#put(key, object, old, LIVE);
  }

  #put(key: string, object: T, old: T | undefined, context: AppliedContext): void {
    if (!old) this.#assertNumber(this.#store.size + 1);
    if (this.#options.kept) this.#take(weightOf(object) - (old ? weightOf(old) : 0));
    this.#store.set(key, object);
    this.#tell(handler => handler.applied(object, old, context));
  }

  #delete(object: T): void {
    const { uid, resourceVersion } = object.metadata ?? {};
    if (uid) this.#tombstones.delete(uid);
    const key = keyString(keyOf(object));
    const known = this.#store.get(key);
    // an object of the same name that we created after this deletion stays
    if (known && compareResourceVersions(known.metadata?.resourceVersion, resourceVersion) > 0) return;
    this.#remove(key);
  }

  #remove(key: string): void {
    const old = this.#store.delete(key);
    if (!old) return;
    this.#options.kept?.give(weightOf(old));
    this.#tell(handler => handler.deleted(old));
  }

  #tell(call: (handler: InformerHandler<T>) => void): void {
    const { type, onHandlerError = warn } = this.#options;
    for (const handler of this.#handlers) {
      try {
        call(handler);
      } catch (error) {
        onHandlerError(error, describeSelection(type, this.#options));
      }
    }
  }

  #prepare(object: T): T {
    const { metadataOnly, transform = dropBookkeeping } = this.#options;
    const stored = transform(metadataOnly ? onlyMetadata(object) : object);
    return this.#options.freeze ? deepFreeze(stored) : stored;
  }

  get #mostObjects(): number {
    return this.#options.mostObjects ?? BOUNDS.objects;
  }

  #assertNumber(objects: number): void {
    if (objects > this.#mostObjects)
      throw new AnswerError(`WATCH ${this.resource}`, `there are more than ${this.#mostObjects} ${this.resource}`);
  }

  #take(bytes: number): void {
    const { kept } = this.#options;
    if (!kept || kept.take(bytes)) return;
    const problem = `all that is to be kept of the cluster takes more than ${inMiB(kept.most)} with these ${this.resource}`;
    throw new AnswerError(`WATCH ${this.resource}`, problem);
  }

  /** A write took the object out of our selection. */
  #unselect(object: KubeObject): void {
    const key = keyString(keyOf(object));
    const known = this.#store.get(key);
    if (known && compareResourceVersions(object.metadata?.resourceVersion, known.metadata?.resourceVersion) > 0)
      this.#remove(key);
  }

  #health(error: unknown): void {
    const before = this.#failure;
    if (error === before) return;
    this.#failure = error;
    this.#options.onHealth?.(error, describeSelection(this.#options.type, this.#options));
    if (this.known) this.#tell(handler => handler.known?.());
  }
}

/** A complete list that is being read. */
interface Listing<T> {
  readonly objects: Map<string, T>;
  readonly tombstones: ReadonlySet<string>;
  /** Of what was not known before, where that is counted. */
  bytes: number;
}

function isSameVersion({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  if (one?.resourceVersion === undefined) return false;
  return one.uid === other?.uid && one.resourceVersion === other?.resourceVersion;
}

function warn(error: unknown, what: string): void {
  process.emitWarning(`a subscriber of ${what} failed: ${errorMessage(error)}`);
}
