import type { Client, WriteContext, WriteObserver } from './client.ts';
import type { Clock } from './clock.ts';
import { Informer } from './informer.ts';
import { KeptBytes } from './kept.ts';
import { type Key, type KubeObject, type ResourceType, resourceName } from './resource.ts';
import { describeSelection, type Selection } from './selection.ts';
import type { Resumption, WatcherTimings } from './watcher.ts';

export interface CacheOptions {
  readonly cluster: string;
  readonly verify?: (signal: AbortSignal) => Promise<void>;
  readonly resumed?: <T extends KubeObject>(resumption: Resumption<T>) => Promise<boolean>;
  readonly onHealth?: (error: unknown, what: string) => void;
  readonly onHandlerError?: (error: unknown, what: string) => void;
  readonly timings?: Partial<WatcherTimings>;
  readonly clock?: Clock;
  readonly freeze?: boolean;
  /** Bytes of a whole list at most [BOUNDS.listBytes]. */
  readonly listBytes?: number;
  /** Bytes that all informers together keep at most, by estimate [no bound]. */
  readonly keptBytes?: number;
}

export interface InformerRequest<T extends KubeObject> extends Selection {
  /** Informers of one kind and selection are shared; a transform must be named to be shared. */
  readonly transform?: { readonly name: string; readonly apply: (object: T) => T };
  /** Objects at most, of whoever asks first; see InformerOptions. */
  readonly mostObjects?: number;
}

/** The informers of one cluster: one watch for each kind and selection, however many controllers ask. */
export class Cache implements WriteObserver {
  readonly #options: Omit<CacheOptions, 'keptBytes'>;
  readonly #kept: KeptBytes | undefined;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  #started: { readonly client: Client; readonly signal: AbortSignal } | undefined;

  constructor({ keptBytes, ...options }: CacheOptions) {
    this.#options = options;
    this.#kept = keptBytes === undefined ? undefined : new KeptBytes(keptBytes);
  }

  /** Bytes that its informers keep, by estimate; 0 without a bound on them. */
  get keptBytes(): number {
    return this.#kept?.kept ?? 0;
  }

  /** Starts all informers asked for so far; later ones start when they are asked for. */
  start(client: Client, signal: AbortSignal): void {
    this.#started = { client, signal };
    for (const informer of this.#informers.values()) informer.start(client, signal);
  }

  /** The shared informer of a kind and selection. */
  informer<T extends KubeObject>(type: ResourceType<T>, request: InformerRequest<T> = {}): Informer<T> {
    const id = informerId(type, request);
    const existing = this.#informers.get(id);
    // the id holds the type, so the informer under it is one of T
    if (existing) return existing as unknown as Informer<T>;
    const { transform, ...selection } = request;
    const informer = new Informer<T>({
      ...this.#options,
      ...selection,
      type,
      ...(this.#kept ? { kept: this.#kept } : {}),
      ...(transform ? { transform: transform.apply } : {}),
    });
    this.#informers.set(id, informer as unknown as Informer<KubeObject>);
    if (this.#started) informer.start(this.#started.client, this.#started.signal);
    return informer;
  }

  /** Ends the watch of a selection that nobody needs any more and frees its objects. */
  release<T extends KubeObject>(type: ResourceType<T>, request: InformerRequest<T> = {}): void {
    const id = informerId(type, request);
    this.#informers.get(id)?.stop();
    this.#informers.delete(id);
  }

  /** Resolves when every informer asked for so far has synced. */
  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#informers.values()].map(informer => informer.whenSynced(signal)));
  }

  /** Informers that have not synced or whose watch does not run, by name; empty when all is well. */
  unknown(): string[] {
    return [...this.#informers].filter(([, informer]) => !informer.known).map(([id]) => id);
  }

  written(type: ResourceType, object: KubeObject, context?: WriteContext): void {
    const resource = resourceName(type);
    for (const informer of this.#informers.values())
      if (informer.resource === resource) informer.written(type, object, context);
  }

  deleted(type: ResourceType, key: Key, uid: string | undefined): void {
    const resource = resourceName(type);
    for (const informer of this.#informers.values())
      if (informer.resource === resource) informer.deleted(type, key, uid);
  }
}

function informerId<T extends KubeObject>(type: ResourceType<T>, request: InformerRequest<T>): string {
  const { transform, metadataOnly, mostObjects: _most, ...selection } = request;
  const content = metadataOnly ? ' metadata' : '';
  return `${describeSelection(type, selection)}${content}${transform ? ` ${transform.name}` : ''}`;
}
