import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource, LABEL_PROJECT, ProjectResource } from '#api';
import { findCondition, Namespaces } from '#runtime';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { givenTwoSources, twoSourcesPicture } from '../chaos/given.ts';
import { alike, untilPicture } from '../chaos/picture.ts';
import { Stage } from '../chaos/stage.ts';
import { namespaceGone } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { aConfigMap, aSecret, ContentTypes } from '../support/objects.ts';
import { ClusterHistory, hubNamespacesGone, importAgain } from './deleted-clusters.ts';

jest.setTimeout(120_000);

const COUNT = 3;
const WITHIN = { timeoutMs: 60_000 };
/** Members keep the label that their users gave them, and nothing of ours. */
const HANDED_BACK = { namespaces: alike(COUNT, { member: 'a', objects: [] }), projects: { a: 'gone' } };

let fleet: Fleet;
let edge: Site;
let history: ClusterHistory;
let cluster: Cluster;

beforeAll(async () => {
  fleet = await startFleet();
  edge = fleet.edge(1);
  fleet.start(['cluster']);
  fleet.start(['project']);
  cluster = await fleet.importCluster(edge);
  await fleet.connected('edge-1');
  history = await ClusterHistory.start(fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await fleet?.stop();
}, 60_000);

async function given(id: string): Promise<Stage> {
  const stage = new Stage(fleet, id);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  return stage;
}

const deleteCluster = (patch: object = {}) => deleteNamed('edge-1', patch);

async function deleteNamed(name: string, patch: object): Promise<void> {
  if (Object.keys(patch).length > 0)
    await fleet.hub.client.mergePatch(ClusterResource, { name }, { spec: { ...patch } });
  await fleet.hub.client.delete(ClusterResource, { name });
}

const claim = () => edge.client.find(ConfigMaps, CLAIM);

test('a Cluster has its finalizer before anything else is made for it', async () => {
  const { metadata } = await fleet.hub.client.get(ClusterResource, { name: 'edge-1' });
  expect(metadata.finalizers).toEqual(['paddock.dev/cluster']);
});

test('Orphan leaves what was derived, gives up the claim, and takes the namespaces of the hub', async () => {
  const stage = await given('orphan');
  await stage.changeProject('a', { deletionPolicy: 'Delete' });

  await deleteCluster({ deletionPolicy: 'Orphan' });

  expect(await history.gone(cluster)).toMatchObject({ status: 'False', reason: 'Orphaned' });
  expect(history.cleaned(cluster).map(({ reason }) => reason)).not.toContain('Cleaned');
  await hubNamespacesGone(fleet.hub, 'edge-1');
  const names = (await stage.namespaces()).map(({ metadata }) => metadata);
  expect(names).toHaveLength(COUNT);
  for (const { labels, deletionTimestamp, name: namespace = '' } of names.map(metadata => metadata ?? {})) {
    expect(deletionTimestamp).toBeUndefined();
    expect(labels).toMatchObject({ team: 'a', [LABEL_PROJECT]: 'a-orphan' });
    expect(await edge.client.find(ContentTypes.Secret, { namespace, name: 'token' })).toBeDefined();
  }
  expect(await claim()).toBeUndefined();
});

test('made again under its name it starts fresh, and takes up what was orphaned', async () => {
  const before = cluster;
  cluster = await importAgain(fleet, edge);

  expect(cluster.metadata.uid).not.toBe(before.metadata.uid);
  expect((await claim())?.data).toMatchObject({ cluster: cluster.metadata.uid });
  const stage = new Stage(fleet, 'orphan');
  expect(await stage.findProject('a')).toBeUndefined();
  await stage.createHome('a');
  await stage.share('a', 'Secret', 'token', { value: '2' });
  await stage.createProject('a', {});
  const namespaces = alike(COUNT, { member: 'a', objects: ['Secret token=2 of a'] });
  await untilPicture(stage, { namespaces, projects: { a: `ready: ${COUNT} copies of 1 objects` } }, WITHIN);
});

test('Clean takes everything that is ours, whatever the Projects’ own policy, and nothing else', async () => {
  const stage = await given('clean');
  await stage.changeProject('a', { deletionPolicy: 'Delete' });
  await edge.client.create(Namespaces, {}, { metadata: { name: 'bystander', labels: { team: 'theirs' } } });
  const { metadata: marks } = await edge.client.get(ContentTypes.Secret, { namespace: 'clean-1', name: 'token' });
  const foreign = [
    aSecret('token'),
    aConfigMap('claims-to-be').withLabels({ 'app.kubernetes.io/managed-by': 'paddock' }),
    aConfigMap('of-another-hub')
      .withLabels({ ...marks?.labels, 'paddock.dev/owner': 'project.theirs' })
      .withAnnotations({ ...marks?.annotations, 'paddock.dev/hub': 'another' }),
  ];
  const created = await Promise.all(
    foreign.map(object =>
      edge.client.create(ContentTypes[object.kind], { namespace: 'bystander' }, object.build('bystander')),
    ),
  );

  await deleteCluster();

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  await untilPicture(stage, HANDED_BACK, WITHIN);
  for (const [index, object] of foreign.entries()) {
    const key = { namespace: 'bystander', name: object.name };
    expect(await edge.client.find(ContentTypes[object.kind], key)).toEqual(created[index]);
  }
  expect((await edge.client.get(Namespaces, { name: 'bystander' })).metadata?.labels?.team).toBe('theirs');
  await namespaceGone(edge.client, 'paddock-system');
  await hubNamespacesGone(fleet.hub, 'edge-1');
  expect(await fleet.hub.client.find(Namespaces, { name: 'paddock-system' })).toBeDefined();
});

test('what somebody’s finalizers keep in the hub delays nothing on the cluster, and is named', async () => {
  cluster = await importAgain(fleet, edge);
  const { client } = fleet.hub;
  const stage = await given('kept');
  const project = { namespace: 'c-edge-1', name: stage.project('a') };
  const hold = ['a.example/hold'];
  const { metadata } = await client.get(ProjectResource, project);
  await client.mergePatch(ProjectResource, project, {
    metadata: { finalizers: [...(metadata.finalizers ?? []), ...hold] },
  });
  await client.create(ContentTypes.ConfigMap, project, { metadata: { name: 'notes', finalizers: hold } });

  await deleteCluster();

  await untilPicture(
    stage,
    { namespaces: alike(COUNT, { member: stage.project('a'), objects: [] }), projects: {} },
    WITHIN,
  );
  await eventually(
    async () => {
      const { status } = await client.get(ClusterResource, { name: 'edge-1' });
      const stalled = findCondition(status?.conditions, 'Stalled');
      expect(stalled).toMatchObject({ status: 'True', reason: 'FinalizersRemain' });
      expect(stalled?.message).toContain(`finalizer a.example/hold keeps Project ${project.name}: it is not Paddock's`);
      expect(findCondition(status?.conditions, 'Ready')?.message).toContain(stalled?.message);
      expect(findCondition(status?.conditions, 'Cleaned')).toMatchObject({ status: 'True', reason: 'Cleaned' });
      return true;
    },
    { ...WITHIN, what: 'the Cluster is clean and names what it waits for' },
  );
  expect(await claim()).toBeDefined();
  await client.mergePatch(ProjectResource, project, { metadata: { finalizers: null } });
  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });

  const again = importAgain(fleet, edge);
  const conditions = async () => (await client.find(ClusterResource, { name: 'edge-1' }))?.status?.conditions;
  await eventually(
    async () =>
      findCondition(await conditions(), 'Stalled')?.message.includes('finalizer a.example/hold keeps ConfigMap notes'),
    { ...WITHIN, what: 'the one made again names what keeps the namespace of the one before' },
  );
  expect(findCondition(await conditions(), 'Stalled')?.reason).toBe('NamespaceTerminating');
  await client.mergePatch(ContentTypes.ConfigMap, { ...project, name: 'notes' }, { metadata: { finalizers: null } });
  cluster = await again;
  expect(findCondition(await conditions(), 'Stalled')).toBeUndefined();
  await deleteCluster();
  await history.gone(cluster);
});

