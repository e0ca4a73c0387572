import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource } from '#api';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { givenTwoSources, TWO, twoSourcesPicture } from '../chaos/given.ts';
import { takePicture, untilPicture } from '../chaos/picture.ts';
import { Stage } from '../chaos/stage.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { ClusterHistory, GONE_MS, hubNamespacesGone, importAgain } from './deleted-clusters.ts';

jest.setTimeout(180_000);

const COUNT = 3;
const WITHIN = { timeoutMs: 60_000 };
const FAST = { heartbeat: { interval: '2s', timeout: '4s' } };

let fleet: Fleet;
let dead: Site;
let history: ClusterHistory;
let cluster: Cluster;
let stage: Stage;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  dead = fleet.edge(1);
  fleet.start(['cluster']);
  fleet.start(['project']);
  cluster = await fleet.importCluster(fleet.edge(1), { spec: { ...FAST, cleanupTimeout: '10s' } });
  await fleet.importCluster(fleet.edge(2), { spec: FAST });
  await Promise.all(['edge-1', 'edge-2'].map(name => fleet.connected(name)));
  history = await ClusterHistory.start(fleet);
  stage = new Stage(fleet, 'given');
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await fleet?.stop();
}, 60_000);

const remove = (name: string) => fleet.hub.client.delete(ClusterResource, { name });

test('a dead cluster is let go after cleanupTimeout, says what was left, and keeps no other waiting', async () => {
  await dead.controlPlane.stopApiServer();
  const deletedAt = Date.now();
  await remove('edge-1');
  const otherCluster = await fleet.hub.client.get(ClusterResource, { name: 'edge-2' });

  await remove('edge-2');

  expect(await history.gone(otherCluster)).toMatchObject({ reason: 'Cleaned' });
  const last = await history.gone(cluster);
  expect(Date.now() - deletedAt).toBeGreaterThan(9_000); // deletionTimestamp has whole seconds
  expect(history.cleaned(cluster).map(({ reason }) => reason)).toEqual(['Cleaning', 'Unreachable', 'CleanupTimedOut']);
  expect(last?.status).toBe('False');
  const left = `${2 * COUNT} copies in ${COUNT} namespaces of project a-given, ConfigMap paddock-system/claim`;
  expect(last?.message).toContain(left);
  expect(await history.notes('edge-1', 'CleanupTimedOut')).toContain(last?.message);
  await Promise.all(['edge-1', 'edge-2'].map(name => hubNamespacesGone(fleet.hub, name)));
});

test('when it is back, what was left is there, and a Cluster of the same name takes it up', async () => {
  await dead.controlPlane.startApiServer();
  const { namespaces } = await takePicture(stage, ['a']);
  expect(namespaces.map(({ objects }) => objects.length)).toEqual(Array.from({ length: COUNT }, () => TWO.length));

  cluster = await importAgain(fleet, fleet.edge(1), { ...FAST, cleanupTimeout: '1h' });

  expect((await dead.client.get(ConfigMaps, CLAIM)).data).toMatchObject({ cluster: cluster.metadata.uid });
  await stage.createHome('a');
  await stage.share('a', 'Secret', 'token', { value: '1' });
  await stage.share('a', 'ConfigMap', 'settings', { value: '1' });
  await stage.createProject('a', { namespaceLabels: { team: 'a' } });
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
});

test('Orphan, set during the wait, ends it', async () => {
  await dead.controlPlane.stopApiServer();
  await remove('edge-1');
  await eventually(() => history.cleaned(cluster).some(({ reason }) => reason === 'Unreachable'), {
    ...WITHIN,
    what: 'it is waited for',
  });
  const { status } = await fleet.hub.client.get(ClusterResource, { name: 'edge-1' });
  expect(status?.conditions?.find(({ type }) => type === 'Connected')).toMatchObject({ status: 'Unknown' });
  expect((await stage.findProject('a'))?.metadata.deletionTimestamp).toBeUndefined();

  await fleet.hub.client.mergePatch(ClusterResource, { name: 'edge-1' }, { spec: { deletionPolicy: 'Orphan' } });

  expect(await history.gone(cluster, GONE_MS)).toMatchObject({ reason: 'Orphaned' });
  await hubNamespacesGone(fleet.hub, 'edge-1');
  await dead.controlPlane.startApiServer();
  const { namespaces } = await takePicture(stage, ['a']);
  expect(namespaces).toHaveLength(COUNT);
});
