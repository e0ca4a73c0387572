import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Informer } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, Secrets } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, converged, World, within } from './world.ts';

const SCOPE = { namespace: 'x' };

describe('the cache', () => {
  let world: World;

  beforeEach(async () => {
    world = await World.start();
    world.server.store.create(configMap('a', { labels: { app: 'x' } }));
    world.server.store.create(configMap('b'));
  });
  afterEach(() => world.stop());

  const names = (informer: Informer<ConfigMap>) =>
    informer
      .list()
      .map(({ metadata }) => metadata?.name)
      .sort();

  test('one watch for a kind and selection, however many ask', async () => {
    const first = await world.informer<ConfigMap>(ConfigMapType);
    const second = await world.informer<ConfigMap>(ConfigMapType);
    const selected = await world.informer<ConfigMap>(ConfigMapType, { labelSelector: 'app=x' });
    expect(second).toBe(first);
    expect(selected).not.toBe(first);
    expect(names(first)).toEqual(['a', 'b']);
    expect(names(selected)).toEqual(['a']);
    expect(world.server.watchCount).toBe(2);
    expect(world.server.requests.counts).toEqual({ watch: 2 });
  });

  test('a released informer closes its watch, and is started anew when it is asked for again', async () => {
    const first = await world.informer<ConfigMap>(ConfigMapType);
    world.cache.release(ConfigMapType);
    await eventually(() => world.server.watchCount === 0, within('the watch is closed'));
    world.server.store.create(configMap('c'));
    const second = await world.informer<ConfigMap>(ConfigMapType);
    expect(names(second)).toEqual(['a', 'b', 'c']);
    expect(names(first)).toEqual(['a', 'b']);
    expect(world.server.watchCount).toBe(1);
  });

  test('everything ends when its signal aborts', async () => {
    await world.informer<ConfigMap>(ConfigMapType);
    await world.informer(Secrets);
    const { server } = world;
    await world.transport.close();
    await eventually(() => server.watchCount === 0, within('the watches are closed'));
  });

  test('a subscriber hears of what is known first, then of every change, with the object before', async () => {
    const informer = await world.informer<ConfigMap>(ConfigMapType);
    const heard: string[] = [];
    const unsubscribe = informer.subscribe({
      applied: ({ metadata, data }, old, { initial }) =>
        heard.push(`${initial ? 'initial' : 'live'} ${metadata?.name} ${old?.data?.n ?? '-'}→${data?.n}`),
      deleted: ({ metadata }) => heard.push(`deleted ${metadata?.name}`),
      synced: () => heard.push('synced'),
    });
    world.server.store.update(configMap('a', { n: 1, labels: { app: 'x' } }));
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'b' });
    await converged(informer, world.server);
    expect(heard).toEqual(['initial a -→0', 'initial b -→0', 'synced', 'live a 0→1', 'deleted b']);
    unsubscribe();
    world.server.store.create(configMap('c'));
    await converged(informer, world.server);
    expect(heard).toHaveLength(5);
  });

  test('a subscriber that throws takes nothing from the others, nor from the cache', async () => {
    const informer = await world.informer<ConfigMap>(ConfigMapType);
    const heard: (string | undefined)[] = [];
    informer.subscribe({
      applied: (_object, _old, { initial }) => {
        if (!initial) throw new Error('a bug');
      },
      deleted: () => {
        throw new Error('a bug');
      },
    });
    informer.subscribe({
      applied: ({ metadata }, _old, { initial }) => !initial && heard.push(metadata?.name),
      deleted: ({ metadata }) => heard.push(metadata?.name),
    });
    await world.client.create(ConfigMapType, SCOPE, configMap('own'));
    world.server.store.create(configMap('c'));
    world.server.store.delete(ConfigMaps, { namespace: 'x', name: 'b' });
    await converged(informer, world.server);
    expect(heard).toEqual(['own', 'c', 'b']);
  });

  test('metadata only: the content is neither sent nor kept, by lists, watches and own writes', async () => {
    const request = { metadataOnly: true };
    const informer = await world.informer<ConfigMap>(ConfigMapType, request);
    await world.client.create(ConfigMapType, SCOPE, configMap('c'));
    world.server.store.update(configMap('b', { n: 1 }));
    await converged(informer, world.server);
    expect(informer.size).toBe(3);
    for (const object of informer.list()) expect(object).not.toHaveProperty('data');
    const accepts = world.server.requests.matching({ verb: 'watch' }).map(({ headers }) => headers.accept);
    expect(accepts).toEqual([expect.stringContaining('as=PartialObjectMetadata;')]);
    expect(await world.informer<ConfigMap>(ConfigMapType)).not.toBe(informer);
  });

  test('managedFields and last-applied are dropped; a transform of one’s own takes their place', async () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' };
    await world.client.create(ConfigMapType, SCOPE, { metadata: { name: 'c', annotations }, data: { n: '5' } });
    const informer = await world.informer<ConfigMap>(ConfigMapType);
    expect(informer.get('x/c')?.metadata?.annotations).toEqual({ kept: 'yes' });
    for (const object of informer.list()) expect(object.metadata).not.toHaveProperty('managedFields');
    const apply = ({ metadata }: ConfigMap): ConfigMap => ({ metadata: metadata ?? {}, data: { n: 'hidden' } });
    const transform = { name: 'hide', apply };
    const hidden = world.cache.informer<ConfigMap>(ConfigMapType, { transform });
    expect(world.cache.informer<ConfigMap>(ConfigMapType, { transform })).toBe(hidden);
    expect(hidden).not.toBe(informer);
    await hidden.whenSynced(AbortSignal.timeout(10_000));
    await world.client.create(ConfigMapType, SCOPE, configMap('d'));
    for (const name of ['a', 'c', 'd']) expect(hidden.get(`x/${name}`)?.data).toEqual({ n: 'hidden' });
  });

  test('indexes follow lists, events and own writes', async () => {
    const informer = await world.informer<ConfigMap>(ConfigMapType);
    informer.addIndex('n', ({ data }) => (data?.n === undefined ? [] : [data.n]));
    const found = (n: string) => informer.byIndex('n', n).map(({ metadata }) => metadata?.name);
    expect(found('0').sort()).toEqual(['a', 'b']);
    world.server.store.update(configMap('a', { n: 1 }));
    await converged(informer, world.server);
    expect(found('0')).toEqual(['b']);
    await world.client.create(ConfigMapType, SCOPE, configMap('c', { n: 1 }));
    expect(found('1').sort()).toEqual(['a', 'c']);
    await world.client.delete(ConfigMapType, { namespace: 'x', name: 'a' });
    expect(found('1')).toEqual(['c']);
  });

  test('what it holds is frozen where that is asked for', async () => {
    const informer = await world.informer<ConfigMap>(ConfigMapType);
    const { data = {} } = informer.get('x/a') ?? {};
    expect(() => Object.assign(data, { n: 'edited' })).toThrow(TypeError);
  });

  test('waiting for the first list ends with its signal', async () => {
    world.server.faults.inject('internalError');
    const informer = world.cache.informer<ConfigMap>(ConfigMapType);
    world.cache.start(world.client, world.signal);
    const abort = new AbortController();
    const waiting = informer.whenSynced(abort.signal);
    expect(world.cache.unknown()).toEqual(['configmaps']);
    abort.abort(new Error('no longer'));
    await expect(waiting).rejects.toThrow('no longer');
    world.server.faults.clear();
    await world.cache.whenSynced(AbortSignal.timeout(10_000));
    expect(world.cache.unknown()).toEqual([]);
  });
});
