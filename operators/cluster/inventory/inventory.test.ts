import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { versions, World, within } from '../../../test/conformance/world.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { seededRandom } from '../../../test/support/fake-api-server/random.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { NOTHING, quantitiesOf, sum } from './amounts.ts';
import { Inventory } from './inventory.ts';
import { type Node, Nodes, reduceNode } from './nodes.ts';
import { countedPod, PODS_ON_NODES, type Pod, Pods, reducePod } from './pods.ts';

const kinds = [Nodes, { ...Pods, selectableFields: ['spec.nodeName', 'status.phase'] }];

function aNode(name: string, content: { cpu?: string; ready?: string; beat?: number } = {}): Node {
  const { cpu = '4', ready = 'True', beat = 0 } = content;
  const conditions = [{ type: 'Ready', status: ready, lastHeartbeatTime: String(beat) }];
  const list = { cpu, memory: '16Gi', pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    status: { capacity: list, allocatable: list, conditions },
  };
}

function aPod(name: string, cpu: string, phase = 'Running'): Pod {
  const containers = [{ resources: { requests: { cpu, memory: '1Mi' } } }];
  const metadata = { name, namespace: 'x' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: 'a', containers }, status: { phase } };
}

let world: World;
let clock: FakeClock;
let inventory: Inventory;
let reports: number;
/** Ends the cluster that is counted. */
let end: AbortController;

beforeEach(async () => {
  world = await World.start({ server: { kinds } });
  clock = new FakeClock();
  reports = 0;
  end = new AbortController();
  world.server.store.create(aNode('a'));
  world.server.store.create(aPod('p', '1'));
});
afterEach(async () => {
  inventory.stop();
  await world.stop();
});

/** Opens an inventory whose clock stands still. */
function open(): void {
  const { cache, client, signal } = world;
  inventory = new Inventory({ cluster: { cache, signal: end.signal }, clock, onChange: () => (reports += 1) });
  cache.start(client, signal);
}

/** Opens it, and lets it tell what it counts first. */
async function openCounted(): Promise<void> {
  open();
  await eventually(() => reportIsDue(), within('all is read'));
  clock.pass(0);
  expect(reports).toBe(1);
  clock.pass(60_000); // the pauses after a report are over
}

/** A change was noticed and is about to be told. One timer is always there: it looks for refusals. */
const reportIsDue = () => clock.waiting === 2;

/** Waits until the inventory knows the newest version of each node and each Pod on one. */
async function seen(): Promise<void> {
  const { server, cache } = world;
  const nodes = cache.informer(Nodes, { transform: { name: 'inventory', apply: reduceNode } });
  const pods = cache.informer(Pods, {
    fieldSelector: PODS_ON_NODES,
    transform: { name: 'inventory', apply: reducePod },
  });
  const running = server.store.list(Pods).filter(({ status }) => status?.phase === 'Running');
  const stored = [...versions(server.store.list(Nodes)), ...versions(running)];
  await eventually(
    () => stored.join() === [...versions(nodes.list()), ...versions(pods.list())].join(),
    within('all is seen'),
  );
}

/** Looks again and again whether all can be read, until something can't. */
async function refused(): Promise<void> {
  await eventually(() => {
    clock.pass(5_000);
    return inventory.state.nodesUnreadable ?? inventory.state.podsUnreadable;
  }, within('it was refused twice'));
}

const nodesRead = () =>
  world.cache.informer(Nodes, { transform: { name: 'inventory', apply: reduceNode } }).whenSynced(world.signal);

describe('the first report', () => {
  test('comes when nodes and Pods have both been read, and holds both', async () => {
    const held = world.server.faults.inject('hold', { verb: 'watch', kind: 'Pod' });
    open();
    await eventually(() => held.hits === 1, within('Pods are asked for'));
    await nodesRead();
    clock.pass(1_000);
    expect(inventory.state).toEqual({});

    held.remove();
    await eventually(() => reportIsDue(), within('all is read'));
    expect(reports).toBe(0);
    clock.pass(0);

    expect(reports).toBe(1);
    expect(inventory.state.summary).toMatchObject({
      nodes: { total: 1, ready: 1, worker: 1 },
      capacity: { cpu: '4', memory: '16Gi', pods: '110' },
      requested: { cpu: '1', memory: '1Mi', pods: '1' },
    });
  });

  test('comes without Pods when they may not be read, and with them once they may', async () => {
    const refusal = world.server.faults.inject('forbidden', { verb: 'watch', kind: 'Pod' });
    open();
    await nodesRead();
    await refused();
    expect(reports).toBe(1);
    expect(inventory.state).toMatchObject({
      summary: { nodes: { total: 1 } },
      podsUnreadable: { reason: 'Forbidden' },
    });
    expect(inventory.state.summary).not.toHaveProperty('requested');

    refusal.remove();
    await seen();
    clock.pass(10_000);

    expect(inventory.state).toMatchObject({ summary: { requested: { cpu: '1' } } });
    expect(inventory.state).not.toHaveProperty('podsUnreadable');
  });

  test('says that nodes may not be read', async () => {
    world.server.faults.inject('forbidden', { verb: 'watch', kind: 'Node' });
    open();

    await refused();

    expect(reports).toBe(1);
    expect(inventory.state).toMatchObject({ nodesUnreadable: { reason: 'Forbidden' } });
    expect(inventory.state).not.toHaveProperty('summary');
  });
});