test('a Project made while its Cluster is deleted is given nothing and keeps nobody waiting', async () => {
  cluster = await importAgain(fleet, edge);
  await edge.controlPlane.stopApiServer();
  const stage = new Stage(fleet, 'late');
  try {
    await deleteCluster();
    await eventually(() => history.cleaned(cluster).some(({ reason }) => reason === 'Unreachable'), {
      ...WITHIN,
      what: 'it is waited for',
    });
    await stage.createHome('a');
    await stage.share('a', 'Secret', 'token', { value: '1' });
    const { metadata } = await stage.createProject('a', { namespaceLabels: { team: 'a' } });
    await eventually(
      async () => {
        const found = await fleet.hub.client.get(ProjectResource, {
          namespace: 'c-edge-1',
          name: metadata.name ?? '',
        });
        return (
          findCondition(found.status?.conditions, 'Ready')?.reason === 'ClusterDeleting' && !found.metadata.finalizers
        );
      },
      { ...WITHIN, what: 'it says that its Cluster is being deleted' },
    );
  } finally {
    await edge.controlPlane.startApiServer();
  }
  await stage.createNamespaces(COUNT, 'a');

  expect(await history.gone(cluster)).toMatchObject({ reason: 'Cleaned' });

  await untilPicture(stage, HANDED_BACK, WITHIN);
});

