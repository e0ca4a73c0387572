import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource } from '#api';
import { Namespaces } from '#runtime';
import { Policies, PolicyBindings, type PolicyObject } from '../../operators/cluster/policies/kinds.ts';
import type { PolicyRule } from '../../operators/engagement/rbac-kinds.ts';
import { find } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SecretType, type Site, startFleet } from '../support/fleet.ts';
import { aSecret } from '../support/objects.ts';
import type { RunningOperators } from '../support/operators.ts';
import { ClusterFixture, FAST } from './cluster-fixture.ts';
import { ClusterHistory } from './deleted-clusters.ts';
import { GuardedCluster, grant, INSTALLED, MEMBERSHIP, POLICY_NAMES, policyWrites } from './guarded-cluster.ts';

jest.setTimeout(120_000);

let fleet: Fleet;
let clusters: ClusterFixture;
let operator: RunningOperators;
let history: ClusterHistory;
/** By an admin's kubeconfig, and by one of a user with few rights. */
let [edge, limited]: Site[] = [];
let guarded: GuardedCluster;
let cluster: Cluster;

const place = (): Site => {
  if (!edge) throw new Error('the fleet has not started');
  return edge;
};

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  [edge, limited] = fleet.downstreams as Site[];
  clusters = new ClusterFixture(fleet.hub);
  operator = fleet.start(['cluster']);
  guarded = await GuardedCluster.of(place());
  cluster = await fleet.importCluster(place(), { spec: { heartbeat: FAST } });
  await clusters.becomes('edge-1', 'Ready', { status: 'True' });
  history = await ClusterHistory.start(fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await guarded?.close();
  await fleet?.stop();
}, 60_000);

const writesSince = (count: number) => policyWrites(operator.writes.slice(count));
const POLICY = 'validatingadmissionpolicies';
const BINDING = 'validatingadmissionpolicybindings';

test('a cluster that is Ready has the policies, marked as the Cluster’s, each written once, bindings last', async () => {
  expect(await guarded.installed()).toEqual(INSTALLED);
  await guarded.restored(cluster, fleet.hub);
  const writes = writesSince(0);
  expect([...writes].sort()).toEqual(
    [POLICY, BINDING].flatMap(kind => POLICY_NAMES.map(name => `PATCH ${kind}/${name}`)),
  );
  expect(writes.findIndex(write => write.includes(BINDING))).toBe(POLICY_NAMES.length);
});

test('they are in force: who may write namespaces does not move one from project to project', async () => {
  await guarded.guarded();
});

const EDITED = [
  `${POLICY}/paddock-membership`,
  `${POLICY}/paddock-namespace-creation`,
  `${POLICY}/paddock-namespace-limits`,
  `${BINDING}/paddock-membership`,
  `${BINDING}/paddock-namespace-limits`,
].sort();

describe('what somebody does to them is undone, by one write for each object', () => {
  const everything = { matchConditions: [{ name: 'nobody', expression: 'false' }] };
  test.each<readonly [what: string, damage: () => Promise<unknown>, written: readonly string[]]>([
    ['a policy is deleted', () => place().client.delete(Policies, MEMBERSHIP), [`${POLICY}/paddock-membership`]],
    [
      'a binding is deleted',
      () => place().client.delete(PolicyBindings, MEMBERSHIP),
      [`${BINDING}/paddock-membership`],
    ],
    [
      'a condition is added that nothing meets, by a manager of its own',
      () => place().client.apply<PolicyObject>(Policies, { metadata: MEMBERSHIP, spec: everything }),
      [`${POLICY}/paddock-membership`],
    ],
    ['specs are edited, and marks stripped in part or all', () => edited(), EDITED],
  ])('%s', async (_what, damage, written) => {
    const before = operator.writes.length;

    await damage();

    await guarded.restored(cluster, fleet.hub);
    await guarded.guarded();
    expect(writesSince(before).sort()).toEqual(written.map(each => `PATCH ${each}`));
  });
});

