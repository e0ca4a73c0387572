import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ClusterReplacedError, ConnectionError, isUnauthorized } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { errorOf, get, KEY, SCOPE } from './proxied-server.ts';
import { ReconnectingWorld, startServer, tokenOf } from './reconnecting.ts';
import { ConfigMapType, configMap, converged, FAST, plainCredentials, within } from './world.ts';

let world: ReconnectingWorld;

beforeEach(async () => {
  world = await ReconnectingWorld.start();
  await eventually(() => world.server.watchCount === 1, within('the watch is open'));
  world.server.requests.clear();
});
afterEach(() => world.stop());

/** Nothing moved: the cache is kept current by the same watch, requests are answered as before. */
async function goesOnAsBefore(): Promise<void> {
  world.server.store.update(configMap('a', { n: 'later' }));
  await converged(world.informer, world.server);
  expect(world.server.requests.count({ verb: 'watch' })).toBe(0);
  expect(world.lists).toBe(0);
  world.server.requests.clear();
  await get(world.cluster.client);
  // by name: who the cluster is may still be asked about its first list
  const asked = world.server.requests.entries.filter(({ name }) => name === KEY.name);
  expect(asked.map(tokenOf)).toEqual(['old']);
  expect(world.informer.known).toBe(true);
}

describe('new credentials that do not work leave the connection as it was', () => {
  test('the server does not know them', async () => {
    world.server.acceptTokens(['old']);

    const error = await errorOf(world.cluster.reconnect(world.at(world.second, 'wrong')));

    expect(isUnauthorized(error)).toBe(true);
    await goesOnAsBefore();
    await eventually(() => world.second.connections === 0, within('what was tried leaves no socket'));
  });

  test('nobody listens there', async () => {
    await world.second.refuse();

    const error = await errorOf(world.cluster.reconnect(world.at(world.second, 'new')));

    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    await goesOnAsBefore();
  });

  test('they can not be read', async () => {
    const resolve = () => Promise.reject(new Error('token file: ENOENT'));

    await expect(world.cluster.reconnect({ resolve })).rejects.toThrow('token file: ENOENT');

    await goesOnAsBefore();
  });

  test('the server is silent, until the caller has had enough', async () => {
    world.second.freeze();
    const enough = new AbortController();
    const work = errorOf(world.cluster.reconnect(world.at(world.second, 'new'), enough.signal));
    await eventually(() => world.second.connections === 1, within('it is tried'));

    enough.abort(new Error('enough'));

    expect(await work).toMatchObject({ message: 'enough' });
    await goesOnAsBefore();
    world.second.thaw(); // a frozen link does not see that its client has gone
    await eventually(() => world.second.connections === 0, within('what was tried leaves no socket'));
  });

  test('another cluster answers', async () => {
    const other = await startServer({ seed: 2 });

    const error = await errorOf(world.cluster.reconnect(plainCredentials(other.url, 'new')));

    expect(error).toBeInstanceOf(ClusterReplacedError);
    expect(world.replaced).toEqual([]);
    expect(other.requests.entries.map(({ path }) => path)).toEqual(['/api/v1/namespaces/kube-system']);
    await goesOnAsBefore();
    await other.stop();
  });
});