test('one that is made again while its namespace downstream goes waits for it, and is claimed in a new one', async () => {
  cluster = await importAgain(fleet, edge);
  await edge.client.mergePatch(ConfigMaps, CLAIM, { metadata: { finalizers: ['example.org/held'] } });
  await deleteCluster();
  await history.gone(cluster);
  await hubNamespacesGone(fleet.hub, 'edge-1');
  const held = await claim();

  const again = importAgain(fleet, edge);
  const ready = async () => {
    const found = await fleet.hub.client.find(ClusterResource, { name: 'edge-1' });
    return findCondition(found?.status?.conditions, 'Ready');
  };
  try {
    await eventually(async () => (await ready())?.reason === 'ClaimFailed', {
      ...WITHIN,
      what: 'it says that it waits',
    });
    expect((await ready())?.message).toMatch(
      /paddock-system is being deleted.*it is claimed when that namespace is gone/,
    );
    expect((await claim())?.data).toEqual(held?.data);
  } finally {
    await edge.client.mergePatch(ConfigMaps, CLAIM, { metadata: { finalizers: null } });
  }

  cluster = await again;
  expect((await claim())?.metadata?.uid).not.toBe(held?.metadata?.uid);
  expect((await claim())?.data?.cluster).toBe(cluster.metadata.uid);
  await deleteCluster();
  await history.gone(cluster);
});

test('a claim of somebody else’s: nothing is touched there, and the hub’s side goes', async () => {
  cluster = await importAgain(fleet, edge);
  const stage = await given('foreign');
  await edge.client.mergePatch(ConfigMaps, CLAIM, { data: { hub: 'another', cluster: 'x', name: 'theirs' } });

  await deleteCluster();

  const last = await history.gone(cluster);
  expect(last).toMatchObject({ status: 'False', reason: 'AlreadyClaimed' });
  expect(last?.message).toContain(`${2 * COUNT} copies in ${COUNT} namespaces of project a-foreign`);
  expect(await history.notes('edge-1', 'AlreadyClaimed')).toContain(last?.message.slice(0, 1_000));
  await hubNamespacesGone(fleet.hub, 'edge-1');
  expect((await claim())?.data).toMatchObject({ name: 'theirs' });
  for (const { metadata } of await stage.namespaces()) {
    const { items } = await edge.client.list(ContentTypes.Secret, { namespace: metadata?.name ?? '' });
    expect(items.map(({ metadata: { name } = {} }) => name)).toContain('token');
    expect(metadata?.labels?.team).toBe('a');
  }
});

test('one that was never connected goes at once, and takes its namespace', async () => {
  const { client } = fleet.hub;
  const connection = { kubeconfig: { secretRef: { name: 'none' } } };
  const never = await client.create(
    ClusterResource,
    {},
    { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'never' }, spec: { connection } },
  );
  await eventually(() => client.find(Namespaces, { name: 'c-never' }), { ...WITHIN, what: 'it has its namespace' });

  await deleteNamed('never', {});

  expect(await history.gone(never)).toMatchObject({ status: 'True', reason: 'NothingDerived' });
  await hubNamespacesGone(fleet.hub, 'never');
});
