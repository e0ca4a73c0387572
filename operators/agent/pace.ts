/** The longest that a failed heartbeat is waited after. */
const LONGEST_PAUSE_MS = 30_000;
/** By how much of the interval a heartbeat may come early. */
const SPREAD = 0.1;

/**
 * When an agent sends its next heartbeat. Agents that began together do not stay together, and those that lost their
 * hub together do not come back together: then a pause is drawn from all there is, up to two intervals. So an agent
 * is heard again before its timeout, which is two intervals at least, and many trouble a hub that has just come back
 * hardly more than one that is well.
 */
export class Pace {
  readonly #random: () => number;
  #first = true;
  #failures = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds until the next, after one that arrived and took this long. */
  arrived(intervalMs: number, tookMs: number): number {
    const spread = this.#first ? 1 : SPREAD;
    this.#first = false;
    this.#failures = 0;
    return Math.max(0, intervalMs * (1 - spread * this.#random()) - tookMs);
  }

  /** Milliseconds until the next try, after one that did not arrive. */
  failed(intervalMs: number): number {
    this.#failures += 1;
    return this.#random() * Math.min(LONGEST_PAUSE_MS, intervalMs * Math.min(2, this.#failures));
  }
}
