import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../runtime/clock.ts';

interface Timer {
  readonly due: number;
  readonly fn: () => void;
}

/** A clock that stands still until a test lets time pass. */
export class FakeClock implements Clock {
  readonly #start: number;
  readonly #timers = new Set<Timer>();
  #elapsed = 0;

  /** `start` is what the wall clock shows at first, milliseconds since 1970. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#start = start;
  }

  /** Timers and sleeps that wait for their time. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { due: this.#elapsed + Math.max(0, ms), fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal?.aborted) resolve();
    const cancel = this.after(ms, resolve);
    const abort = () => {
      cancel();
      resolve();
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', abort, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  /** Lets time pass: what is due runs in order, each at its own time, also what it adds itself. */
  pass(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.fn();
    }
    this.#elapsed = end;
  }

  /** Like {@link pass}, and lets the promises go on that it settled. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await setImmediate();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.pass(next.due - this.#elapsed);
      await setImmediate();
    }
    this.#elapsed = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= end && (!first || timer.due < first.due)) first = timer;
    return first;
  }
}
