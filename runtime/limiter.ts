/**
 * Bounds the requests in flight and adapts the bound: halved when the server says it is overloaded,
 * grown by one after as many successes as the bound (AIMD, as TCP does).
 */
export class Limiter {
  readonly #max: number;
  readonly #waiting: Waiter[] = [];
  #limit: number;
  #inFlight = 0;
  #successes = 0;

  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Takes a place if one is free. */
  tryAcquire(): boolean {
    if (this.#inFlight >= this.#limit) return false;
    this.#inFlight += 1;
    return true;
  }

  /** Waits for a place. Rejects with the signal's reason when it aborts first. */
  acquire(signal?: AbortSignal): Promise<void> {
    if (this.tryAcquire()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { grant: resolve, signal };
      waiter.abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', waiter.abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  release(): void {
    this.#inFlight -= 1;
    this.#grant();
  }

  /** The server answered in good order. */
  succeeded(): void {
    if (this.#limit >= this.#max || ++this.#successes < this.#limit) return;
    this.#successes = 0;
    this.#limit += 1;
    this.#grant();
  }

  /** The server asked for less (429). */
  overloaded(): void {
    this.#successes = 0;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  #grant(): void {
    while (this.#inFlight < this.#limit) {
      const waiter = this.#waiting.shift();
      if (!waiter) return;
      if (waiter.abort) waiter.signal?.removeEventListener('abort', waiter.abort);
      this.#inFlight += 1;
      waiter.grant();
    }
  }
}

interface Waiter {
  readonly grant: () => void;
  readonly signal: AbortSignal | undefined;
  abort?: () => void;
}