async function edited(): Promise<void> {
  const { client } = place();
  const named = (name: string) => ({ name: `paddock-namespace-${name}` });
  const validations = [{ expression: 'true' }];
  const selector = { matchLabels: { team: 'none' } };
  await client.mergePatch(Policies, MEMBERSHIP, { spec: { validations } });
  await client.mergePatch(PolicyBindings, MEMBERSHIP, { spec: { matchResources: { namespaceSelector: selector } } });
  await client.mergePatch(Policies, named('limits'), { metadata: { labels: { 'paddock.dev/owner': null } } });
  await client.mergePatch(PolicyBindings, named('limits'), { metadata: { annotations: null } });
  await client.mergePatch(Policies, named('creation'), { metadata: { labels: null, annotations: null } });
}

test('an operator that is started again writes none of them, but what was damaged meanwhile', async () => {
  await operator.stop();
  await place().client.delete(PolicyBindings, MEMBERSHIP);
  await guarded.open();

  operator = fleet.start(['cluster']);

  await guarded.guarded();
  await guarded.restored(cluster, fleet.hub);
  expect(writesSince(0)).toEqual([`PATCH ${BINDING}/paddock-membership`]);
});

describe('a kubeconfig of few rights', () => {
  const on = (
    group: string,
    resources: readonly string[],
    verbs: readonly string[],
    more: object = {},
  ): PolicyRule => ({
    apiGroups: [group],
    resources,
    verbs,
    ...more,
  });
  const ADMISSION = 'admissionregistration.k8s.io';
  const KINDS = [POLICY, BINDING];
  const WRITE = ['get', 'create', 'patch', 'delete'];
  /** What the README names, without the policies. */
  const RULES: readonly PolicyRule[] = [
    { nonResourceURLs: ['/readyz', '/version', '/apis'], verbs: ['get'] },
    on('', ['namespaces'], ['get', 'list', 'create', 'patch', 'delete']),
    on('', ['configmaps'], ['get', 'list', 'watch', 'create', 'patch', 'delete']),
    on('', ['secrets'], ['list', 'delete']),
    on('', ['nodes', 'pods'], ['list', 'watch']),
  ];
  /** And of the account that the policies are probed as. */
  const TO_PROBE: readonly PolicyRule[] = [
    on('', ['serviceaccounts'], ['get', 'create', 'patch', 'delete']),
    on('rbac.authorization.k8s.io', ['clusterroles'], ['get', 'create', 'patch', 'delete', 'bind', 'escalate']),
    on('rbac.authorization.k8s.io', ['clusterrolebindings', 'rolebindings'], ['get', 'create', 'patch', 'delete']),
    on('', ['serviceaccounts'], ['impersonate'], { resourceNames: ['policy-probe'] }),
  ];
  const LIMITS = { name: 'paddock-namespace-limits' };
  const foreign = {
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['x'] }],
    },
    validations: [{ expression: 'true' }],
  };
  const site = (): Site => {
    if (!limited) throw new Error('the fleet has not started');
    return limited;
  };

  test('that may not write policies: the Cluster is not Ready, and says which right is missing', async () => {
    await grant(site(), 'few', 'few', RULES);
    await site().client.create<PolicyObject>(Policies, {}, { metadata: LIMITS, spec: foreign });
    const kubeconfig = site().controlPlane.kubeconfigFor({ user: 'few', groups: ['system:authenticated'] });
    await fleet.importCluster(site(), { kubeconfig, spec: { heartbeat: FAST } });

    const { message } = await clusters.becomes('edge-2', 'Ready', { status: 'False', reason: 'PoliciesNotInstalled' });

    expect(message).toMatch(
      /ValidatingAdmissionPolicy paddock-membership is refused .*paddock-membership" is forbidden/,
    );
    expect(message).toContain('grant the connection’s user');
    expect(await clusters.condition('edge-2', 'Connected')).toMatchObject({ status: 'True' });
    expect(await clusters.condition('edge-2', 'Reconciling')).toMatchObject({ reason: 'PoliciesNotInstalled' });
  });

  test('that may write them by their names: all are put in place but for one that is foreign, which is named', async () => {
    const before = await site().client.get(Policies, LIMITS);
    const names = { resourceNames: POLICY_NAMES };
    await grant(site(), 'few', 'more', [on(ADMISSION, KINDS, WRITE, names), on(ADMISSION, KINDS, ['list'])]);

    const { message, reason } = await eventually(
      async () => {
        const now = await clusters.condition('edge-2', 'Ready');
        return now?.message.includes('is somebody else’s') ? now : undefined;
      },
      { timeoutMs: 30_000, what: 'the Cluster says that one is foreign' },
    );

    expect(reason).toBe('PoliciesNotInstalled');
    expect(message).toContain(
      'ValidatingAdmissionPolicy paddock-namespace-limits is somebody else’s: delete it, or label',
    );
    expect(message).not.toContain('membership');
    expect(await site().client.get(Policies, LIMITS)).toEqual(before);
    expect(await site().client.find(PolicyBindings, LIMITS)).toBeUndefined(); // it would put a foreign policy in force
  });

  test('the foreign one is labelled as Paddock’s: it is taken over; that they are enforced can’t be tried yet', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'paddock' };
    await site().client.mergePatch(Policies, LIMITS, { metadata: { labels } });

    const { message } = await eventually(
      async () => {
        const now = await clusters.condition('edge-2', 'Ready');
        return now?.message.includes('policy-probe') ? now : undefined;
      },
      { timeoutMs: 60_000, what: 'the Cluster says which right is missing to prove the policies' },
    );

    expect(message).toMatch(/is not proven: .*"policy-probe" is forbidden: User "few" cannot/);
    expect(message).toContain('grant the connection’s user');
    expect(await clusters.condition('edge-2', 'Ready')).toMatchObject({ reason: 'PoliciesNotInstalled' });
  });

  test('that may also make the account of the probes and be it: the Cluster is Ready', async () => {
    await grant(site(), 'few', 'probes', TO_PROBE);

    await clusters.becomes('edge-2', 'Ready', { status: 'True', reason: 'Ready' });

    const elsewhere = await GuardedCluster.of(site());
    await elsewhere.restored(await clusters.get('edge-2'), fleet.hub);
    await elsewhere.guarded();
    await elsewhere.close();
  });

  test('Orphan leaves them where they are, in force', async () => {
    const deleted = await clusters.get('edge-2');
    await fleet.hub.client.mergePatch(ClusterResource, { name: 'edge-2' }, { spec: { deletionPolicy: 'Orphan' } });
    await clusters.remove('edge-2');

    expect(await history.gone(deleted)).toMatchObject({ reason: 'Orphaned' });

    for (const name of POLICY_NAMES)
      expect([
        await site().client.find(Policies, { name }),
        await site().client.find(PolicyBindings, { name }),
      ]).toEqual([expect.anything(), expect.anything()]);
  });
});

