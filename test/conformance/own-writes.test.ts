import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Cache, Client, compareResourceVersions, type Informer, type KubeObject } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, Secrets } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, converged, FAST, versions, World, within } from './world.ts';

const KEY = { namespace: 'x', name: 'a' };
const SCOPE = { namespace: 'x' };
const patchTo = (n: number) => ({ data: { n: String(n) } });

describe('an object just written', () => {
  let world: World;
  let informer: Informer<ConfigMap>;
  let told: string[];

  beforeEach(async () => {
    world = await World.start();
    informer = await world.informer(ConfigMapType);
    await eventually(() => world.server.watchCount === 1, within('the watch is open'));
    told = [];
    informer.subscribe({
      applied: ({ metadata }, _old, { own }) => told.push(`${own ? 'own' : 'seen'} ${metadata?.resourceVersion}`),
      deleted: ({ metadata }) => told.push(`deleted ${metadata?.resourceVersion}`),
    });
  });
  afterEach(() => world.stop());

  /** The watch is silent from the next event on, until its idle deadline. Then come the late events. */
  async function behindTheWatch<T>(work: () => Promise<T>): Promise<T> {
    const stall = world.server.faults.inject('stall', { limit: 1 });
    world.server.store.create(configMap('unrelated'));
    await eventually(() => stall.hits === 1, within('the watch is silent'));
    return await work();
  }

  /** Everything that was held back has come. */
  async function caughtUp(): Promise<void> {
    world.server.store.create(configMap('sentinel'));
    await eventually(() => informer.get('x/sentinel'), within('the late events come'));
    await converged(informer, world.server);
  }

  test('is what the next read returns: create, patches, apply', async () => {
    await behindTheWatch(async () => {
      const created = await world.client.create(ConfigMapType, SCOPE, configMap('a'));
      expect(informer.get(KEY)?.metadata?.resourceVersion).toBe(created.metadata?.resourceVersion);
      await world.client.mergePatch(ConfigMapType, KEY, patchTo(1));
      expect(informer.get(KEY)?.data?.n).toBe('1');
      await world.client.jsonPatch(ConfigMapType, KEY, [{ op: 'replace', path: '/data/n', value: '2' }]);
      expect(informer.get(KEY)?.data?.n).toBe('2');
      await world.client.apply(ConfigMapType, { metadata: KEY, ...patchTo(3) });
      expect(informer.get(KEY)?.data?.n).toBe('3');
    });
  });

  test('is told as our own where the answer can hold nothing else: creates, and writes that name the version', async () => {
    await behindTheWatch(async () => {
      const { metadata } = await world.client.create(ConfigMapType, SCOPE, configMap('a'));
      const conditional = { metadata: { resourceVersion: metadata?.resourceVersion }, ...patchTo(1) };
      const patched = await world.client.mergePatch(ConfigMapType, KEY, conditional);
      const { resourceVersion } = patched.metadata ?? {};
      await world.client.jsonPatch(ConfigMapType, KEY, [
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'replace', path: '/data/n', value: '2' },
      ]);
    });
    await caughtUp();
    expect(told.map(line => line.split(' ')[0])).toEqual(['own', 'own', 'own', 'seen', 'seen']); // unrelated and sentinel
  });

  test('is told as anybody’s where it may hold the change of another, whose event is not told any more', async () => {
    await behindTheWatch(async () => {
      await world.client.create(ConfigMapType, SCOPE, configMap('a'));
      world.server.store.update(configMap('a', { labels: { theirs: 'yes' } })); // somebody else
      await world.client.mergePatch(ConfigMapType, KEY, patchTo(2));
      expect(informer.get(KEY)).toMatchObject({ metadata: { labels: { theirs: 'yes' } }, ...patchTo(2) });
      expect(told.map(line => line.split(' ')[0])).toEqual(['own', 'seen']);
    });
    await caughtUp();
    expect(told.map(line => line.split(' ')[0])).toEqual(['own', 'seen', 'seen', 'seen']); // unrelated and sentinel
  });

  test('a deleted one is gone, and late events of it do not bring it back', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    told.length = 0;
    await behindTheWatch(async () => {
      world.server.store.update(configMap('a', { n: 1 }));
      await world.client.delete(ConfigMapType, KEY);
      expect(informer.get(KEY)).toBeUndefined();
    });
    await caughtUp();
    expect(told.filter(line => line.startsWith('deleted'))).toHaveLength(1);
    expect(told.filter(line => line.startsWith('seen'))).toHaveLength(2); // unrelated and sentinel
  });

  test('deleted, then created again by somebody: the new one is seen', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    await behindTheWatch(async () => {
      await world.client.delete(ConfigMapType, KEY);
      world.server.store.create(configMap('a', { n: 7 }));
    });
    await caughtUp();
    expect(informer.get(KEY)?.data?.n).toBe('7');
  });

  test('deleted and created again by us: the late deletion of the first does not touch the second', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    await behindTheWatch(async () => {
      await world.client.delete(ConfigMapType, KEY);
      await world.client.create(ConfigMapType, SCOPE, configMap('a', { n: 8 }));
      expect(informer.get(KEY)?.data?.n).toBe('8');
    });
    await caughtUp();
    expect(told.filter(line => line.startsWith('deleted'))).toHaveLength(1);
    expect(informer.get(KEY)?.data?.n).toBe('8');
  });

  test('a deletion that a list did not see yet is not undone by it', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    const stale = world.server.faults.inject('stall', { limit: 1, verb: 'watch' });
    world.server.faults.inject('expire', { limit: 1, verb: 'watch' });
    world.server.cutWatches(); // 410, then a list that stops before its end
    await eventually(() => stale.hits === 1, within('the list is on its way'));
    await world.client.delete(ConfigMapType, KEY);
    expect(informer.get(KEY)).toBeUndefined();
    await caughtUp();
    expect(told.filter(line => line.startsWith('deleted'))).toHaveLength(1);
  });

  test('an object with a finalizer stays, as the delete answered it', async () => {
    const { data, metadata } = configMap('a');
    await world.client.create(ConfigMapType, SCOPE, {
      data: data ?? {},
      metadata: { ...metadata, finalizers: ['f.io/f'] },
    });
    await world.client.delete(ConfigMapType, KEY);
    expect(informer.get(KEY)?.metadata?.deletionTimestamp).toEqual(expect.any(String));
  });

  test('an answer that comes after the events of its end does not bring the object back', async () => {
    const answer = world.server.store.create(configMap('a'));
    world.server.store.delete(ConfigMaps, KEY);
    await caughtUp();
    informer.written(ConfigMapType, answer);
    expect(informer.get(KEY)).toBeUndefined();
  });

  test('a deletion without a uid is that of the object which the server deleted', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    const dropped = world.server.faults.inject('dropAfterWrite', { limit: 1 });
    await expect(world.client.delete(ConfigMapType, KEY)).rejects.toThrow('no answer');
    expect(dropped.hits).toBe(1);
    world.server.store.create(configMap('a', { n: 9 }));
    await converged(informer, world.server);
    world.cache.deleted(ConfigMapType, KEY, 'uid-of-the-first');
    expect(informer.get(KEY)?.data?.n).toBe('9');
    world.server.store.delete(ConfigMaps, KEY);
    world.server.store.create(configMap('a', { n: 10 }));
    await converged(informer, world.server);
    expect(informer.get(KEY)?.data?.n).toBe('10');
  });

  test('a selection shows it while it is selected, and forgets it when a write takes it out', async () => {
    const selected = await world.informer<ConfigMap>(ConfigMapType, { labelSelector: 'app in (x,y)' });
    await behindTheWatch(async () => {
      await world.client.create(ConfigMapType, SCOPE, configMap('out'));
      await world.client.create(ConfigMapType, SCOPE, configMap('a', { labels: { app: 'x' } }));
      expect(selected.list().map(({ metadata }) => metadata?.name)).toEqual(['a']);
      await world.client.mergePatch(ConfigMapType, KEY, { metadata: { labels: { app: 'z' } } });
      expect(selected.size).toBe(0);
    });
    await caughtUp();
    expect(selected.size).toBe(0);
  });

  test('a selection by a field that only the server knows keeps what it has', async () => {
    const secrets = await world.informer(Secrets, { fieldSelector: 'type=Opaque' });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: KEY, type: 'Opaque' };
    world.server.store.create(secret);
    await converged(secrets, world.server);
    await behindTheWatch(async () => {
      await world.client.mergePatch(Secrets, KEY, { metadata: { labels: { changed: 'yes' } } });
      expect(secrets.get(KEY)?.metadata?.labels).toEqual({ changed: 'yes' });
    });
  });

  test('a deletion during a list is not undone by it, nor by events between the two', async () => {
    world.server.store.create(configMap('a'));
    await converged(informer, world.server);
    const { promise: completed, resolve: complete } = Promise.withResolvers<void>();
    let lists = 0;
    const cache = new Cache({
      cluster: 'fake',
      timings: FAST,
      // between the second list and its coming into force
      verify: async () => {
        lists += 1;
        if (lists === 2) await completed;
      },
    });
    const observed = new Client(world.transport, { fieldManager: 'test', observer: cache });
    const watched = cache.informer(ConfigMapType);
    cache.start(observed, world.signal);
    await watched.whenSynced(AbortSignal.timeout(15_000));
    const heard: string[] = [];
    watched.subscribe({
      applied: ({ metadata }, _old, { initial }) => !initial && heard.push(`${metadata?.name}`),
      deleted: ({ metadata }) => heard.push(`${metadata?.name} deleted`),
    });
    world.server.faults.inject('expire', { limit: 2, verb: 'watch' });
    world.server.cutWatches();
    await eventually(() => lists === 2, within('the list is complete'));
    world.server.store.update(configMap('a', { n: 1 }));
    await observed.delete(ConfigMapType, KEY);
    complete();
    world.server.store.create(configMap('sentinel'));
    await converged(watched, world.server);
    expect(heard).toEqual(['a deleted', 'sentinel']);
  });

  test('a cache of another namespace, or of one name, does not take it for its own', async () => {
    const elsewhere = await world.informer<ConfigMap>(ConfigMapType, { namespace: 'y' });
    const named = await world.informer<ConfigMap>(ConfigMapType, { fieldSelector: 'metadata.name=b' });
    await world.client.create(ConfigMapType, SCOPE, configMap('a'));
    await world.client.create(ConfigMapType, SCOPE, configMap('b'));
    expect(elsewhere.size).toBe(0);
    expect(versions(named.list())).toEqual(versions([informer.get('x/b') ?? {}]));
  });

  test('versions never go back for a subscriber', async () => {
    const last = new Map<string, KubeObject>();
    const backwards: string[] = [];
    informer.subscribe({
      applied: object => {
        const uid = object.metadata?.uid ?? '';
        const { resourceVersion } = last.get(uid)?.metadata ?? {};
        if (compareResourceVersions(object.metadata?.resourceVersion, resourceVersion) <= 0) backwards.push(uid);
        last.set(uid, object);
      },
      deleted: () => undefined,
    });
    await world.client.create(ConfigMapType, SCOPE, configMap('a'));
    world.server.faults.inject('cutWatch', { probability: 0.2 });
    world.server.faults.inject('duplicateEvents', { probability: 0.3 });
    const writes = Array.from({ length: 40 }, (_, n) => world.client.mergePatch(ConfigMapType, KEY, patchTo(n)));
    await Promise.all(writes);
    world.server.faults.clear();
    await converged(informer, world.server);
    expect(backwards).toEqual([]);
  });
});
