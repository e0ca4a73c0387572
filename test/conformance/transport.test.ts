import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type ApiError,
  ConnectionError,
  type Credentials,
  isNotFound,
  isUnauthorized,
  WriteRefusedError,
} from '#runtime';
import type { ChaosProxy } from '../support/chaos-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, FakeApiServer } from '../support/fake-api-server/index.ts';
import { errorOf, get, getMany, KEY, ProxiedServer, SCOPE } from './proxied-server.ts';
import { ConfigMapType, configMap, plainCredentials, within } from './world.ts';

describe('the transport', () => {
  let fake: ProxiedServer;
  let server: FakeApiServer;
  let proxy: ChaosProxy;

  beforeEach(async () => {
    fake = await ProxiedServer.start();
    ({ server, proxy } = fake);
  });
  afterEach(() => fake.stop());

  test('200 parallel requests use at most as many sockets as may be in flight, kept for the next', async () => {
    const client = fake.connect({ maxInFlight: 8 });
    await getMany(client, 200);
    expect(proxy.totalConnections).toBeLessThanOrEqual(8);
    const before = proxy.totalConnections;
    await getMany(client, 200);
    expect(proxy.totalConnections).toBe(before);
    expect(client.transport.load).toEqual({ inFlight: 0, limit: 8 });
  });

  test('requests that follow one another use one socket, those that run beside each other as many as they need', async () => {
    const client = fake.connect({});
    for (let i = 0; i < 20; i++) await get(client);
    expect(proxy.totalConnections).toBe(1);
    const inTurn = async () => {
      for (let i = 0; i < 20; i++) await get(client);
    };
    await Promise.all([inTurn(), inTurn(), inTurn()]);
    expect(proxy.totalConnections).toBeLessThanOrEqual(3);
  });

  test('a delete with preconditions keeps its connection', async () => {
    const client = fake.connect({ maxInFlight: 2 });
    for (let i = 0; i < 10; i++)
      await client.delete(ConfigMapType, { namespace: 'default', name: `absent-${i}` }, { uid: 'any' });
    expect(proxy.totalConnections).toBeLessThanOrEqual(2);
  });

  test('watches take no place from requests', async () => {
    const client = fake.connect({ maxInFlight: 1 });
    const abort = new AbortController();
    for (let i = 0; i < 3; i++) await client.watch(ConfigMapType, {}, { resourceVersion: '0' }, abort.signal);
    await getMany(client, 3);
    abort.abort();
    await eventually(() => server.watchCount === 0, within('the watches end'));
  });

  test('many 401s at once refresh the credential once', async () => {
    server.acceptTokens(['old']);
    let token = 'old';
    let resolved = 0;
    const credentials: Credentials = {
      resolve: async () => {
        resolved += 1;
        return await plainCredentials(fake.url, token).resolve();
      },
    };
    const client = fake.connect({ credentials });
    await getMany(client, 20);
    expect(resolved).toBe(1);
    server.acceptTokens(['new']);
    token = 'new';
    const before = proxy.totalConnections;
    await getMany(client, 50);
    expect(resolved).toBe(2);
    expect(proxy.totalConnections - before).toBeLessThanOrEqual(50); // the same sockets, or the first ones
    server.requests.clear();
    await getMany(client, 5);
    expect(server.requests.entries.every(({ status }) => status === 200)).toBe(true);
  });

  test('a credential that stays wrong is the caller’s error, after one more try', async () => {
    server.acceptTokens(['right']);
    const client = fake.connect({ credentials: plainCredentials(fake.url, 'wrong') });
    expect(isUnauthorized(await errorOf(get(client)))).toBe(true);
    expect(server.requests.count()).toBe(2);
  });

  test('credentials that cannot be read now can be read later', async () => {
    let fails = true;
    const good = plainCredentials(fake.url);
    const resolve = () => (fails ? Promise.reject(new Error('token file: ENOENT')) : good.resolve());
    const client = fake.connect({ credentials: { resolve } });
    await expect(get(client)).rejects.toThrow('token file: ENOENT');
    fails = false;
    await get(client);
  });

  test('another server moves the connections, and what is in flight ends where it began', async () => {
    const other = await FakeApiServer.start({ kinds: [ConfigMaps] });
    other.store.create(configMap('a', { n: 'other' }));
    let address = fake.url;
    const client = fake.connect({ credentials: { resolve: () => plainCredentials(address).resolve() } });
    await get(client);
    const hold = server.faults.inject('hold');
    const before = client.get(ConfigMapType, KEY);
    await eventually(() => hold.hits === 1, within('the request is in flight'));
    address = other.url;
    await client.transport.refresh();
    expect((await client.get(ConfigMapType, KEY)).data?.n).toBe('other');
    hold.remove();
    expect((await before).data?.n).toBe('0');
    await other.stop();
  });

  test('429 is waited out, and shrinks the concurrency, which grows back', async () => {
    const client = fake.connect({ maxInFlight: 16, random: () => 0 });
    const rule = server.faults.inject('tooMany', { limit: 3, retryAfterSeconds: 0 });
    await get(client);
    expect(rule.hits).toBe(3);
    expect(client.transport.load.limit).toBeLessThanOrEqual(3);
    await getMany(client, 200);
    expect(client.transport.load.limit).toBe(16);
  });

  test('Retry-After is kept to: the next try comes no earlier', async () => {
    const client = fake.connect({ random: () => 0 });
    server.faults.inject('tooMany', { limit: 1, retryAfterSeconds: 1 });
    await get(client);
    const [refused, granted] = server.requests.entries;
    expect((granted?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('429 until the deadline is the caller’s error, without waiting for what cannot come', async () => {
    const client = fake.connect();
    server.faults.inject('tooMany', { retryAfterSeconds: 60 });
    expect(await errorOf(get(client, { timeoutMs: 5_000 }))).toMatchObject({ code: 429 });
    expect(server.requests.count()).toBe(1);
  });

  test('a broken connection is a ConnectionError, and the next request is well', async () => {
    const client = fake.connect();
    server.faults.inject('drop', { limit: 1 });
    const error = await errorOf(get(client));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ message: expect.stringContaining('no answer') });
    await get(client);
    await proxy.refuse();
    proxy.cut();
    const code = async () => {
      const refused = await errorOf(get(client));
      return refused instanceof ConnectionError ? refused.code : '';
    };
    await eventually(async () => (await code()) === 'ECONNREFUSED', within('connections are refused'));
    await proxy.accept();
    await get(client);
  });

  test('a write that the guard refuses is not sent; reads are not asked about', async () => {
    let leads = true;
    const writeGuard = () => {
      if (!leads) throw new WriteRefusedError('not the leader');
    };
    const client = fake.connect({ writeGuard, maxInFlight: 1 });
    await client.mergePatch(ConfigMapType, KEY, { data: { n: '1' } });
    leads = false;
    server.requests.clear();
    const writes = [
      client.create(ConfigMapType, SCOPE, configMap('b')),
      client.mergePatch(ConfigMapType, KEY, {}),
      client.jsonPatch(ConfigMapType, KEY, []),
      client.apply(ConfigMapType, { metadata: KEY }),
      client.delete(ConfigMapType, KEY),
    ];
    for (const write of writes) expect(await errorOf(write)).toBeInstanceOf(WriteRefusedError);
    expect(server.requests.entries).toEqual([]);
    await get(client);
    expect(server.requests.count()).toBe(1);
  });

  test('the guard is asked in the instant before sending, not when the write is asked for', async () => {
    let leads = true;
    const writeGuard = () => {
      if (!leads) throw new WriteRefusedError('not the leader');
    };
    const client = fake.connect({ writeGuard, maxInFlight: 1 });
    const hold = server.faults.inject('hold', { verb: 'get' });
    const read = get(client);
    await eventually(() => hold.hits === 1, within('the read has the only place'));
    const write = errorOf(client.mergePatch(ConfigMapType, KEY, { data: { n: '1' } }));
    leads = false;
    hold.remove();
    await read;
    expect(await write).toBeInstanceOf(WriteRefusedError);
    expect(server.requests.count({ verb: 'patch' })).toBe(0);
  });

  test('afterWrite hears of every write that was answered, and of no read', async () => {
    const heard: string[] = [];
    const client = fake.connect({ afterWrite: ({ method }, { status }) => heard.push(`${method} ${status}`) });
    await get(client);
    await client.create(ConfigMapType, SCOPE, configMap('b'));
    await errorOf(client.create(ConfigMapType, SCOPE, configMap('b')));
    await client.delete(ConfigMapType, KEY);
    server.faults.inject('dropAfterWrite', { limit: 1 });
    await errorOf(client.create(ConfigMapType, SCOPE, configMap('c')));
    expect(heard).toEqual(['POST 201', 'POST 409', 'DELETE 200']);
  });

  test('find tells a missing object from a kind that is not served', async () => {
    const client = fake.connect();
    expect(await client.find(ConfigMapType, { namespace: 'x', name: 'b' })).toBeUndefined();
    server.unserve(ConfigMaps);
    const error = await errorOf(client.find(ConfigMapType, KEY));
    expect(error).toMatchObject({ code: 404 } satisfies Partial<ApiError>);
    expect(isNotFound(error)).toBe(false);
  });

  test('a delete of a kind that is not served has deleted nothing', async () => {
    const client = fake.connect();
    server.unserve(ConfigMaps);
    const error = await errorOf(client.delete(ConfigMapType, KEY));
    expect(error).toMatchObject({ code: 404 } satisfies Partial<ApiError>);
  });

  test('a delete with another uid is refused, one of an object that is gone is done', async () => {
    const client = fake.connect();
    const error = await errorOf(client.delete(ConfigMapType, KEY, { uid: '00000000-0000-4000-8000-000000000000' }));
    expect(error).toMatchObject({ code: 409 } satisfies Partial<ApiError>);
    await client.delete(ConfigMapType, { namespace: 'x', name: 'gone' });
  });

  test('closed, it leaves no socket behind and refuses requests', async () => {
    const client = fake.connect();
    await getMany(client, 10);
    await client.watch(ConfigMapType, {}, { resourceVersion: '0' }, new AbortController().signal);
    await client.transport.close();
    await eventually(() => proxy.connections === 0, within('all sockets are closed'));
    await expect(get(client)).rejects.toThrow('closed');
  });
});