test('Clean takes them last, after the labels of projects, bindings before policies', async () => {
  const { client } = place();
  const { metadata: marks } = await client.get(Policies, MEMBERSHIP);
  const secret = aSecret('copy')
    .withLabels({ ...marks?.labels })
    .withAnnotations({ ...marks?.annotations });
  await client.create(SecretType, { namespace: 'blue-1' }, secret.build('blue-1'));
  const labelled = { metadata: { name: 'blue-1', labels: { team: 'blue' } } };
  await client.apply(Namespaces, labelled, { fieldManager: 'paddock-project' });
  const before = operator.writes.length;

  await clusters.remove('edge-1');

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  expect(await guarded.installed()).toEqual([]);
  expect(await find(client, aSecret('copy'), 'blue-1')).toBeUndefined();
  expect((await client.get(Namespaces, { name: 'blue-1' })).metadata?.labels).not.toHaveProperty('team');
  const order = operator.writes.slice(before).flatMap(({ path }) => {
    const [kind = ''] = /secrets|namespaces\/blue-1$|validatingadmissionpolic(ies|ybindings)/.exec(path) ?? [];
    return kind === '' ? [] : [kind];
  });
  const ofEach = (kind: string) => Array.from({ length: POLICY_NAMES.length }, () => kind);
  expect(order).toEqual(['secrets', 'namespaces/blue-1', ...ofEach(BINDING), ...ofEach(POLICY)]);
  await guarded.open();
});
