import type { Clock } from './clock.ts';
import { Limiter } from './limiter.ts';

export interface TurnsOptions {
  /** So many have their turn at once. */
  readonly atOnce: number;
  /** Who takes longer goes on, and the next begins all the same, ms. */
  readonly longestMs: number;
}

/**
 * Lets a few begin at a time, in the order in which they came. It evens out what many would need at the same moment,
 * and is no lock: one that hangs holds up the others for a moment only.
 */
export class Turns {
  readonly #places: Limiter;
  readonly #longestMs: number;

  constructor({ atOnce, longestMs }: TurnsOptions) {
    this.#places = new Limiter(atOnce);
    this.#longestMs = longestMs;
  }

  /** Resolves when it is the caller's turn, or the signal aborts. What it returns ends the turn. */
  async take(clock: Clock, signal: AbortSignal): Promise<() => void> {
    const hasPlace = await this.#places.acquire(signal).then(
      () => true,
      () => false, // the signal aborted
    );
    if (!hasPlace) return () => undefined;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.#places.release();
    };
    const cancel = clock.after(this.#longestMs, end);
    return end;
  }
}
