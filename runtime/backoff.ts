import type { Clock } from './clock.ts';

export interface BackoffOptions {
  /** First delay in milliseconds. */
  readonly base: number;
  /** Largest delay in milliseconds. */
  readonly max: number;
  /** A pause of at least this many milliseconds since the last call starts over. */
  readonly resetAfter: number;
  readonly clock: Clock;
  readonly random?: () => number;
}

/**
 * Exponential backoff with full jitter: anything between nothing and the whole of the step, so that many clients that
 * lost one server at the same moment come back spread out. Source: M. Brooker, "Exponential Backoff And Jitter" (2015).
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #step = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const { base, max, resetAfter, clock, random = Math.random } = this.#options;
    const now = clock.monotonic();
    if (now - this.#last >= resetAfter) this.#step = 0;
    const ceiling = Math.min(max, base * 2 ** this.#step);
    if (ceiling < max) this.#step += 1;
    const delay = ceiling * random();
    this.#last = now + delay;
    return delay;
  }

  reset(): void {
    this.#step = 0;
  }
}
