import { type Clock, systemClock } from './clock.ts';
import { queueAdds, queueDepth, queueRetries, queueSeconds } from './metrics.ts';

/** `live` for events, `background` for start-up and resync: a background item never delays a live one. */
export type Priority = 'live' | 'background';

export interface AddOptions {
  readonly priority?: Priority;
  /** Milliseconds to wait first. An item already waiting keeps the earlier time. */
  readonly afterMs?: number;
}

export interface WorkQueueOptions {
  readonly name: string;
  /** First delay after an error, ms [5], doubled each time up to the second [16 min]. */
  readonly backoffMs?: readonly [number, number];
  /** Items of one group are taken in turn with those of the others; by default all are one group. */
  readonly groupOf?: (key: string) => string;
  readonly clock?: Clock;
}

interface Waiting {
  priority: Priority;
  readonly since: number;
}

interface Delayed {
  readonly cancel: () => void;
  readonly due: number;
  priority: Priority;
}

const PRIORITIES: readonly Priority[] = ['live', 'background'];

/**
 * The work queue of client-go, by key: an item is there once however often it is added, is never
 * handed to two workers, and one added while a worker has it comes again when that worker is done.
 */
export class WorkQueue {
  readonly name: string;
  readonly #clock: Clock;
  readonly #groupOf: (key: string) => string;
  readonly #backoff: readonly [number, number];
  readonly #lanes: Record<Priority, FairLane> = { live: new FairLane(), background: new FairLane() };
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, Priority>();
  readonly #dirty = new Map<string, Priority>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #idlers = new Set<() => void>();
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.#clock = options.clock ?? systemClock;
    this.#groupOf = options.groupOf ?? (() => '');
    this.#backoff = options.backoffMs ?? [5, 16 * 60_000];
  }

  /** Items waiting to be taken; delayed and running ones not counted. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** The item waits, runs, or waits for its time. */
  has(key: string): boolean {
    return this.#waiting.has(key) || this.#running.has(key) || this.#delayed.has(key);
  }

  /** Nothing waits, nothing runs; delayed items may exist. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0;
  }

  /** Items that wait for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  add(key: string, { priority = 'live', afterMs = 0 }: AddOptions = {}): void {
    if (this.#closed) return;
    if (afterMs > 0) {
      this.#addLater(key, afterMs, priority);
      return;
    }
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      if (this.#dirty.get(key) !== 'live') this.#dirty.set(key, priority);
      return;
    }
    this.#enqueue(key, priority);
  }

  /** Puts an item back after an error, later each time, with the priority it was taken with. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const [base, max] = this.#backoff;
    queueRetries.inc({ name: this.name });
    const afterMs = Math.min(max, base * 2 ** failures);
    this.add(key, { afterMs, priority: this.#running.get(key) ?? 'live' });
  }

  /** Failures since the last {@link forget}. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The item succeeded, or is given up: its next error starts from the first delay. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next item, or `undefined` once the queue is closed. Call {@link done} for each. */
  take(): Promise<string | undefined> {
    const key = this.#next();
    if (key !== undefined || this.#closed) return Promise.resolve(key);
    return new Promise(resolve => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#running.delete(key);
    const again = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (again !== undefined && !this.#closed) this.#enqueue(key, again);
    if (this.idle) this.#becomeIdle();
  }

  /** Takes no more items and hands out none; those running go on. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    for (const lane of Object.values(this.#lanes)) lane.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
    queueDepth.set({ name: this.name }, 0);
    if (this.idle) this.#becomeIdle();
  }

  /** Resolves when nothing waits and nothing runs. */
  whenIdle(): Promise<void> {
    if (this.idle) return Promise.resolve();
    return new Promise(resolve => this.#idlers.add(resolve));
  }

  #addLater(key: string, afterMs: number, priority: Priority): void {
    if (this.#waiting.has(key)) {
      this.#enqueue(key, priority); // comes sooner anyway; what was background may be live now
      return;
    }
    const due = this.#clock.monotonic() + afterMs;
    const existing = this.#delayed.get(key);
    if (existing && priority === 'live') existing.priority = 'live';
    if (existing && existing.due <= due) return;
    existing?.cancel();
    const cancel = this.#clock.after(afterMs, () => {
      this.#delayed.delete(key);
      this.add(key, { priority: delayed.priority });
    });
    const delayed: Delayed = { cancel, due, priority: existing?.priority ?? priority };
    this.#delayed.set(key, delayed);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  #enqueue(key: string, priority: Priority): void {
    const waiting = this.#waiting.get(key);
    if (waiting) {
      if (waiting.priority === 'background' && priority === 'live') {
        waiting.priority = 'live';
        this.#lanes.live.push(this.#groupOf(key), key);
      }
      return;
    }
    this.#waiting.set(key, { priority, since: this.#clock.monotonic() });
    this.#lanes[priority].push(this.#groupOf(key), key);
    queueAdds.inc({ name: this.name });
    queueDepth.set({ name: this.name }, this.#waiting.size);
    const taker = this.#takers.shift();
    if (taker) taker(this.#next());
  }

  #next(): string | undefined {
    for (const priority of PRIORITIES) {
      for (let key = this.#lanes[priority].shift(); key !== undefined; key = this.#lanes[priority].shift()) {
        const waiting = this.#waiting.get(key);
        if (waiting?.priority !== priority) continue; // moved to the other lane, or taken from it
        this.#waiting.delete(key);
        this.#running.set(key, priority);
        queueDepth.set({ name: this.name }, this.#waiting.size);
        queueSeconds.observe({ name: this.name }, (this.#clock.monotonic() - waiting.since) / 1000);
        return key;
      }
    }
    return undefined;
  }

  #becomeIdle(): void {
    for (const idler of this.#idlers) idler();
    this.#idlers.clear();
  }
}

/** First in, first out within a group; the groups take turns. */
class FairLane {
  readonly #groups = new Map<string, string[]>();

  push(group: string, key: string): void {
    const items = this.#groups.get(group);
    if (items) items.push(key);
    else this.#groups.set(group, [key]);
  }

  shift(): string | undefined {
    for (const [group, items] of this.#groups) {
      const key = items.shift();
      this.#groups.delete(group);
      if (items.length > 0) this.#groups.set(group, items); // to the end of the turn
      if (key !== undefined) return key;
    }
    return undefined;
  }

  clear(): void {
    this.#groups.clear();
  }
}
