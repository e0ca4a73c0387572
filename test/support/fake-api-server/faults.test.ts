import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { ConfigMaps, FakeApiServer, type FaultName, type FaultOptions, WRITE_VERBS } from './index.ts';
import { TestClient, type WatchReader } from './test-client.ts';

const MAPS = '/api/v1/namespaces/x/configmaps';
const configMap = (name: string, value = '') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'x' },
  data: { value },
});
const within = (what: string) => ({ timeoutMs: 5_000, what });

describe('faults of the fake API server', () => {
  let server: FakeApiServer;
  let client: TestClient;

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [ConfigMaps], seed: 7 });
    client = new TestClient(server.url);
  });
  afterEach(() => server.stop());

  /** A watch from now on that meets `fault`, after one event and then another. */
  const watchThrough = async (fault: FaultName, options: FaultOptions = {}): Promise<WatchReader> => {
    const watch = await client.watch(
      `${MAPS}?resourceVersion=${server.store.resourceVersion}&allowWatchBookmarks=true`,
    );
    server.store.create(configMap('before'));
    await watch.untilFrames(1);
    server.faults.inject(fault, { limit: 1, ...options });
    server.store.create(configMap('struck', 'žluťoučký kůň 🐎'));
    return watch;
  };

  test('drop: the request is not done', async () => {
    const rule = server.faults.inject('drop', { verb: WRITE_VERBS });
    await expect(client.post(MAPS, configMap('a'))).rejects.toThrow();
    expect(rule.hits).toBe(1);
    server.faults.clear();
    expect(await client.get(`${MAPS}/a`)).toMatchObject({ status: 404 });
  });

  test('dropAfterWrite: the request is done, the answer lost', async () => {
    server.faults.inject('dropAfterWrite');
    await expect(client.post(MAPS, configMap('a'))).rejects.toThrow();
    expect(await client.get(`${MAPS}/a`)).toMatchObject({ status: 200 });
  });

  test('unauthorizedOnce: 401 once for each token', async () => {
    server.faults.inject('unauthorizedOnce');
    const as = async (token: string) => (await client.get(MAPS, { authorization: `Bearer ${token}` })).status;
    expect([await as('a'), await as('a'), await as('b'), await as('b'), await as('a')]).toEqual([
      401, 200, 401, 200, 200,
    ]);
  });

  test('tokens: only those that are accepted', async () => {
    server.acceptTokens(['new']);
    expect(await client.get(MAPS, { authorization: 'Bearer old' })).toMatchObject({
      status: 401,
      body: { reason: 'Unauthorized' },
    });
    expect(await client.get(MAPS, { authorization: 'Bearer new' })).toMatchObject({ status: 200 });
  });

  test('forbidden, tooMany, internalError: their answers, for the requests meant', async () => {
    server.faults.inject('forbidden', { verb: 'list', kind: 'ConfigMap', namespace: 'x' });
    server.faults.inject('tooMany', { verb: 'create', retryAfterSeconds: 1, limit: 1 });
    server.faults.inject('internalError', { verb: 'get', limit: 1 });
    expect(await client.get(MAPS)).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(await client.get('/api/v1/namespaces/y/configmaps')).toMatchObject({ status: 200 });
    const refused = await client.post(MAPS, configMap('a'));
    expect(refused).toMatchObject({
      status: 429,
      body: { reason: 'TooManyRequests' },
      headers: { 'retry-after': '1' },
    });
    expect(await client.post(MAPS, configMap('a'))).toMatchObject({ status: 201 });
    expect(await client.get(`${MAPS}/a`)).toMatchObject({ status: 500, body: { reason: 'InternalError' } });
  });

  test('hold: requests wait until it is removed', async () => {
    const rule = server.faults.inject('hold', { verb: 'create' });
    const created = client.post(MAPS, configMap('a'));
    await eventually(() => rule.hits === 1, within('the request is held'));
    expect(server.store.list(ConfigMaps)).toEqual([]);
    rule.remove();
    expect(await created).toMatchObject({ status: 201 });
  });

  test('slowList: the list comes, with what is there by then', async () => {
    const rule = server.faults.inject('slowList', { delayMs: 10 });
    expect(await client.get(MAPS)).toMatchObject({ status: 200 });
    expect(rule.hits).toBe(1);
  });

  test('staleList: an older state under its older version, from which a watch tells the rest', async () => {
    server.store.create(configMap('a'));
    server.store.create(configMap('b'));
    server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
    server.faults.inject('staleList', { behind: 2 });
    const stale = await client.get(`${MAPS}?resourceVersion=0`);
    expect(stale.body).toMatchObject({ items: [{ metadata: { name: 'a' } }] });
    const watch = await client.watch(`${MAPS}?resourceVersion=${stale.at('metadata.resourceVersion')}`);
    expect(await watch.untilFrames(2)).toEqual(['ADDED b', 'DELETED a']);
  });

  test('halfOpen: the watch is accepted and silent, bookmarks included', async () => {
    server.faults.inject('halfOpen', { limit: 1 });
    const path = `${MAPS}?resourceVersion=${server.store.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=1`;
    const silent = await client.watch(path);
    const other = await client.watch(path);
    server.store.create(configMap('a'));
    await other.untilEnd();
    expect(silent.status).toBe(200);
    expect(silent.chunks).toEqual([]);
    expect(silent.end).toBeUndefined();
  });

  test('stall: silence from an event on', async () => {
    const watch = await watchThrough('stall');
    const other = await client.watch(`${MAPS}?allowWatchBookmarks=true`);
    const heard = watch.chunks.length;
    await eventually(() => other.all.length > 5, within('bookmarks elsewhere'));
    expect(watch.chunks).toHaveLength(heard);
    expect(watch.summary).toEqual(['ADDED before']);
    expect(watch.end).toBeUndefined();
  });

  test('cutWatch: the stream ends without the event', async () => {
    const ends = new Set<string | undefined>();
    for (let round = 0; round < 6; round++) {
      const watch = await watchThrough('cutWatch');
      expect(await watch.untilEnd()).toEqual(['ADDED before']);
      ends.add(watch.end);
      for (const name of ['before', 'struck']) server.store.delete(ConfigMaps, { namespace: 'x', name });
    }
    expect([...ends].sort()).toEqual(['broken', 'clean']);
  });

  test('errorFrame, expire, garbageFrame: something else instead of the event, then the end', async () => {
    for (const [fault, last] of [
      ['errorFrame', ['ERROR 500']],
      ['expire', ['ERROR 410']],
      ['garbageFrame', []],
    ] as const) {
      const watch = await watchThrough(fault);
      expect(await watch.untilEnd()).toEqual(['ADDED before', ...last]);
      for (const name of ['before', 'struck']) server.store.delete(ConfigMaps, { namespace: 'x', name });
    }
  });

  test('expire: a watch that resumes and a list that continues are refused', async () => {
    for (const name of ['a', 'b']) server.store.create(configMap(name));
    const page = await client.get(`${MAPS}?limit=1`);
    server.faults.inject('expire');
    const watch = await client.watch(`${MAPS}?resourceVersion=${server.store.resourceVersion}`);
    expect(await watch.untilEnd()).toEqual(['ERROR 410']);
    const next = await client.get(`${MAPS}?limit=1&continue=${page.at('metadata.continue')}`);
    expect(next.body).toMatchObject({ code: 410, reason: 'Expired' });
  });

  test('duplicateEvents: the frame comes twice', async () => {
    const watch = await watchThrough('duplicateEvents');
    expect(await watch.untilFrames(3)).toEqual(['ADDED before', 'ADDED struck', 'ADDED struck']);
  });

  test('splitFrame: pieces, one cut inside a UTF-8 sequence, the same bytes in all', async () => {
    const watch = await watchThrough('splitFrame');
    expect(await watch.untilFrames(2)).toEqual(['ADDED before', 'ADDED struck']);
    expect(watch.text).toContain('žluťoučký kůň 🐎');
    const startsInside = watch.chunks.some(chunk => ((chunk[0] ?? 0) & 0xc0) === 0x80);
    expect(startsInside).toBe(true);
  });

  test('the same seed and the same requests meet the same faults', async () => {
    const run = async (seed: number): Promise<string> => {
      const seeded = await FakeApiServer.start({ kinds: [ConfigMaps], seed });
      seeded.faults.inject('tooMany', { probability: 0.4 });
      seeded.faults.inject('internalError', { probability: 0.4 });
      const answers: number[] = [];
      for (let i = 0; i < 30; i++) answers.push((await new TestClient(seeded.url).get(MAPS)).status);
      await seeded.stop();
      return answers.join(' ');
    };
    const first = await run(1);
    expect(await run(1)).toBe(first);
    expect(await run(2)).not.toBe(first);
    expect(new Set(first.split(' '))).toEqual(new Set(['200', '429', '500']));
  });
});
