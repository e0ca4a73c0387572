import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '#api';
import type { InformerHandler } from '#runtime';
import { Guards } from './guards.ts';

/** Clusters that say what they are made to say. */
class Clusters {
  readonly #objects = new Map<string, Cluster>();
  readonly #handlers = new Set<InformerHandler<Cluster>>();
  readonly guards = new Guards({
    get: key => this.#objects.get(typeof key === 'string' ? key : key.name),
    subscribe: handler => {
      this.#handlers.add(handler);
      return () => this.#handlers.delete(handler);
    },
  });

  say(name: string, policiesEnforced?: boolean): void {
    const old = this.#objects.get(name);
    const status = policiesEnforced === undefined ? {} : { policiesEnforced };
    const now = { metadata: { name }, status } as Cluster;
    this.#objects.set(name, now);
    for (const handler of this.#handlers) handler.applied(now, old, { initial: false, own: false });
  }
}

describe('guards', () => {
  test('are proven only where the Cluster says so', () => {
    const clusters = new Clusters();
    const { guards } = clusters;
    expect(guards.proof('edge-1')).toBe('unknown');
    for (const [enforced, proof] of [
      [undefined, 'unknown'],
      [false, 'notEnforced'],
      [true, 'enforced'],
    ] as const) {
      clusters.say('edge-1', enforced);
      expect([guards.proof('edge-1'), guards.areProven('edge-1')]).toEqual([proof, proof === 'enforced']);
    }
  });

  test('tell of each change of their own cluster, until it ends', () => {
    const clusters = new Clusters();
    const stop = new AbortController();
    let changes = 0;
    clusters.guards.follow('edge-1', () => (changes += 1), stop.signal);
    for (const enforced of [false, false, true, undefined]) clusters.say('edge-1', enforced);
    clusters.say('edge-2', true);
    expect(changes).toBe(3);
    stop.abort();
    clusters.say('edge-1', true);
    expect(changes).toBe(3);
  });

  test('are waited for until they are known, or no longer', async () => {
    const clusters = new Clusters();
    const { signal } = new AbortController();
    const known = clusters.guards.whenKnown('edge-1', 60_000, signal);
    clusters.say('edge-1', false);
    await known;
    await clusters.guards.whenKnown('edge-1', 60_000, signal);
    await clusters.guards.whenKnown('edge-2', 1, signal);
    await clusters.guards.whenKnown('edge-2', 60_000, AbortSignal.abort());
  });
});
