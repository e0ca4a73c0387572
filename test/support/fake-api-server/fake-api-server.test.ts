import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { ConfigMaps, FakeApiServer, Namespaces, StatusError } from './index.ts';
import { TestClient } from './test-client.ts';

const configMap = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { x: '1' },
});
const within = (what: string) => ({ timeoutMs: 5_000, what });

describe('the fake API server', () => {
  let server: FakeApiServer;
  let client: TestClient;

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps, Namespaces] });
    client = new TestClient(server.url);
  });
  afterEach(() => server.stop());

  test('records requests with their verbs and answers', async () => {
    await client.get('/api/v1/configmaps?limit=5');
    await client.get('/api/v1/namespaces/default/configmaps/a');
    await client.post('/api/v1/namespaces/default/configmaps', configMap('default', 'a'));
    (await client.watch('/api/v1/configmaps')).close();
    await client.get('/version');
    expect(server.requests.counts).toEqual({ list: 1, get: 1, create: 1, watch: 1, other: 1 });
    expect(server.requests.matching({ verb: ['list', 'get'] })).toMatchObject([
      {
        method: 'GET',
        path: '/api/v1/configmaps',
        query: { limit: '5' },
        verb: 'list',
        kind: 'ConfigMap',
        status: 200,
      },
      { verb: 'get', namespace: 'default', name: 'a', status: 404 },
    ]);
    server.requests.clear();
    expect(server.requests.count()).toBe(0);
  });

  test('the store is written by the same rules, without requests', () => {
    server.store.create(configMap('default', 'a'));
    expect(() => server.store.create(configMap('default', 'a'))).toThrow(StatusError);
    expect(() => server.store.create(configMap('missing', 'a'))).toThrow('namespaces "missing" not found');
    const stored = server.store.get(ConfigMaps, { namespace: 'default', name: 'a' });
    expect(stored?.metadata).toMatchObject({ namespace: 'default', resourceVersion: server.store.resourceVersion });
    expect(Object.isFrozen(stored?.metadata)).toBe(true);
    expect(server.requests.count()).toBe(0);
  });

  test('versions cross a power of ten early', () => {
    expect(Number(server.store.resourceVersion)).toBeLessThan(100);
    server.store.advance(10);
    expect(Number(server.store.resourceVersion)).toBeGreaterThan(100);
  });

  test('a deleted namespace empties itself and goes', async () => {
    await client.post('/api/v1/namespaces', { metadata: { name: 'n' } });
    server.store.create(configMap('n', 'free'));
    const held = configMap('n', 'held');
    server.store.create({ ...held, metadata: { ...held.metadata, finalizers: ['example.com/hold'] } });
    const deleted = await client.delete('/api/v1/namespaces/n');
    expect(deleted.at('status.phase')).toBe('Terminating');
    await eventually(() => server.store.list(ConfigMaps, 'n').length === 1, within('what can go is gone'));
    expect(await client.post('/api/v1/namespaces/n/configmaps', configMap('n', 'late'))).toMatchObject({
      status: 403,
      body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    });
    await client.merge('/api/v1/namespaces/n/configmaps/held', { metadata: { finalizers: null } });
    await eventually(() => !server.store.get(Namespaces, { name: 'n' }), within('the namespace is gone'));
  });

  test('a kind that is served no more is 404, its watches end, its objects wait', async () => {
    server.store.create(configMap('default', 'a'));
    const watch = await client.watch('/api/v1/configmaps');
    server.unserve(ConfigMaps);
    await watch.untilEnd();
    expect(await client.get('/api/v1/configmaps')).toMatchObject({ status: 404, body: { reason: 'NotFound' } });
    server.serve(ConfigMaps);
    expect(await client.get('/api/v1/namespaces/default/configmaps/a')).toMatchObject({ status: 200 });
  });

  test('health, version and discovery', async () => {
    expect(await client.get('/readyz')).toMatchObject({ status: 200, body: 'ok' });
    expect((await client.get('/version')).at('gitVersion')).toMatch(/^v1\.\d+/);
    expect((await client.get('/api/v1')).body).toMatchObject({
      kind: 'APIResourceList',
      resources: [{ name: 'configmaps', namespaced: true }, { name: 'namespaces' }, { name: 'namespaces/status' }],
    });
    expect(await client.get('/apis/missing.example.com/v1/things')).toMatchObject({
      status: 404,
      body: '404 page not found\n',
    });
  });

  test('stops with watches open', async () => {
    const watch = await client.watch('/api/v1/configmaps');
    await server.stop();
    await eventually(() => watch.end, within('the watch ends'));
    await expect(client.get('/version')).rejects.toThrow();
  });
});
