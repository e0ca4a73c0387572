import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigMaps, FakeApiServer } from '../test/support/fake-api-server/index.ts';
import { Client } from './client.ts';
import { ApiError } from './errors.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizer.ts';
import type { KubeObject } from './resource.ts';
import { Transport } from './transport.ts';

const KEY = { namespace: 'x', name: 'a' };
const conflict = { code: 409, reason: 'Conflict' };
const errorOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
const MINE = 'example.com/mine';

describe('finalizers', () => {
  let server: FakeApiServer;
  let transport: Transport;
  let client: Client;
  let object: KubeObject;

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps] });
    transport = new Transport({ credentials: { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) } });
    client = new Client(transport, { fieldManager: 'test' });
    object = server.store.create<KubeObject>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...KEY, finalizers: ['example.com/other'] },
    });
  });
  afterEach(async () => {
    await transport.close();
    await server.stop();
  });

  const finalizers = () => server.store.get(ConfigMaps, KEY)?.metadata?.finalizers;

  test('added beside others, once', async () => {
    const added = await addFinalizer(client, ConfigMaps, object, MINE);
    expect(hasFinalizer(added, MINE)).toBe(true);
    expect(finalizers()).toEqual(['example.com/other', MINE]);
    server.requests.clear();
    expect(await addFinalizer(client, ConfigMaps, added, MINE)).toBe(added);
    expect(server.requests.count()).toBe(0);
  });

  test('removed, the others stay, and the object goes with the last one', async () => {
    const added = await addFinalizer(client, ConfigMaps, object, MINE);
    await removeFinalizer(client, ConfigMaps, added, MINE);
    expect(finalizers()).toEqual(['example.com/other']);
    await client.delete(ConfigMaps, KEY);
    const deleted = server.store.get(ConfigMaps, KEY);
    await removeFinalizer(client, ConfigMaps, deleted ?? {}, 'example.com/other');
    expect(server.store.get(ConfigMaps, KEY)).toBeUndefined();
  });

  test('an object that changed meanwhile is refused, one that is gone is no error', async () => {
    const added = await addFinalizer(client, ConfigMaps, object, MINE);
    const stale = { ...object, metadata: { ...object.metadata, finalizers: [MINE] } };
    expect(await errorOf(addFinalizer(client, ConfigMaps, object, 'example.com/late'))).toMatchObject(conflict);
    expect(await errorOf(removeFinalizer(client, ConfigMaps, stale, MINE))).toMatchObject(conflict);
    expect(finalizers()).toEqual(['example.com/other', MINE]);
    server.store.update<KubeObject>({ ...added, metadata: { ...KEY, finalizers: [] } });
    server.store.delete(ConfigMaps, KEY);
    await removeFinalizer(client, ConfigMaps, added, MINE);
  });

  test('never added to an object of the same name that came later', async () => {
    await removeFinalizer(client, ConfigMaps, object, 'example.com/other');
    server.store.delete(ConfigMaps, KEY);
    server.store.create<KubeObject>({ apiVersion: 'v1', kind: 'ConfigMap', metadata: KEY });
    expect(await errorOf(addFinalizer(client, ConfigMaps, object, MINE))).toBeInstanceOf(ApiError);
    expect(finalizers()).toBeUndefined();
  });
});
