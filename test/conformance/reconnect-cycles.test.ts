import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { ReconnectingWorld } from './reconnecting.ts';
import { configMap, converged, within } from './world.ts';

const CYCLES = 200;
/** What waits for something in the test itself. One leaked in each cycle would be forty times as many. */
const HANDLE_NOISE = 5;
/** What a process may hold of its own more or less, such as compiled code; one leaked connection holds about 100 KiB. */
const HEAP_NOISE_BYTES = 2 * 1024 * 1024;

let world: ReconnectingWorld;
beforeEach(async () => {
  world = await ReconnectingWorld.start({ watchWindow: 100 });
});
afterEach(() => world.stop());

/** Heap in use after everything that nobody holds was collected, bytes. */
async function heapInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this Node has no gc');
  for (let round = 0; round < 5; round++) {
    collect();
    await setImmediate(); // what is finalised in one round is collected in the next
  }
  return process.memoryUsage().heapUsed;
}

/** Handles and timers that keep the process alive, by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

test(`after ${CYCLES} reconnects, every fourth of them refused, sockets, timers and heap are as before`, async () => {
  const { server, first, second, cluster, informer } = world;
  server.acceptTokens(['old', 'even', 'odd']);
  const cycle = async (n: number) => {
    if (n % 4 === 3) await expect(cluster.reconnect(world.at(second, 'wrong'))).rejects.toThrow('Unauthorized');
    else await cluster.reconnect(n % 2 === 0 ? world.at(second, 'even') : world.at(first, 'odd'));
    server.store.update(configMap('a', { n }));
    await converged(informer, server);
  };
  const settled = async () => {
    await cluster.reconnect(world.at(first, 'old'));
    await eventually(() => second.connections === 0, within('nothing is left of the other address'));
    await eventually(() => server.watchCount === 1, within('one watch is open'));
    expect(world.lists).toBe(0);
    server.requests.clear();
  };
  server.requests.clear();
  for (let n = 0; n < 50; n++) await cycle(n); // so that everything is compiled and every pool is filled
  await settled();
  const sockets = first.connections;
  const before = resources();
  const heap = await heapInUse();

  for (let n = 0; n < CYCLES; n++) await cycle(n);
  await settled();

  expect(first.connections).toBeLessThanOrEqual(sockets);
  const grown = () => Object.entries(resources()).filter(([kind, count]) => count > (before[kind] ?? 0) + HANDLE_NOISE);
  await eventually(() => grown().length === 0, within('handles and timers are as before'));
  expect((await heapInUse()) - heap).toBeLessThan(HEAP_NOISE_BYTES);
});
