import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectionError } from '#runtime';
import { eventually } from '../support/eventually.ts';
import type { FakeApiServer } from '../support/fake-api-server/index.ts';
import { errorOf, get, ProxiedServer } from './proxied-server.ts';
import { ConfigMapType, within } from './world.ts';

describe('deadlines and aborts', () => {
  let fake: ProxiedServer;
  let server: FakeApiServer;

  beforeEach(async () => {
    fake = await ProxiedServer.start();
    ({ server } = fake);
  });
  afterEach(() => fake.stop());

  test('every request has a deadline: a server that does not answer', async () => {
    const client = fake.connect();
    server.faults.inject('hold');
    expect(await errorOf(get(client, { timeoutMs: 200 }))).toBeInstanceOf(ConnectionError);
  });

  test('every request has a deadline: a connection that is accepted and silent', async () => {
    const client = fake.connect();
    fake.proxy.freeze();
    expect(await errorOf(get(client, { timeoutMs: 200 }))).toBeInstanceOf(ConnectionError);
  });

  test('every request has a deadline: no place among those in flight', async () => {
    const client = fake.connect({ maxInFlight: 1 });
    const hold = server.faults.inject('hold');
    const first = get(client);
    await eventually(() => hold.hits === 1, within('the first is in flight'));
    expect(await errorOf(get(client, { timeoutMs: 200 }))).toBeInstanceOf(ConnectionError);
    hold.remove();
    await first;
    await get(client);
  });

  test('every request has a deadline: credentials that never come', async () => {
    const credentials = { resolve: () => new Promise<never>(() => undefined) };
    const client = fake.connect({ credentials });
    expect(await errorOf(get(client, { timeoutMs: 200 }))).toBeInstanceOf(ConnectionError);
    const abort = new AbortController();
    const aborted = errorOf(get(client, { signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect(await aborted).toMatchObject({ message: 'enough' });
    const watch = errorOf(client.watch(ConfigMapType, {}, {}, AbortSignal.timeout(200)));
    expect(await watch).toMatchObject({ name: 'TimeoutError' });
  });

  test.each(['in flight', 'waiting for a place', 'waiting for Retry-After'])(
    'an abort ends a request %s',
    async where => {
      const client = fake.connect({ maxInFlight: 1 });
      const abort = new AbortController();
      if (where === 'waiting for Retry-After') server.faults.inject('tooMany', { retryAfterSeconds: 20 });
      else server.faults.inject('hold');
      const first = where === 'waiting for a place' ? errorOf(get(client)) : undefined;
      if (first !== undefined) await eventually(() => server.requests.count() === 1, within('the first is in flight'));
      const aborted = errorOf(get(client, { signal: abort.signal }));
      await eventually(() => server.requests.count() === 1, within('the request is sent'));
      abort.abort(new Error('enough'));
      expect(await aborted).toMatchObject({ message: 'enough' });
      server.faults.clear();
      await first;
      await get(client);
      expect(client.transport.load.inFlight).toBe(0);
    },
  );

  test('a request that is aborted before is not sent', async () => {
    const client = fake.connect();
    await expect(get(client, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    expect(server.requests.count()).toBe(0);
  });
});
