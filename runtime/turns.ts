import type { Clock } from './clock.ts';

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
  readonly #options: TurnsOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Resolves when it is the caller's turn, or the signal aborts. What it returns ends the turn. */
  async take(clock: Clock, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) return () => undefined;
    if (this.#running < this.#options.atOnce) this.#running += 1;
    else if (!(await this.#isGivenPlace(signal))) return () => undefined;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.#leave();
    };
    const cancel = clock.after(this.#options.longestMs, end);
    return end;
  }

  /** The place goes from hand to hand, so that nobody comes in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }

  #isGivenPlace(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const give = () => {
      signal.removeEventListener('abort', giveUp);
      resolve(true);
    };
    const giveUp = () => {
      this.#waiting.splice(this.#waiting.indexOf(give), 1);
      resolve(false);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.push(give);
    return promise;
  }
}
