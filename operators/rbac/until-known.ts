import type { Controller, Result } from '#runtime';

/** What is read from the hub, and at times can't be read completely. */
export interface Knowable {
  readonly known: boolean;
  /** Told each time that `known` has become true. The result unsubscribes. */
  onKnown(told: () => void): () => void;
}

/** Tells when all parts of something have become known. */
export class KnownSignal {
  readonly #isKnown: () => boolean;
  readonly #waiting = new Set<() => void>();

  constructor(isKnown: () => boolean) {
    this.#isKnown = isKnown;
  }

  /** To be called when a part has become known. */
  readonly partKnown = (): void => {
    if (this.#isKnown()) for (const told of this.#waiting) told();
  };

  /** As {@link Knowable.onKnown}. */
  subscribe(told: () => void): () => void {
    this.#waiting.add(told);
    return () => this.#waiting.delete(told);
  }
}

/** How soon is asked again where nobody tells: a kind that was uninstalled and is back. */
const RETRY_MS = 5_000;

/**
 * Keys that can't be reconciled while the hub can't be read completely, since what is unknown is not absent. They come
 * at once when it can be read again: an agent that opens one more watch, on a new project's namespace, holds nobody up
 * for longer than that takes.
 */
export class UntilKnown {
  readonly #keys = new Set<string>();

  /** Follows until the signal aborts, or for good. */
  constructor(hub: Knowable, controller: Pick<Controller, 'add'>, signal?: AbortSignal) {
    const unsubscribe = hub.onKnown(() => {
      for (const key of this.#keys) controller.add(key);
      this.#keys.clear();
    });
    signal?.addEventListener('abort', unsubscribe, { once: true });
  }

  /** What a reconcile of the key answers meanwhile. */
  wait(key: string): Result {
    this.#keys.add(key);
    return { requeueAfterMs: RETRY_MS };
  }
}
