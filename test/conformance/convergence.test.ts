import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Controller, type Informer, keyOf, keyString, silentLogger } from '#runtime';
import { eventually } from '../support/eventually.ts';
import type { FaultName } from '../support/fake-api-server/index.ts';
import { ConfigMaps } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, converged, World, within } from './world.ts';

const SEED = 9;
const RUNS = 40;

const FAULTS = [
  'drop',
  'unauthorizedOnce',
  'tooMany',
  'internalError',
  'slowList',
  'stall',
  'cutWatch',
  'errorFrame',
  'garbageFrame',
  'expire',
  'duplicateEvents',
  'splitFrame',
  'dropAfterWrite',
  'halfOpen',
  'staleList',
] as const satisfies readonly FaultName[];

/** What a step does, to one of a few objects; what the server refuses is no failure. */
type Step =
  | { readonly do: 'put' | 'remove' | 'put by us' | 'remove by us'; readonly name: string; readonly n: number }
  | { readonly do: 'fault'; readonly fault: FaultName; readonly probability: number }
  | { readonly do: 'calm' | 'cut' | 'compact' | 'turn' };

const name = fc.constantFrom('a', 'b', 'c', 'd');
const change = fc.constantFrom('put', 'remove', 'put by us', 'remove by us');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: change, name, n: fc.nat(99) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      fault: fc.constantFrom(...FAULTS),
      probability: fc.constantFrom(0.3, 0.7, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('calm', 'cut', 'compact', 'turn') }) },
);

/** A world, and an operator in it that remembers what it reconciled last. */
class Run {
  readonly world: World;
  readonly informer: Informer<ConfigMap>;
  readonly reconciled = new Map<string, string | undefined>();
  readonly controller: Controller;

  static async start(seed: number, options: { streamingLists: boolean }): Promise<Run> {
    const world = await World.start({
      server: { seed, watchWindow: 30, ...options },
      timings: { idleMs: 150, initIdleMs: 150, backoffBaseMs: 5, backoffMaxMs: 20, pageSize: 2 },
      random: () => 0,
    });
    return new Run(world);
  }

  private constructor(world: World) {
    this.world = world;
    this.informer = world.cache.informer(ConfigMapType);
    const reconcile = async (key: string) => {
      // it fails now and then, as reconciles do
      if (this.controller.queue.failures(key) === 0 && key.endsWith('b')) throw new Error('the first try fails');
      this.reconciled.set(key, this.informer.get(key)?.metadata?.resourceVersion);
      return undefined;
    };
    this.controller = new Controller({ name: 'convergence', reconcile, log: silentLogger, backoffMs: [1, 5] });
    this.controller.watches(this.informer, object => [keyString(keyOf(object))]);
    this.controller.start(world.signal);
    world.cache.start(world.client, world.signal);
  }

  async take(each: Step): Promise<void> {
    const { server } = this.world;
    switch (each.do) {
      case 'fault':
        server.faults.inject(each.fault, { probability: each.probability, limit: 5 });
        return;
      case 'calm':
        server.faults.clear();
        return;
      case 'cut':
        server.cutWatches();
        return;
      case 'compact':
        server.faults.compact();
        return;
      case 'turn':
        await new Promise(setImmediate);
        return;
      default:
        await this.#change(each).catch(() => undefined);
    }
  }

  async #change(each: Extract<Step, { readonly name: string }>): Promise<void> {
    const { server, client } = this.world;
    const key = { namespace: 'x', name: each.name };
    const exists = server.store.get(ConfigMaps, key) !== undefined;
    const object = configMap(each.name, { n: each.n });
    if (each.do === 'put') exists ? server.store.update(object) : server.store.create(object);
    if (each.do === 'remove' && exists) server.store.delete(ConfigMaps, key);
    const within200 = { timeoutMs: 200 };
    if (each.do === 'put by us')
      await (exists
        ? client.mergePatch(ConfigMapType, key, { data: { n: String(each.n) } }, within200)
        : client.create(ConfigMapType, { namespace: 'x' }, object, within200));
    if (each.do === 'remove by us') await client.delete(ConfigMapType, key, within200);
  }

  /** Faults stop. Within one deadline the cache is the store, the queue is empty, every key was reconciled as it is. */
  async settle(): Promise<void> {
    const { server } = this.world;
    server.faults.clear();
    await this.informer.whenSynced(AbortSignal.timeout(10_000));
    await converged(this.informer, server, 10_000);
    await eventually(
      () => this.controller.queue.idle && this.controller.queue.delayed === 0,
      within('the queue drains'),
    );
    for (const key of new Set([
      ...this.reconciled.keys(),
      ...this.informer.list().map(object => keyString(keyOf(object))),
    ]))
      expect([key, this.reconciled.get(key)]).toEqual([key, this.informer.get(key)?.metadata?.resourceVersion]);
    await eventually(() => this.informer.known, within('the watch is well'));
  }
}

describe('convergence', () => {
  test.each([{ streamingLists: true }, { streamingLists: false }])(
    'property: when faults stop, the cache is the store and the queue drains (%j)',
    async options => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 40, size: 'max' }), async (seed, steps) => {
          const run = await Run.start(seed, options);
          try {
            for (const each of steps) await run.take(each);
            await run.settle();
          } finally {
            await run.world.stop();
          }
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: true },
      );
    },
    180_000,
  );
});
