import { afterEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps } from '../support/fake-api-server/index.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ConfigMapType, configMap, converged, World, type WorldOptions, within } from './world.ts';

describe('the first list', () => {
  let world: World;

  async function start(options: WorldOptions, count: number): Promise<void> {
    world = await World.start(options);
    for (let n = 0; n < count; n++) world.server.store.create(configMap(`m${n}`));
  }
  afterEach(() => world.stop());

  const requests = () => world.server.requests.entries.map(({ verb, query }) => ({ verb, ...query }));

  test('is streamed by one watch that goes on', async () => {
    await start({}, 3);
    const informer = await world.informer(ConfigMapType);
    world.server.store.create(configMap('later'));
    await converged(informer, world.server);
    expect(requests()).toEqual([
      {
        verb: 'watch',
        watch: 'true',
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: 'true',
        timeoutSeconds: expect.stringMatching(/^(3\d\d|4\d\d|5\d\d|600)$/),
      },
    ]);
  });

  test('a server without streaming lists is asked for pages of 500, once and for all', async () => {
    await start({ server: { streamingLists: false, watchWindow: 5_000 } }, 1_201);
    const informer = await world.informer(ConfigMapType);
    await converged(informer, world.server);
    await eventually(() => requests().length === 5, within('the watch is opened'));
    const [refused, first, second, third, watch] = requests();
    expect(refused).toMatchObject({ verb: 'watch', sendInitialEvents: 'true' });
    expect(first).toEqual({ verb: 'list', limit: '500' });
    expect(second).toEqual({ verb: 'list', limit: '500', continue: expect.any(String) });
    expect(third).toEqual({ verb: 'list', limit: '500', continue: expect.any(String) });
    expect(watch).toMatchObject({ verb: 'watch', resourceVersion: world.server.store.resourceVersion });
    world.server.requests.clear();
    world.server.faults.compact();
    world.server.store.advance(1);
    world.server.faults.compact();
    world.server.faults.inject('expire', { limit: 1, verb: 'watch' });
    world.server.cutWatches();
    await eventually(() => requests().filter(({ verb }) => verb === 'list').length === 3, within('it lists again'));
    expect(requests().some(query => 'sendInitialEvents' in query)).toBe(false);
  });

  test('an expired continue token begins again from the first page', async () => {
    await start({ server: { streamingLists: false }, timings: { pageSize: 2 } }, 5);
    const rule = world.server.faults.inject('expire', { limit: 1, verb: 'list' });
    const informer = await world.informer(ConfigMapType);
    expect(rule.hits).toBe(1);
    await converged(informer, world.server);
    expect(world.server.requests.count({ verb: 'list' })).toBe(2 + 3);
  });

  test('objects so large that a page of them is longer than what is read are listed by shorter pages', async () => {
    await start({ server: { streamingLists: false } }, 0);
    const data = { text: 'x'.repeat(1_000_000) };
    for (let n = 0; n < 68; n++) world.server.store.create({ ...configMap(`large${n}`), data });
    const informer = world.cache.informer(ConfigMapType);
    world.cache.start(world.client, world.signal);
    await informer.whenSynced(AbortSignal.timeout(100_000)); // 68 MB are read twice
    expect(informer.list()).toHaveLength(68);
    const limits = world.server.requests.entries.filter(({ verb }) => verb === 'list').map(({ query }) => query.limit);
    expect(limits).toEqual(['500', '125', '31', '31', '31']);
  }, 120_000);

  test('a page that comes late does not hide what happened meanwhile', async () => {
    await start({ server: { streamingLists: false }, timings: { pageSize: 2 } }, 5);
    const slow = world.server.faults.inject('slowList', { delayMs: 20 });
    const syncing = world.informer(ConfigMapType);
    await eventually(() => slow.hits > 0, within('the list is slow'));
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'm4' });
    world.server.store.create(configMap('m5'));
    await converged(await syncing, world.server);
  });

  test('a stale list is caught up with by the watch', async () => {
    await start({ server: { streamingLists: false } }, 5);
    for (let n = 0; n < 4; n++) world.server.store.delete(ConfigMaps, { namespace: 'x', name: `m${n}` });
    const stale = world.server.faults.inject('staleList', { behind: 6, limit: 1 });
    await converged(await world.informer(ConfigMapType), world.server);
    expect(stale.hits).toBe(1);
  });

  test('a streaming list that is silent is given up for pages', async () => {
    await start({ timings: { initIdleMs: 100 } }, 3);
    world.server.faults.inject('halfOpen', { limit: 1 });
    await converged(await world.informer(ConfigMapType), world.server);
    expect(world.server.requests.count({ verb: 'list' })).toBe(1);
  });

  test.each(['cutWatch', 'errorFrame', 'garbageFrame', 'expire', 'splitFrame', 'duplicateEvents'] as const)(
    '%s in the initial events: nothing counts before the list is complete',
    async fault => {
      await start({}, 5);
      const rule = world.server.faults.inject(fault, { limit: 3 });
      const informer = world.cache.informer(ConfigMapType);
      const sizes: number[] = [];
      informer.subscribe({
        applied: () => undefined,
        deleted: () => undefined,
        synced: () => sizes.push(informer.size),
      });
      await world.informer(ConfigMapType);
      expect(sizes).toEqual([5]);
      expect(rule.hits).toBe(3);
    },
  );

  test('subscribers are told when absence says something: after the list, and after a watch that failed', async () => {
    await start({}, 1);
    const told: boolean[] = [];
    const informer = world.cache.informer(ConfigMapType);
    const handler = { applied: () => undefined, deleted: () => undefined, known: () => told.push(informer.known) };
    informer.subscribe(handler);
    expect(told).toEqual([]);
    await world.informer(ConfigMapType);
    expect(told).toEqual([true]);

    const refusal = world.server.faults.inject('forbidden', { verb: 'watch' });
    world.server.cutWatches();
    await eventually(() => !informer.known, within('the refusal is noticed'));
    expect(told).toEqual([true]);
    refusal.remove();
    await eventually(() => informer.known, within('the watch goes on'));
    expect(told).toEqual([true, true]);

    informer.subscribe(handler);
    expect(told).toEqual([true, true, true]);
  });

  test('a watch that the server ends at once is opened again after a pause only', async () => {
    const clock = new FakeClock();
    await start({ clock }, 1);
    const informer = world.cache.informer(ConfigMapType);
    world.cache.start(world.client, world.signal);
    await eventually(() => informer.synced, within('the list is complete'));
    await eventually(() => world.server.watchCount === 1, within('the watch is open'));
    for (let round = 1; round <= 5; round++) {
      world.server.requests.clear();
      world.server.unserve(ConfigMaps); // ends the watch in good order
      world.server.serve(ConfigMaps);
      await eventually(() => informer.failure !== undefined, within('the end is noticed'));
      expect(world.server.requests.count()).toBe(0);
      await clock.advance(100); // the longest pause
      await eventually(() => informer.known, within('the watch is open again'));
      expect(world.server.requests.count()).toBe(1);
      await eventually(() => world.server.watchCount === 1, within('the watch is open'));
    }
  });

  test('a watch that ends in its time is opened again at once and is no failure', async () => {
    const clock = new FakeClock();
    await start({ clock }, 1);
    const informer = world.cache.informer(ConfigMapType);
    world.cache.start(world.client, world.signal);
    await eventually(() => world.server.watchCount === 1 && informer.synced, within('the watch is open'));
    world.health.length = 0;
    for (let round = 0; round < 4; round++) {
      clock.pass(300);
      await eventually(() => informer.ageMs === 0, within('a bookmark comes'));
    }
    world.server.requests.clear();
    world.server.unserve(ConfigMaps);
    world.server.serve(ConfigMaps);
    await eventually(() => world.server.requests.count({ verb: 'watch' }) === 1, within('the watch is opened again'));
    expect(world.health.filter(error => error !== undefined)).toEqual([]);
  });
});
