import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource, LABEL_PROJECT } from '#api';
import { Leases, Namespaces } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { find, namespaceGone } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import { aSecret } from '../support/objects.ts';
import { ProjectFleet } from '../support/project-fleet.ts';
import { ClusterHistory } from './deleted-clusters.ts';

jest.setTimeout(120_000);

const WITHIN = { timeoutMs: 60_000 };

let fleet: ProjectFleet;
let history: ClusterHistory;

beforeAll(async () => {
  fleet = await ProjectFleet.startLocal();
  history = await ClusterHistory.start(fleet.fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await fleet?.stop();
}, 60_000);

const secret = aSecret('db');
const local = () => fleet.hub.get(ClusterResource, { name: 'local' });

async function given(name: string) {
  const project = await fleet.project(name, {
    namespaceLabels: { team: 'blue' },
    resourceQuota: { hard: { pods: '4' }, namespaceDefault: { pods: '2' } },
    containerDefaults: { limits: { cpu: '1' } },
    networkIsolation: { enabled: true },
    podSecurity: { enforce: 'baseline' },
  });
  await project.members([`${name}-1`]);
  await project.share(secret);
  await project.copy(secret, `${name}-1`);
  await eventually(async () => (await restrictions(`${name}-1`)).length === RESTRICTIONS.length, {
    ...WITHIN,
    what: `quota, limits and isolation are in ${name}-1`,
  });
  return project;
}

const RESTRICTIONS = [ResourceQuotas, LimitRanges, NetworkPolicies];

/** What a namespace has of them. */
async function restrictions(namespace: string) {
  const found = await Promise.all(RESTRICTIONS.map(type => fleet.hub.find(type, { namespace, name: 'paddock' })));
  return found.filter(each => each !== undefined);
}

/** Waits until `local` is this hub's again. */
async function claimedBy({ metadata }: Cluster): Promise<void> {
  await eventually(async () => (await fleet.hub.find(ConfigMaps, CLAIM))?.data?.cluster === metadata.uid, {
    ...WITHIN,
    what: 'the claim is the new Cluster’s',
  });
}

test('the API is uninstalled: Clusters go, and nothing else does; installed again they take up what was there', async () => {
  const project = await given('kept');
  const { controlPlane } = fleet.fleet.hub;
  const claim = await fleet.hub.get(ConfigMaps, CLAIM);
  const copy = await find(fleet.hub, secret, 'kept-1');
  const before = await project.read();

  const { code, stderr } = await controlPlane.kubectl(['delete', 'crd', 'clusters.paddock.dev', '--timeout=60s']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.anything() });

  expect(await find(fleet.hub, secret, 'kept-1')).toEqual(copy);
  expect(await fleet.hub.get(ConfigMaps, CLAIM)).toEqual(claim);
  expect((await project.read()).metadata).toMatchObject({ uid: before.metadata.uid });
  expect((await fleet.hub.get(Namespaces, { name: 'c-local' })).metadata?.deletionTimestamp).toBeUndefined();

  await installManifests(controlPlane);
  const created = await eventually(() => fleet.fleet.importLocal(), { ...WITHIN, what: 'the kind is served' });
  await claimedBy(created);
  await project.copy(secret, 'kept-1');
  await fleet.fleet.connected('local', 'True', 60_000);
});

test('Clean takes copies and claim, and of the hub only the Cluster’s own namespaces', async () => {
  const project = await given('gone');
  const cluster = await local();
  const lease = { namespace: 'paddock-system', name: 'somebody' };
  await fleet.hub.create(Leases, { namespace: 'paddock-system' }, { metadata: { name: lease.name } });
  // another cluster's side of the hub, with a source that was made from a copy, marks and all
  const labels = { 'paddock.dev/cluster': 'edge-9', 'paddock.dev/project-home': 'x' };
  await fleet.hub.create(Namespaces, {}, { metadata: { name: 'p-edge-9--x', labels } });
  const { metadata: marks } = await project.copy(secret, 'gone-1');
  const source = secret.withLabels({ ...marks?.labels }).withAnnotations({ ...marks?.annotations });
  await fleet.hub.create(SecretType, { namespace: 'p-edge-9--x' }, source.build('p-edge-9--x'));

  await fleet.hub.delete(ClusterResource, { name: 'local' });

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  expect(await find(fleet.hub, secret, 'gone-1')).toBeUndefined();
  const { metadata } = await fleet.hub.get(Namespaces, { name: 'gone-1' });
  expect(metadata?.labels).toMatchObject({ [LABEL_PROJECT]: 'gone' });
  expect(metadata?.labels).not.toHaveProperty('team');
  // what was planted under it must not run when the cluster is handed back
  expect(metadata?.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'baseline' });
  expect(metadata?.annotations?.['paddock.dev/own-pod-security']).toBeUndefined();
  expect(await restrictions('gone-1')).toEqual([]);
  expect(await fleet.hub.find(ConfigMaps, CLAIM)).toBeUndefined();
  expect(await fleet.hub.find(Leases, lease)).toBeDefined();
  for (const name of ['c-local', project.home]) await namespaceGone(fleet.hub, name);
  for (const name of ['paddock-system', 'p-edge-9--x'])
    expect((await fleet.hub.get(Namespaces, { name })).metadata?.deletionTimestamp).toBeUndefined();
  expect(await find(fleet.hub, secret, 'p-edge-9--x')).toBeDefined();
});
