import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { WatchedTogether } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, World, within } from './world.ts';

describe('informers read as one', () => {
  let world: World;
  let both: WatchedTogether<ConfigMap>;
  let heard: string[];

  beforeEach(async () => {
    world = await World.start();
    world.server.store.create(configMap('a', { namespace: 'x' }));
    world.server.store.create(configMap('a', { namespace: 'y' }));
    both = new WatchedTogether<ConfigMap>();
    both.addIndex('name', ({ metadata }) => [metadata?.name ?? '']);
    heard = [];
    both.subscribe({
      applied: ({ metadata }, old) => heard.push(`${old ? 'changed' : 'new'} ${metadata?.namespace}/${metadata?.name}`),
      deleted: ({ metadata }) => heard.push(`deleted ${metadata?.namespace}/${metadata?.name}`),
    });
  });
  afterEach(() => world.stop());

  const of = (namespace: string) => world.informer<ConfigMap>(ConfigMapType, { namespace });
  const keys = () => both.list().map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);

  test('hold what each of them holds, and tell of it', async () => {
    const [x, y] = [await of('x'), await of('y')];
    for (const informer of [x, y, x]) both.add(informer);
    world.server.store.update(configMap('a', { namespace: 'y', n: 1 }));
    await eventually(() => both.get('y/a')?.data?.n === '1', within('the change is seen'));
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
    await eventually(() => !both.get({ namespace: 'x', name: 'a' }), within('the deletion is seen'));

    expect(heard).toEqual(['new x/a', 'new y/a', 'changed y/a', 'deleted x/a']);
    expect(both.byIndex('name', 'a')).toHaveLength(1);
    expect(both.known).toBe(true);
  });

  test('one that is taken out takes its objects along, and tells of nothing more', async () => {
    const [x, y] = [await of('x'), await of('y')];
    both.add(x);
    both.add(y);
    both.remove(x);
    both.remove(x);
    world.server.store.create(configMap('b', { namespace: 'x' }));
    await eventually(() => x.get('x/b') !== undefined, within('the informer itself goes on'));

    expect(keys()).toEqual(['y/a']);
    expect(heard).toEqual(['new x/a', 'new y/a', 'deleted x/a']);
    both.add(x);
    expect(keys().sort()).toEqual(['x/a', 'x/b', 'y/a']);
  });

  test('are known when every one of them is', async () => {
    both.add(await of('x'));
    const unread = world.cache.informer<ConfigMap>(ConfigMapType, { namespace: 'y' });
    both.add(unread);
    expect(both.known).toBe(false);
    await both.whenSynced(AbortSignal.timeout(10_000));
    expect(both.known).toBe(true);
    both.add(world.cache.informer<ConfigMap>(ConfigMapType, { namespace: 'z' }));
    await expect(both.whenSynced(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  });

  test('tell when they have become known, also because the one that was not is taken out', async () => {
    const known = jest.fn();
    both.add(await of('x'));
    both.subscribe({ applied: () => undefined, deleted: () => undefined, known });
    expect(known).toHaveBeenCalledTimes(1);
    both.add(world.cache.informer<ConfigMap>(ConfigMapType, { namespace: 'y' }));
    await both.whenSynced(AbortSignal.timeout(10_000));
    expect(known).toHaveBeenCalledTimes(2);

    world.server.faults.inject('hold', { namespace: 'z' });
    const unread = world.cache.informer<ConfigMap>(ConfigMapType, { namespace: 'z' });
    both.add(unread);
    both.remove(await of('y'));
    expect(known).toHaveBeenCalledTimes(2);
    both.remove(unread);
    expect(known).toHaveBeenCalledTimes(3);
  });
});
