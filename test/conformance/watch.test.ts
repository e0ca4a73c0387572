import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Informer } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, type FaultName } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, converged, versions, World, within } from './world.ts';

describe('a watch that is broken', () => {
  let world: World;
  let informer: Informer<ConfigMap>;

  beforeEach(async () => {
    world = await World.start();
    for (const name of ['a', 'b', 'c']) world.server.store.create(configMap(name));
    informer = await world.informer(ConfigMapType);
    await eventually(() => world.server.watchCount === 1, within('the watch is open'));
    world.server.requests.clear();
  });
  afterEach(() => world.stop());

  const lists = () =>
    world.server.requests.entries.filter(({ verb, query }) => verb === 'list' || query.sendInitialEvents);
  const watches = () => world.server.requests.count({ verb: 'watch' });

  /** Writes while the fault strikes once, and afterwards. */
  async function changeThrough(fault: FaultName): Promise<void> {
    const rule = world.server.faults.inject(fault, { limit: 1 });
    world.server.store.update(configMap('a', { n: 1 }));
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'b' });
    await eventually(() => rule.hits === 1, within(`the fault ${fault} strikes`));
    world.server.store.create(configMap('d'));
  }

  test.each(['cutWatch', 'errorFrame', 'garbageFrame', 'stall'] as const)(
    '%s: resumes from where it was, without a list, and misses nothing',
    async fault => {
      await changeThrough(fault);
      await converged(informer, world.server);
      expect(lists()).toEqual([]);
      expect(watches()).toBe(1);
      expect(informer.known).toBe(true);
    },
  );

  test.each(['duplicateEvents', 'splitFrame'] as const)('%s: is not even noticed', async fault => {
    const seen: string[] = [];
    informer.subscribe({
      applied: (object, _old, { initial }) => !initial && seen.push(`${object.metadata?.name} ${object.data?.text}`),
      deleted: object => seen.push(`${object.metadata?.name} deleted`),
    });
    await changeThrough(fault);
    await converged(informer, world.server);
    expect(seen).toEqual(['a žluťoučký kůň 🐎', 'b deleted', 'd žluťoučký kůň 🐎']);
    expect(watches()).toBe(0);
    expect(world.health).toEqual([]);
  });

  test('all connections cut: resumes without a list', async () => {
    world.server.store.update(configMap('a', { n: 1 }));
    world.server.cutWatches();
    world.server.store.update(configMap('b', { n: 1 }));
    await converged(informer, world.server);
    expect(lists()).toEqual([]);
  });

  test('a half-open connection after a cut: silence is noticed, and costs no list', async () => {
    const rule = world.server.faults.inject('halfOpen', { limit: 1 });
    world.server.cutWatches();
    await eventually(() => rule.hits === 1, within('the watch is half-open'));
    world.server.store.update(configMap('b', { n: 1 }));
    await converged(informer, world.server);
    expect(lists()).toEqual([]);
    expect(watches()).toBe(2);
  });

  test('watches that are accepted and never bring anything, for as long as one looks: lists again', async () => {
    world.server.faults.inject('halfOpen');
    world.server.cutWatches();
    for (const n of [1, 2]) {
      world.server.store.update(configMap('a', { n }));
      await converged(informer, world.server);
    }
    expect(lists().length).toBeGreaterThan(0);
    expect(informer.known).toBe(true);
  });

  test('bookmarks alone keep a quiet watch, and move its version on', async () => {
    world.server.store.advance(50);
    const version = world.server.store.resourceVersion;
    await eventually(() => informer.ageMs < 100 && world.server.watchCount === 1, within('a bookmark comes'));
    world.server.faults.compact();
    // only a watch that heard of the new version by a bookmark can resume from there
    await eventually(async () => {
      world.server.requests.clear();
      world.server.cutWatches();
      await eventually(() => watches() > 0, within('the watch is opened again'));
      return world.server.requests.entries.some(({ query }) => query.resourceVersion === version);
    }, within('the watch is resumed from the bookmark'));
    expect(lists()).toEqual([]);
  });

  test('410 on resume, as a frame: lists again', async () => {
    world.server.faults.inject('expire', { limit: 1 });
    world.server.cutWatches();
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'c' });
    await converged(informer, world.server);
    expect(lists()).toHaveLength(1);
  });

  test('410 in the middle of a watch: lists again', async () => {
    await changeThrough('expire');
    await converged(informer, world.server);
    expect(lists()).toHaveLength(1);
  });

  test('what was deleted while it could not see is deleted for its subscribers', async () => {
    const deleted: (string | undefined)[] = [];
    informer.subscribe({ applied: () => undefined, deleted: ({ metadata }) => deleted.push(metadata?.name) });
    const drop = world.server.faults.inject('drop');
    world.server.cutWatches();
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'b' });
    world.server.store.create(configMap('b'));
    world.server.faults.compact();
    await eventually(() => drop.hits > 0, within('a request is dropped'));
    expect(informer.known).toBe(false);
    expect(informer.size).toBe(3);
    drop.remove();
    await converged(informer, world.server);
    expect(deleted).toEqual(['a']);
    expect(informer.known).toBe(true);
  });

  test.each(['tooMany', 'internalError', 'forbidden', 'drop'] as const)(
    '%s on every request: unknown until it is over, and no hot loop',
    async fault => {
      const rule = world.server.faults.inject(fault);
      const before = world.server.now;
      world.server.cutWatches();
      await eventually(() => rule.hits >= 12, within('it is refused twelve times'));
      expect(informer.known).toBe(false);
      expect(versions(informer.list())).toHaveLength(3);
      // each pause is anything up to 10 ms, doubled up to 100 ms: of a million such sums not ten are that short
      const twelfth = world.server.requests.entries[11];
      expect((twelfth?.at ?? 0) - before).toBeGreaterThanOrEqual(100);
      rule.remove();
      world.server.store.update(configMap('a', { n: 1 }));
      await converged(informer, world.server);
      expect(informer.known).toBe(true);
    },
  );

  test('401 once: the credential is refreshed, and nobody notices', async () => {
    const rule = world.server.faults.inject('unauthorizedOnce');
    world.server.cutWatches();
    world.server.store.update(configMap('a', { n: 1 }));
    await converged(informer, world.server);
    expect(rule.hits).toBe(1);
    expect(watches()).toBe(2);
  });

  test('the kind is removed and served again: nothing is taken for deleted in between', async () => {
    const deleted: unknown[] = [];
    informer.subscribe({ applied: () => undefined, deleted: object => deleted.push(object) });
    world.server.unserve(ConfigMaps);
    await eventually(() => world.server.requests.count() > 2, within('it is tried again'));
    expect(informer.known).toBe(false);
    expect(informer.size).toBe(3);
    world.server.serve(ConfigMaps);
    await eventually(() => informer.known, within('it is known again'));
    expect(deleted).toEqual([]);
  });
});
