import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigMaps, FakeApiServer, type FakeKind, Leases, Secrets } from './index.ts';
import { APPLY, JSON_PATCH, TestClient } from './test-client.ts';

const Widgets: FakeKind = {
  group: 'test.example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
  statusSubresource: true,
};
const WIDGET = { apiVersion: 'test.example.com/v1', kind: 'Widget' };

describe('writes to the fake API server', () => {
  let server: FakeApiServer;
  let client: TestClient;
  let namespace = 0;
  let maps = '';
  let widgets = '';

  beforeAll(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps, Secrets, Leases, Widgets] });
    client = new TestClient(server.url);
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    namespace += 1;
    maps = `/api/v1/namespaces/n${namespace}/configmaps`;
    widgets = `/apis/test.example.com/v1/namespaces/n${namespace}/widgets`;
  });

  test('a create completes the object and gives it the next resource version', async () => {
    const before = Number(server.store.resourceVersion);
    const created = await client.post(maps, { metadata: { name: 'a' }, data: { x: '1' } });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace: `n${namespace}`, resourceVersion: String(before + 1) },
      data: { x: '1' },
    });
    expect(created.at('metadata.uid')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(created.at('metadata.creationTimestamp')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(created.at('metadata.generation')).toBeUndefined();
  });

  test('a create of an existing object is 409 AlreadyExists', async () => {
    await client.post(maps, { metadata: { name: 'a' } });
    const again = await client.post(maps, { metadata: { name: 'a' } });
    expect(again.body).toMatchObject({ kind: 'Status', code: 409, reason: 'AlreadyExists', details: { name: 'a' } });
  });

  test('generateName adds five characters', async () => {
    const created = await client.post(maps, { metadata: { generateName: 'a-' } });
    expect(created.at('metadata.name')).toMatch(/^a-[a-z0-9]{5}$/);
  });

  test('an update with a stale resource version is 409 Conflict, with the current one it succeeds', async () => {
    const first = await client.post(maps, { metadata: { name: 'a' } });
    const second = await client.put(`${maps}/a`, { metadata: first.at('metadata'), data: { x: '1' } });
    expect(second.status).toBe(200);
    const stale = await client.put(`${maps}/a`, { metadata: first.at('metadata'), data: { x: '2' } });
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict', details: { name: 'a', kind: 'configmaps' } });
  });

  test('a write that changes nothing is no write', async () => {
    const created = await client.post(maps, { metadata: { name: 'a' }, data: { x: '1' } });
    const version = server.store.resourceVersion;
    const same = await client.merge(`${maps}/a`, { metadata: { labels: {} }, data: { x: '1' } });
    expect(same.at('metadata.resourceVersion')).toBe(created.at('metadata.resourceVersion'));
    expect(server.store.resourceVersion).toBe(version);
  });

  test('a JSON patch may refuse a stale version, and one that cannot be done is 422', async () => {
    await client.post(maps, { metadata: { name: 'a' }, data: { x: '1' } });
    const patch = (operations: unknown) => client.send('PATCH', `${maps}/a`, operations, JSON_PATCH);
    const stale = await patch([{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }]);
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
    const failed = await patch([{ op: 'test', path: '/data/x', value: '2' }]);
    expect(failed.body).toMatchObject({ code: 422, reason: 'Invalid' });
    const patched = await patch([{ op: 'add', path: '/data/a~1b', value: '~' }]);
    expect(patched.at('data')).toEqual({ x: '1', 'a/b': '~' });
  });

  test('an apply creates, merges and records its manager', async () => {
    const apply = (data: object) => client.send('PATCH', `${maps}/a?fieldManager=paddock`, { ...intent, data }, APPLY);
    const intent = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    expect(await apply({ x: '1' })).toMatchObject({ status: 201 });
    const again = await apply({ y: '2' });
    expect(again.status).toBe(200);
    expect(again.at('data')).toEqual({ x: '1', y: '2' });
    expect(again.at('metadata.managedFields')).toMatchObject([{ manager: 'paddock', operation: 'Apply' }]);
  });

  test('dryRun answers and stores nothing', async () => {
    const version = server.store.resourceVersion;
    expect(await client.post(`${maps}?dryRun=All`, { metadata: { name: 'a' } })).toMatchObject({ status: 201 });
    expect(await client.get(`${maps}/a`)).toMatchObject({ status: 404 });
    expect(server.store.resourceVersion).toBe(version);
  });

  test('generation counts changes of anything but metadata and status', async () => {
    await client.post(widgets, { ...WIDGET, metadata: { name: 'w' }, spec: { a: 1 }, status: { lost: true } });
    const labelled = await client.merge(`${widgets}/w`, { metadata: { labels: { l: '1' } } });
    expect(labelled.at('metadata.generation')).toBe(1);
    const changed = await client.merge(`${widgets}/w`, { spec: { a: 2 } });
    expect(changed.at('metadata.generation')).toBe(2);
    expect(changed.at('status')).toBeUndefined();
  });

  test('main writes ignore status, status writes ignore the rest', async () => {
    await client.post(widgets, { ...WIDGET, metadata: { name: 'w' }, spec: { a: 1 } });
    const status = await client.merge(`${widgets}/w/status`, { spec: { a: 9 }, status: { ok: true } });
    expect(status.body).toMatchObject({ metadata: { generation: 1 }, spec: { a: 1 }, status: { ok: true } });
    const main = await client.merge(`${widgets}/w`, { spec: { a: 2 }, status: { ok: false } });
    expect(main.body).toMatchObject({ metadata: { generation: 2 }, spec: { a: 2 }, status: { ok: true } });
  });

  test('a delete checks uid and resource version', async () => {
    const created = await client.post(maps, { metadata: { name: 'a' } });
    const remove = (preconditions: object) => client.delete(`${maps}/a`, { preconditions });
    expect(await remove({ uid: 'other' })).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(await remove({ resourceVersion: '1' })).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    const uid = created.at('metadata.uid');
    expect(await remove({ uid })).toMatchObject({ status: 200, body: { kind: 'Status', status: 'Success' } });
    expect(await remove({ uid })).toMatchObject({ status: 404, body: { reason: 'NotFound', details: { name: 'a' } } });
  });

  test('an object with finalizers goes when the last one is removed', async () => {
    await client.post(maps, { metadata: { name: 'a', finalizers: ['example.com/x', 'example.com/y'] } });
    const deleted = await client.delete(`${maps}/a`);
    expect(deleted.at('metadata.deletionTimestamp')).toEqual(expect.any(String));
    expect(await client.delete(`${maps}/a`)).toMatchObject({ body: deleted.body });
    const added = await client.merge(`${maps}/a`, { metadata: { finalizers: ['example.com/x', 'example.com/z'] } });
    expect(added.body).toMatchObject({ code: 422, reason: 'Invalid' });
    await client.merge(`${maps}/a`, { metadata: { finalizers: ['example.com/y'] } });
    expect(await client.get(`${maps}/a`)).toMatchObject({ status: 200 });
    await client.merge(`${maps}/a`, { metadata: { finalizers: null } });
    expect(await client.get(`${maps}/a`)).toMatchObject({ status: 404 });
  });

  test('what an immutable Secret holds cannot be changed', async () => {
    const secrets = `/api/v1/namespaces/n${namespace}/secrets`;
    await client.post(secrets, { metadata: { name: 's' }, type: 'Opaque', immutable: true, data: { x: 'MQ==' } });
    const changed = await client.merge(`${secrets}/s`, { data: { x: 'Mg==' } });
    expect(changed.body).toMatchObject({ code: 422, reason: 'Invalid', details: { causes: [{ field: 'data' }] } });
    expect(await client.merge(`${secrets}/s`, { metadata: { labels: { l: '1' } } })).toMatchObject({ status: 200 });
  });

  test('a collection is deleted by selector', async () => {
    for (const [name, app] of [
      ['a', 'x'],
      ['b', 'y'],
    ])
      await client.post(maps, { metadata: { name, labels: { app } } });
    await client.delete(`${maps}?labelSelector=app%3Dx`);
    expect(server.store.list(ConfigMaps, `n${namespace}`).map(({ metadata }) => metadata?.name)).toEqual(['b']);
  });

  test('a body that is too large is 413', async () => {
    const data = { x: 'x'.repeat(3 * 1024 * 1024) };
    const refused = await client.post(maps, { metadata: { name: 'a' }, data });
    expect(refused.body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
  });
});
