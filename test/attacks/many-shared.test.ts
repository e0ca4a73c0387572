import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LABEL_SHARED, type Project } from '#api';
import type { Cluster } from '#runtime';
import { withinBounds } from '../../operators/project/share-bounds.ts';
import { HubSharedObjects } from '../../operators/project/shared.ts';
import { type ConfigMap, ConfigMapType, World } from '../conformance/world.ts';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, Namespaces, Secrets } from '../support/fake-api-server/index.ts';

/** Of a project people may put 1,000 Secrets and 1,000 ConfigMaps into the hub, of 1 MiB each. 500 and 8 MiB are copied. */

const HOME = 'p-edge-1--payments';
const project = { metadata: { namespace: 'c-edge-1', name: 'payments' }, spec: {} } as Project;

const within = (what: string) => ({ timeoutMs: 60_000, what });

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const heap = () => {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

let world: World;
let shared: HubSharedObjects;

beforeEach(async () => {
  world = await World.start({ server: { kinds: [ConfigMaps, Secrets, Namespaces] } });
  world.server.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: HOME } });
});
afterEach(() => world.stop());

function share(name: string, bytes: number): void {
  const metadata = { name, namespace: HOME, labels: { [LABEL_SHARED]: 'true' } };
  const data = { text: name.padEnd(bytes, 'x') };
  world.server.store.create<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
}

async function read(): Promise<void> {
  const { cache, client, signal } = world;
  shared = new HubSharedObjects({ cache, client, signal } as Cluster);
  cache.start(client, signal);
  await shared.whenSynced(AbortSignal.timeout(60_000));
}

/** What is copied, and how much of its content is there. */
const copied = () =>
  withinBounds(shared.of(project)).within.map(({ source }) => `${source.metadata?.name} ${source.data?.text?.length}`);
const kept = () => shared.of(project).filter(({ source }) => source.data !== undefined).length;

test('of 50 MB in valid objects no more is kept than is copied, whatever came first', async () => {
  const before = heap();
  for (let index = 0; index < 10; index += 1) share(`z-old-${index}`, 1_000_000);
  await new Promise(resolve => setTimeout(resolve, 1_100)); // ages are told in seconds
  for (let index = 0; index < 40; index += 1) share(`young-${index}`, 1_000_000);
  const stored = heap() - before;
  expect(stored).toBeGreaterThan(40);
  await read();
  const oldest = Array.from({ length: 8 }, (_, index) => `z-old-${index} 1000000`);
  await eventually(() => copied().join() === oldest.join() && kept() === 8, within('the oldest are kept'));
  expect(shared.of(project)).toHaveLength(50);
  expect(heap() - before - stored).toBeLessThan(24);
}, 200_000);

test('what comes within the bounds is read again, also after a change', async () => {
  for (let index = 0; index < 50; index += 1) share(`young-${String(index).padStart(2, '0')}`, 1_000_000);
  await read();
  const first = (from: number) =>
    Array.from({ length: 8 }, (_, index) => `young-${String(from + index).padStart(2, '0')} 1000000`).join();
  await eventually(() => copied().join() === first(0) && kept() === 8, within('the first are kept'));
  for (let index = 0; index < 20; index += 1)
    world.server.store.delete(ConfigMapType, { namespace: HOME, name: `young-${String(index).padStart(2, '0')}` });
  await eventually(() => copied().join() === first(20) && kept() === 8, within('the next are read'));
}, 200_000);

test('what comes within the bounds while a try that failed is waited for is read without that wait', async () => {
  for (let index = 0; index < 45; index += 1) share(`young-${String(index).padStart(2, '0')}`, 1_000_000);
  await read();
  await eventually(() => kept() === 8, within('the first are kept'));
  const failure = world.server.faults.inject('forbidden', { verb: 'get', kind: 'ConfigMap' });
  const remove = (index: number) =>
    world.server.store.delete(ConfigMapType, { namespace: HOME, name: `young-${String(index).padStart(2, '0')}` });
  remove(0);
  await eventually(() => failure.hits > 0, within('a read is refused'));
  await eventually(() => kept() === 7, within('one is gone'));
  await new Promise(resolve => setTimeout(resolve, 500)); // the refusal has arrived
  failure.remove();
  const startedAt = performance.now();
  for (const index of [1, 2, 3]) remove(index);
  // young-08 is not tried again for 30 s, and the three others wait for nothing
  const isRead = () => copied().includes('young-11 1000000');
  await eventually(isRead, { timeoutMs: 20_000, what: 'the next three are read' });
  expect(performance.now() - startedAt).toBeLessThan(20_000);
}, 200_000);

test('a project within its bounds is kept whole, and read once', async () => {
  for (let index = 0; index < 400; index += 1) share(`small-${index}`, 20_000);
  await read();
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(kept()).toBe(400);
  expect(world.server.requests.entries.filter(({ verb }) => verb === 'get')).toEqual([]);
});
