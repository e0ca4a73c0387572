import type { Clock } from '#runtime';
import {
  deadline,
  expire,
  type Health,
  type HealthStart,
  moved,
  observe,
  resume,
  retimed,
  startHealth,
} from './health.ts';
import type { Outcome } from './outcome.ts';

/** A deadline noticed this late means that the process did not run meanwhile. */
const AWAY_MS = 2_000;

/** The health of one cluster as signs of it come in, and as none come until its deadline. */
export class HealthMonitor {
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  #health: Health;
  #cancel: () => void = () => undefined;

  /** `onExpired` is called when silence has changed {@link health}. */
  constructor(start: HealthStart, clock: Clock, onExpired: () => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#health = startHealth(start, clock.monotonic());
    this.#arm();
  }

  get health(): Health {
    return this.#health;
  }

  observe(outcome: Outcome): void {
    this.#health = observe(this.#health, outcome, this.#clock.monotonic());
    this.#arm();
  }

  /** The cluster has answered over a connection to this server, which is the one in use from now on. */
  move(server: string): void {
    this.#health = moved(this.#health, server, this.#clock.monotonic());
    this.#arm();
  }

  /** Judges silence by another timeout from now on. */
  retime(timeoutMs: number): void {
    this.#health = retimed(this.#health, timeoutMs, this.#clock.monotonic());
    this.#arm();
  }

  stop(): void {
    this.#cancel();
  }

  #arm(): void {
    this.#cancel();
    const due = deadline(this.#health);
    if (due === undefined) return;
    this.#cancel = this.#clock.after(Math.max(0, due - this.#clock.monotonic()), () => {
      const now = this.#clock.monotonic();
      this.#health = now - due > AWAY_MS ? resume(this.#health, now) : expire(this.#health, now);
      this.#arm();
      this.#onExpired();
    });
  }
}