describe('later reports', () => {
  test('are not made of heartbeats', async () => {
    await openCounted();

    for (let beat = 1; beat <= 20; beat++) world.server.store.update(aNode('a', { beat }));
    await seen();
    clock.pass(60_000);

    expect(reports).toBe(1);
  });

  test('hold all changes of nodes that came within a second', async () => {
    await openCounted();
    world.server.store.update(aNode('a', { ready: 'Unknown' }));
    await eventually(() => reportIsDue(), within('it was noticed'));
    clock.pass(250);
    expect(inventory.state.summary?.nodes.unhealthy).toEqual([{ name: 'a', reasons: ['NotReady'] }]);

    for (let n = 1; n <= 20; n++) world.server.store.create(aNode(`b-${n}`));
    await seen();
    clock.pass(999);
    expect(reports).toBe(2);
    clock.pass(1);

    expect(reports).toBe(3);
    expect(inventory.state.summary?.nodes).toMatchObject({ total: 21, ready: 20 });
  });

  test('for Pods alone are ten seconds apart; one for nodes brings Pods as well', async () => {
    const cpu = () => inventory.state.summary?.requested?.cpu;
    await openCounted();
    world.server.store.create(aPod('q', '2'));
    await eventually(() => reportIsDue(), within('it was noticed'));
    clock.pass(250);
    expect([reports, cpu()]).toEqual([2, '3']);

    world.server.store.create(aPod('r', '3'));
    await eventually(() => reportIsDue(), within('it was noticed'));
    clock.pass(9_999);
    expect([reports, cpu()]).toEqual([2, '3']);
    clock.pass(1);
    expect([reports, cpu()]).toEqual([3, '6']);

    world.server.store.create(aPod('s', '4'));
    await seen();
    world.server.store.delete(Nodes, { name: 'a' });
    await seen();
    clock.pass(1_000);
    expect([reports, cpu(), inventory.state.summary?.nodes.total]).toEqual([4, '10', 0]);
    clock.pass(60_000);
    expect(reports).toBe(4);
  });

  test('are not made when all is as before', async () => {
    await openCounted();
    world.server.store.create(aPod('q', '2'));
    await seen();
    world.server.store.delete(Pods, { namespace: 'x', name: 'q' });
    await seen();
    clock.pass(60_000);

    expect(reports).toBe(1);
  });
});

test('the sum of requests is right whatever comes and goes, watches that are cut included', async () => {
  const { server } = world;
  await openCounted();
  const random = seededRandom(11);
  const stored = new Set(['p']);

  for (let step = 0; step < 200; step++) {
    const name = `p-${Math.floor(random() * 20)}`;
    const pod = aPod(name, `${Math.floor(random() * 4_000)}m`, random() < 0.2 ? 'Succeeded' : 'Running');
    if (!stored.has(name)) server.store.create(pod);
    else if (random() < 0.3) server.store.delete(Pods, { namespace: 'x', name });
    else server.store.update(pod);
    if (server.store.get(Pods, { namespace: 'x', name })) stored.add(name);
    else stored.delete(name);
    if (step % 50 === 49) server.cutWatches();
  }
  await seen();
  clock.pass(60_000);

  const pods = server.store.list(Pods).map(pod => countedPod(reducePod(pod)));
  expect(pods.length).toBeGreaterThan(5);
  expect(inventory.state.summary?.requested).toEqual(quantitiesOf(pods.reduce(sum, NOTHING)));
});

test('it ends with the cluster: no watch, no timer, no report is left', async () => {
  await openCounted();
  world.server.store.create(aNode('b'));
  await eventually(() => reportIsDue(), within('it was noticed'));

  end.abort();

  expect(clock.waiting).toBe(0);
  await eventually(() => world.server.watchCount === 0, within('the watches are closed'));
  expect(reports).toBe(1);
});
