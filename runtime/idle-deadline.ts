import type { Clock } from './clock.ts';

/** Aborts its signal when it is not armed again in time, or when the outer signal aborts. */
export class IdleDeadline {
  readonly #clock: Clock;
  readonly #outer: AbortSignal;
  readonly #controller = new AbortController();
  readonly #forward: () => void;
  #deadline = 0;
  #cancel: (() => void) | undefined;
  expired = false;

  constructor(clock: Clock, outer: AbortSignal) {
    this.#clock = clock;
    this.#outer = outer;
    this.#forward = () => this.#controller.abort(outer.reason);
    if (outer.aborted) this.#forward();
    outer.addEventListener('abort', this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Moves the deadline; cheap enough for every frame, since the timer is moved only when it fires. */
  arm(ms: number): void {
    this.#deadline = this.#clock.monotonic() + ms;
    if (!this.#cancel) this.#cancel = this.#clock.after(ms, () => this.#check());
  }

  disarm(): void {
    this.#cancel?.();
    this.#outer.removeEventListener('abort', this.#forward);
    if (!this.#controller.signal.aborted) this.#controller.abort();
  }

  #check(): void {
    const left = this.#deadline - this.#clock.monotonic();
    if (left > 0) {
      this.#cancel = this.#clock.after(left, () => this.#check());
      return;
    }
    this.expired = true;
    this.#controller.abort();
  }
}
