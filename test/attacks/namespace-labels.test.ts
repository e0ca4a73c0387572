import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { patch, post } from '../integration/agent-requests.ts';
import { dryRun, isAccepted, NAMESPACES } from '../integration/policy-hub.ts';
import { user } from '../support/access-fleet.ts';
import type { Site } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { adminOf, givePlain, isGuarded, isStopped } from './guard.ts';
import { type PeopledCluster, startPeopledCluster } from './peopled-cluster.ts';

const GUARDS = ['paddock-namespace-limits'];
const ADMIN_ACCESS = 'resource.kubernetes.io/admin-access';
/** By what Kubernetes and OpenShift decide what Pods of a namespace may, beside pod security. */
const LABELS = [
  ADMIN_ACCESS,
  'resource.k8s.io/admin-access',
  'openshift.io/run-level',
  'security.openshift.io/scc.podSecurityLabelSync',
];
const ANNOTATIONS = [
  'scheduler.alpha.kubernetes.io/node-selector',
  'scheduler.alpha.kubernetes.io/defaultTolerations',
  'scheduler.alpha.kubernetes.io/tolerationsWhitelist',
  'openshift.io/node-selector',
  'openshift.io/sa.scc.uid-range',
  'openshift.io/sa.scc.supplemental-groups',
  'openshift.io/sa.scc.mcs',
];

let cluster: PeopledCluster;
let edge: Site;
/** May write in project blue. */
let mel: Person;

beforeAll(async () => {
  cluster = await startPeopledCluster();
  const { fleet } = cluster;
  edge = fleet.fleet.edge();
  mel = fleet.person('mel');
  await fleet.bind('mel', 'project-member', [user('mel')], { project: 'blue' });
  await fleet.until(true, mel, 'create namespaces');
}, 180_000);

afterAll(() => cluster?.fleet.stop());

const makes = (metadata: object) => post(NAMESPACES, { metadata: { name: 'blue-new', ...metadata } });

// Of one that has the label, Kubernetes takes for granted that an administrator of the cluster set it.
test('a member has devices that are in use by others (DRA)', async () => {
  const { fleet } = cluster;
  const device = { name: 'all', exactly: { deviceClassName: 'gpu', allocationMode: 'All', adminAccess: true } };
  const claims = (namespace: string) =>
    post(`/apis/resource.k8s.io/v1/namespaces/${namespace}/resourceclaims`, {
      metadata: { name: 'all' },
      spec: { devices: { requests: [device] } },
    });
  await fleet.until(true, mel, 'create resourceclaims.resource.k8s.io', 'blue-1');
  const { status, body } = await mel.send(claims('blue-1'));
  expect([status, body]).toEqual([422, expect.stringContaining(ADMIN_ACCESS)]);

  const request = makes({ labels: { [LABEL_PROJECT]: 'blue', [ADMIN_ACCESS]: 'true' } });
  await isGuarded(edge, { who: mel, request, guards: GUARDS }, async () => {
    await fleet.until(true, mel, 'create resourceclaims.resource.k8s.io', 'blue-new');
    expect((await mel.send(claims('blue-new'))).status).toBe(201);
  });
});

test.each([...LABELS.map(key => ['labels', key] as const), ...ANNOTATIONS.map(key => ['annotations', key] as const)])(
  '%s %s are an administrator’s to set',
  async (part, key) => {
    const labels = { [LABEL_PROJECT]: 'blue' };
    const metadata = { labels, [part]: { ...(part === 'labels' ? labels : {}), [key]: '1' } };
    const made = makes({ ...metadata, name: 'blue-other' });
    await isStopped({ who: mel, request: made, guards: GUARDS });
    const changed = patch(`${NAMESPACES}/blue-1`, { metadata: { [part]: { [key]: '1' } } });
    await isStopped({ who: cluster.olga, request: changed, guards: GUARDS });
    for (const request of [made, changed]) isAccepted(await adminOf(edge).send(dryRun(request)));
  },
);

// as the controller of OpenShift does, which is no administrator
test('who gives namespaces their ids, and has no right by a project, gives them to those of projects', async () => {
  const allocator = cluster.fleet.person('allocator');
  const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'patch', 'update'] }];
  await givePlain(edge, allocator.name, rules);
  await cluster.fleet.until(true, allocator, 'patch namespaces');
  const annotations = { 'openshift.io/sa.scc.uid-range': '1000/10' };
  isAccepted(await allocator.send(dryRun(patch(`${NAMESPACES}/blue-1`, { metadata: { annotations } }))));
});
