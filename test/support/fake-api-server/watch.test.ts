import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { valueAt } from './api-object.ts';
import { ConfigMaps, FakeApiServer, type FakeApiServerOptions } from './index.ts';
import { METADATA_ONLY, TestClient } from './test-client.ts';

const MAPS = '/api/v1/namespaces/x/configmaps';
const STREAM = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

function configMap(name: string, { labels = {}, data = {} }: { labels?: object; data?: object } = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'x', labels: { ...labels } }, data };
}

describe('watches of the fake API server', () => {
  let server: FakeApiServer;
  let client: TestClient;

  const restart = async (options: Partial<FakeApiServerOptions>): Promise<void> => {
    await server.stop();
    server = await FakeApiServer.start({ kinds: [ConfigMaps], watchWindow: 10, ...options });
    client = new TestClient(server.url);
  };

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps], watchWindow: 10 });
    client = new TestClient(server.url);
  });
  afterEach(() => server.stop());

  test('without a version it tells what there is, then what happens', async () => {
    server.store.create(configMap('a'));
    const watch = await client.watch(MAPS);
    await watch.untilFrames(1);
    server.store.create(configMap('b'));
    server.store.update(configMap('a', { data: { x: '1' } }));
    server.store.delete(ConfigMaps, { namespace: 'x', name: 'b' });
    expect(await watch.untilFrames(4)).toEqual(['ADDED a', 'ADDED b', 'MODIFIED a', 'DELETED b']);
    expect(valueAt(watch.frames[3]?.object, 'metadata.resourceVersion')).toBe(server.store.resourceVersion);
  });

  test('from a version it tells what happened since', async () => {
    const { metadata } = server.store.create(configMap('a'));
    server.store.create(configMap('b'));
    server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
    const version = server.store.get(ConfigMaps, { namespace: 'x', name: 'b' })?.metadata?.resourceVersion;
    expect(Number(version)).toBe(Number(valueAt(metadata, 'resourceVersion')) + 1);
    const watch = await client.watch(`${MAPS}?resourceVersion=${valueAt(metadata, 'resourceVersion')}`);
    expect(await watch.untilFrames(2)).toEqual(['ADDED b', 'DELETED a']);
  });

  test('from a forgotten version it is a 410 Expired: in a frame, or outright where asked', async () => {
    const version = server.store.resourceVersion;
    for (let i = 0; i <= 10; i++) server.store.create(configMap(`m${i}`));
    const watch = await client.watch(`${MAPS}?resourceVersion=${version}`);
    expect(watch.status).toBe(200);
    expect(await watch.untilEnd()).toEqual(['ERROR 410']);

    await restart({ expiredWatch: 'http' });
    server.store.create(configMap('a'));
    server.faults.compact();
    const refused = await client.get(`${MAPS}?watch=1&resourceVersion=${version}`);
    expect(refused.body).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    const current = await client.watch(`${MAPS}?resourceVersion=${server.store.resourceVersion}`);
    expect(current.status).toBe(200);
  });

  test('with a selector, objects come and go as they begin and cease to match', async () => {
    const version = server.store.resourceVersion;
    server.store.create(configMap('a', { labels: { on: 'no' } }));
    const watch = await client.watch(`${MAPS}?labelSelector=on%3Dyes&resourceVersion=${version}`);
    server.store.update(configMap('a', { labels: { on: 'yes' } }));
    server.store.update(configMap('a', { labels: { on: 'yes' }, data: { x: '1' } }));
    server.store.update(configMap('a', { labels: { on: 'no' }, data: { x: '2' } }));
    server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
    expect(await watch.untilFrames(3)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    const last = watch.frames[2]?.object;
    expect(valueAt(last, 'data.x')).toBe('1');
    expect(Number(valueAt(last, 'metadata.resourceVersion'))).toBe(Number(server.store.resourceVersion) - 1);
  });

  test('bookmarks carry the current version, also when other kinds moved it', async () => {
    const watch = await client.watch(
      `${MAPS}?resourceVersion=${server.store.resourceVersion}&allowWatchBookmarks=true`,
    );
    server.store.advance(5);
    const current = server.store.resourceVersion;
    const seen = () => watch.all.some(({ object }) => valueAt(object, 'metadata.resourceVersion') === current);
    await eventually(seen, { timeoutMs: 5_000, what: 'a bookmark at the current version' });
    expect(watch.all.every(({ type }) => type === 'BOOKMARK')).toBe(true);
  });

  test('a streaming list ends with the annotated bookmark, then events follow', async () => {
    server.store.create(configMap('a'));
    server.store.create(configMap('b'));
    const watch = await client.watch(`${MAPS}?${STREAM}`);
    await watch.untilFrames(3);
    server.store.create(configMap('c'));
    expect(await watch.untilFrames(4)).toEqual(['ADDED a', 'ADDED b', 'BOOKMARK', 'ADDED c']);
    expect(valueAt(watch.frames[2]?.object, 'metadata')).toEqual({
      resourceVersion: String(Number(server.store.resourceVersion) - 1),
      annotations: { 'k8s.io/initial-events-end': 'true' },
    });
  });

  test('an older server refuses a streaming list with 422', async () => {
    await restart({ streamingLists: false });
    const refused = await client.get(`${MAPS}?watch=1&${STREAM}`);
    expect(refused.body).toMatchObject({ code: 422, details: { causes: [{ field: 'sendInitialEvents' }] } });
  });

  test('metadata only, bookmarks included', async () => {
    server.store.create(configMap('a', { data: { secret: 'x' } }));
    const watch = await client.watch(`${MAPS}?${STREAM}`, METADATA_ONLY);
    await watch.untilFrames(2);
    expect(watch.frames.map(({ object }) => valueAt(object, 'kind'))).toEqual([
      'PartialObjectMetadata',
      'PartialObjectMetadata',
    ]);
    expect(watch.text).not.toContain('secret');
  });

  test('timeoutSeconds ends it in order', async () => {
    const watch = await client.watch(`${MAPS}?timeoutSeconds=1`);
    await watch.untilEnd();
    expect(watch.end).toBe('clean');
    await eventually(() => server.watchCount === 0, { timeoutMs: 5_000, what: 'the watch is forgotten' });
  });

  test('a client that leaves is forgotten', async () => {
    const watch = await client.watch(MAPS);
    expect(server.watchCount).toBe(1);
    watch.close();
    await eventually(() => server.watchCount === 0, { timeoutMs: 5_000, what: 'the watch is forgotten' });
  });
});
