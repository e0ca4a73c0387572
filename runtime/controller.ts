import { type Clock, systemClock } from './clock.ts';
import { errorMessage, isConflict, TerminalError, WriteRefusedError } from './errors.ts';
import type { Logger } from './log.ts';
import { activeWorkers, maxConcurrent, reconcileErrors, reconcileSeconds, reconcileTotal } from './metrics.ts';
import { type AddOptions, type Priority, WorkQueue } from './queue.ts';
import { type KubeObject, keyString, type ResourceType } from './resource.ts';
import type { Watched } from './watched.ts';

/** What a reconcile may ask for: to be run again after so many milliseconds. */
export interface Result {
  readonly requeueAfterMs: number;
}

export interface ReconcileContext {
  /** Aborts when the reconcile exceeds its time or its controller stops; pass it to every call. */
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Brings one key to its desired state; reads what is, computes what should be, writes the difference. */
export type Reconciler = (key: string, context: ReconcileContext) => Promise<Result | undefined>;

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconciler;
  readonly log: Logger;
  /** Reconciles at once [16]. */
  readonly concurrency?: number;
  /** Milliseconds a reconcile may take [60 s]. */
  readonly timeoutMs?: number;
  /** Called instead of a retry when a reconcile throws a TerminalError. */
  readonly onTerminal?: (key: string, error: TerminalError, context: ReconcileContext) => Promise<void>;
  readonly backoffMs?: readonly [number, number];
  readonly groupOf?: (key: string) => string;
  readonly clock?: Clock;
}

/** Which keys an event of a watched kind concerns. */
export type MapFunction<T> = (object: T, old: T | undefined) => Iterable<string>;

export interface WatchOptions<T> {
  /** Whether an event matters; without one every event does. */
  readonly predicate?: (object: T, old: T | undefined) => boolean;
  /** Also reconcile for what this process wrote itself [true]. */
  readonly ownWrites?: boolean;
  /** Milliseconds to gather further events of the same key first [0]. */
  readonly afterMs?: number;
}