describe('new credentials that work', () => {
  test('of another user: everything uses them, over new sockets, and nothing is listed again', async () => {
    const sockets = world.first.totalConnections;
    const uid = world.cluster.uid;

    await world.cluster.reconnect(world.at(world.first, 'new'));
    world.server.acceptTokens(['new']);

    await eventually(() => world.server.watchCount === 1, within('the watch goes on'));
    await get(world.cluster.client);
    world.server.store.update(configMap('a', { n: 'later' }));
    await converged(world.informer, world.server);
    expect(world.server.requests.entries.map(tokenOf)).not.toContain('old');
    expect(world.server.requests.counts).toEqual({ get: 2, watch: 1 });
    expect(world.cluster.uid).toBe(uid);
    expect(world.first.totalConnections).toBeGreaterThan(sockets);
  });

  test('of another address: the caches stay, and are asked for once whether they still fit', async () => {
    const deleted: unknown[] = [];
    world.informer.subscribe({ applied: () => undefined, deleted: object => deleted.push(object) });

    await world.cluster.reconnect(world.at(world.second, 'old'));

    await eventually(() => world.first.connections === 0, within('nothing is left of the address before'));
    await world.first.stop();
    world.server.store.update(configMap('a', { n: 'later' }));
    await converged(world.informer, world.server);
    expect(world.lists).toBe(0);
    expect(world.server.requests.count({ verb: 'list' })).toBe(1);
    expect(deleted).toEqual([]);
    expect(world.informer.known).toBe(true);
  });

  test('of a copy of the cluster from a backup: what is known of it is void, and the owner is told', async () => {
    const copy = await startServer();
    for (let n = 0; n < 50; n++) world.server.store.update(configMap('a', { n }));
    await converged(world.informer, world.server);

    await world.cluster.reconnect(plainCredentials(copy.url, 'new'));

    await converged(world.informer, copy);
    expect(world.replaced).toHaveLength(1);
    await copy.stop();
  });

  test('a request in flight ends where it began, one that waits for its place goes over the new connection', async () => {
    await world.stop();
    world = await ReconnectingWorld.start({ maxInFlight: 1 });
    const hold = world.server.faults.inject('hold', { verb: 'get', kind: 'ConfigMap', limit: 1 });
    const running = get(world.cluster.client);
    await eventually(() => hold.hits === 1, within('the first is in flight'));
    const waiting = get(world.cluster.client);

    await world.cluster.reconnect(world.at(world.second, 'new'));
    world.server.requests.clear();
    hold.remove();

    expect([await running, await waiting].map(({ data }) => data?.n)).toEqual(['0', '0']);
    const gets = world.server.requests.matching({ verb: 'get', kind: 'ConfigMap' });
    expect(gets.map(tokenOf)).toEqual(['new']);
    await eventually(() => world.first.connections === 0, within('the old connection is closed when it is idle'));
  });

  test('a request that the server refuses because its token was revoked on the way is sent with the new one', async () => {
    const hold = world.server.faults.inject('unauthorizedOnce', { kind: 'ConfigMap' });
    await world.cluster.reconnect(world.at(world.first, 'new'));

    await get(world.cluster.client);

    expect(hold.hits).toBe(1);
  });

  test('a watch that waits before it asks again, having been refused, asks with them at once', async () => {
    await world.stop();
    const hour = 3_600_000;
    world = await ReconnectingWorld.start({ timings: { ...FAST, backoffBaseMs: hour, backoffMaxMs: hour } });
    await eventually(() => world.server.watchCount === 1, within('the watch is open'));
    const refusal = world.server.faults.inject('forbidden', { verb: 'watch' });
    world.server.cutWatches();
    await eventually(() => !world.informer.known, within('it waits'));
    refusal.remove();

    await world.cluster.reconnect(world.at(world.first, 'new'));

    await eventually(() => world.server.watchCount === 1, within('the watch goes on'));
    world.server.store.update(configMap('a', { n: 'later' }));
    await converged(world.informer, world.server);
    expect(world.lists).toBe(1);
  });

  test('of two calls the later one counts', async () => {
    world.second.freeze();
    const earlier = errorOf(world.cluster.reconnect(world.at(world.second, 'earlier')));
    await eventually(() => world.second.connections === 1, within('the first is tried'));

    await world.cluster.reconnect(world.at(world.first, 'later'));

    expect(await earlier).toMatchObject({ message: expect.stringContaining('newer credentials') });
    await get(world.cluster.client);
    expect(world.server.requests.matching({ verb: 'get', kind: 'ConfigMap' }).map(tokenOf)).toEqual(['later']);
  });

  test('a cluster that is let go meanwhile keeps no socket', async () => {
    world.second.freeze();
    const work = errorOf(world.cluster.reconnect(world.at(world.second, 'new')));
    await eventually(() => world.second.connections === 1, within('it is tried'));

    await world.cluster.stop();

    expect(await work).toMatchObject({ message: expect.stringContaining('let go') });
    world.second.thaw();
    await eventually(() => world.first.connections + world.second.connections === 0, within('no socket is open'));
  });
});

test('under load, a token that is replaced and then revoked costs no request, no event and no list', async () => {
  world.server.acceptTokens(['old', 'new']);
  const failed: unknown[] = [];
  const told = new Set<string>();
  world.informer.subscribe({ applied: ({ metadata }) => told.add(metadata?.name ?? ''), deleted: () => undefined });
  let written = 0;
  let over = false;
  const work = async (worker: number) => {
    for (let n = 0; !over; n++) {
      const name = `${worker}-${n}`;
      const done = world.cluster.client
        .create(ConfigMapType, SCOPE, configMap(name))
        .then(() => get(world.cluster.client));
      await done.then(
        () => (written += 1),
        error => failed.push(error),
      );
      world.server.store.create(configMap(`by-another-${name}`));
    }
  };
  const workers = Array.from({ length: 8 }, (_, worker) => work(worker));
  await eventually(() => written > 100, within('the load runs'));

  await world.cluster.reconnect(world.at(world.second, 'new'));
  world.server.requests.clear();
  const then = written;
  await eventually(() => written > then + 100, within('the load goes on'));
  await eventually(() => world.first.connections === 0, within('the old connection is idle and closed'));
  world.server.acceptTokens(['new']);
  const after = written;
  await eventually(() => written > after + 100, within('the load goes on without the old token'));
  over = true;
  await Promise.all(workers);

  expect(failed).toEqual([]);
  await converged(world.informer, world.server);
  expect(told).toEqual(new Set(world.server.store.list(ConfigMapType).map(({ metadata }) => metadata?.name)));
  expect(world.lists).toBe(0);
  expect(world.replaced).toEqual([]);
  expect(await get(world.cluster.client)).toMatchObject({ metadata: KEY });
});
