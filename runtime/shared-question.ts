/**
 * One question for all who ask it at the same time, and never an answer that is older than the asking: who asks while
 * it is under way shares the next one. So that what many want to know at once is asked twice at most.
 */
export class SharedQuestion<T> {
  readonly #put: (signal: AbortSignal) => Promise<T>;
  #now: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(put: (signal: AbortSignal) => Promise<T>) {
    this.#put = put;
  }

  /** Rejects as the question does that it shares, which ends with the `signal` of the first who shares it. */
  ask(signal: AbortSignal): Promise<T> {
    if (this.#now !== undefined) {
      const next = () => {
        this.#next = undefined;
        return this.ask(signal);
      };
      this.#next ??= this.#now.then(next, next);
      return this.#next;
    }
    const asked = this.#put(signal).finally(() => {
      this.#now = undefined;
    });
    this.#now = asked;
    return asked;
  }
}
