import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Namespaces } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { eventually, untilStill } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { type RunningOperators, startOperators } from '../support/operators.ts';
import { ClusterFixture } from './cluster-fixture.ts';

let fleet: Fleet;
let edge: Site;
let clusters: ClusterFixture;
let operator: RunningOperators;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  edge = fleet.edge(1);
  clusters = new ClusterFixture(fleet.hub);
  operator = fleet.start(['cluster']);
  await clusters.createPushed('edge-1');
  await clusters.putKubeconfig('edge-1', edge.controlPlane.adminKubeconfig);
  await clusters.becomes('edge-1', 'Ready', { status: 'True' });
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
});

test('a claim that is deleted is taken again', async () => {
  const before = await edge.client.get(ConfigMaps, CLAIM);

  await edge.client.delete(ConfigMaps, CLAIM);

  const after = await eventually(() => edge.client.find(ConfigMaps, CLAIM), { timeoutMs: 10_000, what: 'a new claim' });
  expect(after.data).toEqual(before.data);
  expect(after.metadata?.uid).not.toBe(before.metadata?.uid);
});

test('a claim taken over is reported at once', async () => {
  const { data } = await edge.client.get(ConfigMaps, CLAIM);

  await edge.client.mergePatch(ConfigMaps, CLAIM, { data: { hub: 'somebody-else' } });
  await clusters.becomes('edge-1', 'Stalled', { status: 'True', reason: 'AlreadyClaimed' }, 5_000);
  await clusters.becomes('edge-1', 'Connected', { status: 'True' });

  await edge.client.mergePatch(ConfigMaps, CLAIM, { data: { ...data } });
  await clusters.becomes('edge-1', 'Ready', { status: 'True' }, 5_000);
});

test('a second Cluster of the same server is refused, the first undisturbed', async () => {
  await untilStill(() => operator.writes.length);
  const claim = await edge.client.get(ConfigMaps, CLAIM);
  const writes = operator.writes.length;

  await fleet.importCluster(edge, { name: 'twin' });

  const stalled = await clusters.becomes('twin', 'Stalled', { status: 'True', reason: 'AlreadyClaimed' });
  expect(stalled.message).toContain('Cluster edge-1');
  await clusters.becomes('twin', 'Connected', { status: 'True' });
  await clusters.becomes('twin', 'Ready', { status: 'False', reason: 'AlreadyClaimed' });
  await clusters.hasEvent('twin', 'AlreadyClaimed');
  expect((await clusters.condition('edge-1', 'Ready'))?.status).toBe('True');
  expect((await edge.client.get(ConfigMaps, CLAIM)).metadata?.resourceVersion).toBe(claim.metadata?.resourceVersion);
  const elsewhere = operator.writes.slice(writes).filter(({ path }) => !/c-twin|clusters\/twin|\/events/.test(path));
  expect(elsewhere).toEqual([]);
});

describe('a second hub', () => {
  let others: ClusterFixture;
  let other: RunningOperators;

  beforeAll(async () => {
    const { controlPlane, client: _client } = fleet.edge(2);
    await installManifests(controlPlane);
    others = new ClusterFixture(fleet.edge(2));
    other = startOperators({ operators: ['cluster'], kubeconfig: controlPlane.adminKubeconfig });
  });

  afterAll(async () => {
    await other?.stop();
  });

  test('is refused a downstream that has a hub, and writes nothing there', async () => {
    await untilStill(() => operator.writes.length);
    const before = await clusters.get('edge-1');
    const claim = await edge.client.get(ConfigMaps, CLAIM);
    await others.createPushed('mine');
    await others.putKubeconfig('mine', edge.controlPlane.adminKubeconfig);

    const stalled = await others.becomes('mine', 'Stalled', { status: 'True', reason: 'AlreadyClaimed' });

    const hub = await fleet.hub.client.get(Namespaces, { name: 'kube-system' });
    expect(stalled.message).toContain(`the hub with kube-system uid ${hub.metadata?.uid}`);
    expect(await edge.client.get(ConfigMaps, CLAIM)).toEqual(claim);
    expect((await clusters.get('edge-1')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  test('gets it once the first has let it go', async () => {
    await clusters.remove('twin');
    await clusters.remove('edge-1');

    await others.becomes('mine', 'Ready', { status: 'True' }, 50_000);

    expect(await others.condition('mine', 'Stalled')).toBeUndefined();
    const claim = await edge.client.get(ConfigMaps, CLAIM);
    expect(claim.data).toMatchObject({ name: 'mine' });
  });
});