/**
 * A queue and the workers that reconcile its keys. A reconcile that throws is retried with backoff, one
 * that throws a TerminalError is not; neither touches other keys.
 */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #unsubscribe: (() => void)[] = [];
  #work: Promise<void> | undefined;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { name, backoffMs, groupOf, clock } = options;
    this.queue = new WorkQueue({ name, ...defined({ backoffMs, groupOf, clock }) });
  }

  add(key: string, options?: AddOptions): void {
    this.queue.add(key, options);
  }

  /** Enqueues the keys that `map` names for every event that the options let through. */
  watches<T extends KubeObject>(informer: Watched<T>, map: MapFunction<T>, options: WatchOptions<T> = {}): this {
    const { predicate, ownWrites = true, afterMs = 0 } = options;
    const enqueue = (object: T, old: T | undefined, priority: Priority) => {
      if (predicate && !predicate(object, old)) return;
      for (const key of map(object, old)) this.queue.add(key, { priority, afterMs });
    };
    const unsubscribe = informer.subscribe({
      applied: (object, old, { initial, own }) => {
        if (ownWrites || !own) enqueue(object, old, initial ? 'background' : 'live');
      },
      deleted: old => enqueue(old, undefined, 'live'),
    });
    this.#unsubscribe.push(unsubscribe);
    return this;
  }

  /** Enqueues the owner, of this kind, of every object that changes: the ownerReference with `controller: true`. */
  owns<T extends KubeObject>(informer: Watched<T>, owner: ResourceType, options?: WatchOptions<T>): this {
    const map = (object: T, old: T | undefined) => [...ownerKeys(object, owner), ...(old ? ownerKeys(old, owner) : [])];
    return this.watches(informer, map, options);
  }

  /** Begins to reconcile. Ends when the signal aborts. */
  start(signal: AbortSignal): void {
    const { concurrency = 16 } = this.#options;
    maxConcurrent.set({ controller: this.name }, concurrency);
    this.#work = this.#reconcileAll(concurrency, signal);
    signal.addEventListener('abort', () => this.#close(), { once: true });
    if (signal.aborted) this.#close();
  }

  /** Resolves when the reconciles that were running have ended. */
  async stopped(): Promise<void> {
    await this.#work;
  }

  #close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.queue.close();
  }

  /** As many at once as there is work for: a worker for each that might be would wait on every idle cluster. */
  async #reconcileAll(concurrency: number, signal: AbortSignal): Promise<void> {
    let running = 0;
    let ended = () => {};
    const reconcile = async (key: string) => {
      running += 1;
      await this.#reconcile(key, signal);
      this.queue.done(key);
      running -= 1;
      ended();
    };
    const oneEnded = () => new Promise<void>(resolve => (ended = resolve));
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      void reconcile(key);
      if (running >= concurrency) await oneEnded();
    }
    while (running > 0) await oneEnded();
  }

  async #reconcile(key: string, stop: AbortSignal): Promise<void> {
    const { name: controller } = this;
    const started = this.#clock.monotonic();
    const { timeoutMs = 60_000, reconcile } = this.#options;
    const deadline = new Deadline(this.#clock, stop, timeoutMs, `reconcile of ${key} took over ${timeoutMs / 1000} s`);
    const context = { signal: deadline.signal, log: this.#options.log };
    activeWorkers.inc({ controller });
    try {
      const result = await deadline.race(reconcile(key, context));
      this.queue.forget(key);
      if (result) this.queue.add(key, { afterMs: result.requeueAfterMs });
      reconcileTotal.inc({ controller, result: result ? 'requeue_after' : 'success' });
    } catch (error) {
      if (!stop.aborted) await this.#failed(key, error, context);
    } finally {
      deadline.end();
      activeWorkers.dec({ controller });
      reconcileSeconds.observe({ controller }, (this.#clock.monotonic() - started) / 1000);
    }
  }

  async #failed(key: string, error: unknown, context: ReconcileContext): Promise<void> {
    const { name: controller } = this;
    const { log, onTerminal } = this.#options;
    reconcileErrors.inc({ controller });
    if (error instanceof TerminalError) {
      reconcileTotal.inc({ controller, result: 'terminal_error' });
      log.warn({ controller, item: key, err: error }, 'reconcile cannot succeed until something changes');
      try {
        await onTerminal?.(key, error, context);
        this.queue.forget(key);
      } catch (cause) {
        this.#retry(key, cause);
      }
      return;
    }
    reconcileTotal.inc({ controller, result: 'error' });
    this.#retry(key, error);
  }

  #retry(key: string, error: unknown): void {
    const { name: controller } = this;
    const attempt = this.queue.failures(key) + 1;
    // losing a race is the normal course of optimistic concurrency
    const level = isConflict(error) || error instanceof WriteRefusedError ? 'debug' : attempt > 3 ? 'warn' : 'info';
    this.#options.log[level](
      { controller, item: key, attempt, reason: errorMessage(error) },
      'reconcile will be retried',
    );
    this.queue.addRateLimited(key);
  }
}

function ownerKeys({ metadata }: KubeObject, owner: ResourceType): string[] {
  const controller = metadata?.ownerReferences?.find(
    reference =>
      reference.controller && reference.kind === owner.kind && reference.apiVersion.split('/')[0] === groupOf(owner),
  );
  if (!controller) return [];
  const { name } = controller;
  return [keyString(owner.namespaced ? { namespace: metadata?.namespace ?? '', name } : { name })];
}

/** The first part of an apiVersion: the group, or `v1` for the core one. */
const groupOf = (type: ResourceType) => (type.group === '' ? type.version : type.group);

/** A time limit on one reconcile that also follows the controller's stop. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #expired = Promise.withResolvers<never>();
  readonly #cancel: () => void;
  readonly #stop: AbortSignal;
  readonly #forward = () => this.#controller.abort(this.#stop.reason);

  constructor(clock: Clock, stop: AbortSignal, ms: number, message: string) {
    this.#stop = stop;
    this.#expired.promise.catch(() => undefined); // nobody listens once the work has ended
    this.#cancel = clock.after(ms, () => this.#expire(new Error(message)));
    stop.addEventListener('abort', this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * The work, or the deadline's error if the work does not heed the signal. A stop waits for the work: what
   * was begun must not go on writing when others have taken over.
   */
  race<V>(work: Promise<V>): Promise<V> {
    return Promise.race([work, this.#expired.promise]);
  }

  #expire(error: Error): void {
    this.#controller.abort(error);
    this.#expired.reject(error);
  }

  end(): void {
    this.#cancel();
    this.#stop.removeEventListener('abort', this.#forward);
  }
}

/** Drops the undefined ones, so that optional options can be passed on. */
function defined<O extends object>(options: O): { [K in keyof O]?: Exclude<O[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof O]?: Exclude<O[K], undefined>;
  };
}
