import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigMaps, FakeApiServer } from './index.ts';
import { type JsonAnswer, METADATA_ONLY, TestClient } from './test-client.ts';

const MAPS = '/api/v1/configmaps';
const names = (answer: JsonAnswer): unknown => {
  const items = answer.at('items');
  return Array.isArray(items) ? items.map(item => item.metadata.name) : items;
};

describe('lists of the fake API server', () => {
  let server: FakeApiServer;
  let client: TestClient;

  beforeAll(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps], watchWindow: 20 });
    client = new TestClient(server.url);
    for (const n of ['1', '2', '3', '4', '5'])
      server.store.create(configMap(`m${n}`, { namespace: n < '4' ? 'x' : 'y', labels: { n } }));
  });
  afterAll(() => server.stop());

  test('all namespaces, one namespace, selectors', async () => {
    expect(names(await client.get(MAPS))).toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
    expect(names(await client.get('/api/v1/namespaces/y/configmaps'))).toEqual(['m4', 'm5']);
    expect(names(await client.get(`${MAPS}?labelSelector=n+in+(1,5)`))).toEqual(['m1', 'm5']);
    expect(names(await client.get(`${MAPS}?fieldSelector=metadata.name%3Dm3`))).toEqual(['m3']);
    expect(names(await client.get(`${MAPS}?fieldSelector=metadata.namespace!%3Dx`))).toEqual(['m4', 'm5']);
    expect(await client.get(`${MAPS}?fieldSelector=data.x%3D1`)).toMatchObject({ status: 400 });
  });

  test('the list has the version of the store, also where the last write was another', async () => {
    server.store.advance(7);
    const answer = await client.get(MAPS);
    expect(answer.at('metadata.resourceVersion')).toBe(server.store.resourceVersion);
  });

  test('metadata only', async () => {
    const accept = METADATA_ONLY.accept.replace('PartialObjectMetadata', 'PartialObjectMetadataList');
    const answer = await client.get(`${MAPS}?limit=1`, { accept });
    expect(answer.body).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ kind: 'PartialObjectMetadata' }],
    });
    expect(JSON.stringify(answer.body)).not.toContain('"data"');
    const one = await client.get('/api/v1/namespaces/x/configmaps/m1', METADATA_ONLY);
    expect(one.body).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: expect.objectContaining({ name: 'm1' }),
    });
  });

  test('pages continue at the version of the first one', async () => {
    const first = await client.get(`${MAPS}?limit=2`);
    expect(first.at('metadata.remainingItemCount')).toBe(3);
    server.store.create(configMap('m9', { namespace: 'x' }));
    server.store.delete(ConfigMaps, { namespace: 'x', name: 'm3' });
    const second = await client.get(`${MAPS}?limit=2&continue=${first.at('metadata.continue')}`);
    expect(names(second)).toEqual(['m3', 'm4']);
    expect(second.at('metadata.resourceVersion')).toBe(first.at('metadata.resourceVersion'));
    const third = await client.get(`${MAPS}?limit=2&continue=${second.at('metadata.continue')}`);
    expect(names(third)).toEqual(['m5']);
    expect(third.at('metadata.continue')).toBeUndefined();
  });

  test('a page whose version is forgotten is 410 with a token that goes on from now', async () => {
    const first = await client.get(`${MAPS}?limit=2`);
    for (let i = 0; i <= 20; i++) server.store.create(configMap(`late${i}`, { namespace: 'z' }));
    const expired = await client.get(`${MAPS}?limit=2&continue=${first.at('metadata.continue')}`);
    expect(expired.body).toMatchObject({ code: 410, reason: 'Expired' });
    const rest = await client.get(`${MAPS}?limit=2&continue=${expired.at('metadata.continue')}`);
    expect(names(rest)).toEqual(['m9', 'm4']);
    expect(rest.at('metadata.resourceVersion')).toBe(server.store.resourceVersion);
  });

  test('resource versions: any, not older than, exact, in the future, forgotten', async () => {
    const version = server.store.resourceVersion;
    server.store.create(configMap('newer', { namespace: 'zz' }));
    const of = (query: string) => client.get(`/api/v1/namespaces/zz/configmaps?${query}`);
    expect(names(await of('resourceVersion=0'))).toEqual(['newer']);
    expect(names(await of(`resourceVersion=${version}`))).toEqual(['newer']);
    expect(names(await of(`resourceVersion=${version}&resourceVersionMatch=Exact`))).toEqual([]);
    const future = await of('resourceVersion=999999');
    expect(future.body).toMatchObject({ code: 504, reason: 'Timeout', details: { retryAfterSeconds: 1 } });
    server.faults.compact();
    const forgotten = await of(`resourceVersion=${version}&resourceVersionMatch=Exact`);
    expect(forgotten.body).toMatchObject({ code: 410, reason: 'Expired' });
  });
});

function configMap(name: string, metadata: object) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data: { of: name } };
}
