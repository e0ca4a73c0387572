import type { Clock } from './clock.ts';
import type { KeptBytes } from './kept.ts';
import type { KubeObject, ResourceType } from './resource.ts';
import type { Selection } from './selection.ts';
import type { Resumption, WatcherTimings } from './watcher.ts';

export interface AppliedContext {
  /** Part of the first list. */
  readonly initial: boolean;
  /** Written by this process just now, and nobody else's change can be in it. */
  readonly own: boolean;
}

/** What subscribers hear. Calls are synchronous, in order, and come after the store has changed. */
export interface InformerHandler<T> {
  applied(object: T, old: T | undefined, context: AppliedContext): void;
  deleted(old: T): void;
  /** The first list is complete. */
  synced?(): void;
  /** What is not there is absent from now on: the first list is complete, or a watch that had failed goes on. */
  known?(): void;
}

export interface InformerOptions<T extends KubeObject> extends Selection {
  readonly type: ResourceType<T>;
  /** For metrics and logs. */
  readonly cluster: string;
  /** Objects at most [BOUNDS.objects]. With more the watch fails, and what was known of them stays as it was. */
  readonly mostObjects?: number;
  /** Shared by the informers of one server: beyond it the watch fails in the same way [no bound]. */
  readonly kept?: KeptBytes;
  /** Bytes of a whole list at most [BOUNDS.listBytes]. */
  readonly listBytes?: number;
  /** Applied to each object before it is stored: drop what is not needed. Must not return its argument changed. */
  readonly transform?: (object: T) => T;
  /** Awaited between a complete list and its coming into force; when it rejects, the list is thrown away. */
  readonly verify?: (signal: AbortSignal) => Promise<void>;
  /** See {@link WatcherOptions.resumed}. */
  readonly resumed?: (resumption: Resumption<T>) => Promise<boolean>;
  /** Told when the watch fails and when it is well again (`undefined`). */
  readonly onHealth?: (error: unknown, what: string) => void;
  /** Told what a subscriber threw, which stops neither the other subscribers nor the watch [a warning of the process]. */
  readonly onHandlerError?: (error: unknown, what: string) => void;
  readonly timings?: Partial<WatcherTimings>;
  readonly clock?: Clock;
  /** Deep-freezes what it stores, so that a reconciler which edits the cache fails. */
  readonly freeze?: boolean;
}
