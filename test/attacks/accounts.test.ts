import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterAccessResource, USERS_NAMESPACE } from '#api';
import { Namespaces } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, type PolicyRule } from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accountName, accountRoleName } from '../../operators/rbac/account.ts';
import { core, get, named, paddock, patch, post, remove, tokenRequest } from '../integration/agent-requests.ts';
import { anObject, dryRun, isAccepted, NAMESPACES, RBAC, WAYS } from '../integration/policy-hub.ts';
import { AccessFleet, group, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { TokenUser, type UserRequest } from '../support/token-user.ts';
import { answerTo, asAdmin, policiesOnEdge } from './guard.ts';
import { answers, as, holderOf, kubeconfigUser, letAccount } from './kubeconfigs.ts';
import { giveEverywhere } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 30_000 };
const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];
const ALICE = accountName('alice');
const NODES = get('/api/v1/nodes');
/** As alice with the group that her kubeconfig names. */
const WITH_DEV = as('alice', NODES, { 'impersonate-group': 'dev' });

let fleet: AccessFleet;
/** Holds the token of alice’s kubeconfig, by which she reads nodes, with group dev. */
let alices: TokenUser;
/** Holds that of bob’s, who reads nodes, too. */
let bobs: TokenUser;
/** Writes and impersonates service accounts on the cluster, as Kubernetes’ own role edit may. */
let eddy: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  await fleet.template('nodes', {
    context: 'Cluster',
    rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
  });
  await fleet.bind('nodes', 'nodes', [user('alice'), user('bob'), group('dev')]);
  alices = await holderOf(fleet, 'alices', { user: 'alice', groups: ['dev'] });
  bobs = await holderOf(fleet, 'bobs', { user: 'bob' });
  eddy = fleet.person('eddy');
  const verbs = ['get', 'create', 'update', 'patch', 'delete', 'impersonate'];
  await giveEverywhere(fleet, eddy, [{ apiGroups: [''], resources: ['serviceaccounts'], verbs }]);
  await fleet.until(true, eddy, 'impersonate serviceaccounts');
  await answers(alices, as('alice', NODES), 200);
  await answers(alices, WITH_DEV, 200);
  await answers(bobs, as('bob', NODES), 200);
}, 180_000);

afterAll(async () => {
  await Promise.all([alices, bobs].map(holder => holder?.close()));
  await fleet?.stop();
});

/** What somebody does who has the token of an account, and is nobody but that account. */
const DEEDS: readonly UserRequest[] = [
  NODES,
  get(NAMESPACES),
  get(core(USERS_NAMESPACE, 'secrets')),
  get(core(USERS_NAMESPACE, `serviceaccounts/${ALICE}`)),
  get(`${RBAC}/clusterroles/${accountRoleName(ALICE)}`),
  get('/metrics'),
  dryRun(tokenRequest({ namespace: USERS_NAMESPACE, account: ALICE, name: '' })),
  dryRun(post(core('default', 'configmaps'), named('mine'))),
  dryRun(patch(`${RBAC}/clusterroles/${accountRoleName(ALICE)}`, { rules: EVERYTHING })),
  dryRun(remove(core(USERS_NAMESPACE, `serviceaccounts/${ALICE}`))),
];

/** With everything allowed to alice’s account; afterwards it has again what it should. */
async function withEverything(meanwhile: () => Promise<void>): Promise<void> {
  await fleet.whileDown(async () => {
    await letAccount(fleet, 'alice', EVERYTHING);
    await answers(alices, get('/metrics'), 200);
    await meanwhile();
  });
  await answers(alices, get('/metrics'), 403);
  // what no binding explains goes before what is missing comes
  await answers(alices, WITH_DEV, 200);
}

const statuses = async (who: { send: TokenUser['send'] }, requests: readonly UserRequest[]) =>
  await Promise.all(requests.map(async request => [request.path, (await who.send(request)).status]));
const all = (requests: readonly UserRequest[], status: unknown) => requests.map(({ path }) => [path, status]);

describe('what an account may', () => {
  // Rancher’s own account had all rights, and a user’s headers were passed on with them. Ours has none to pass on.
  test('CVE-2021-31999: the token of a kubeconfig is used without saying who one is', async () => {
    expect(await statuses(alices, DEEDS)).toEqual(all(DEEDS, 403));
    await withEverything(async () =>
      expect(await statuses(alices, DEEDS)).not.toContainEqual(expect.arrayContaining([403])),
    );
    expect(await statuses(alices, DEEDS)).toEqual(all(DEEDS, 403));
  });

  test('CVE-2021-31999: who may impersonate service accounts is a person’s account', async () => {
    const ofAccount = DEEDS.map(deed => as(`system:serviceaccount:${USERS_NAMESPACE}:${ALICE}`, deed));
    expect(await statuses(eddy, ofAccount)).toEqual(all(DEEDS, 403));
    await withEverything(async () =>
      expect(await statuses(eddy, ofAccount)).not.toContainEqual(expect.arrayContaining([403])),
    );
  });

  // Any user could be any other by Rancher’s credential.
  test('CVE-2021-36776: the token of a kubeconfig is used as somebody else, or with more', async () => {
    const others = [
      as('bob', NODES),
      as('Alice', NODES),
      as('*', NODES),
      as('system:admin', NODES),
      as('system:node:node-1', NODES),
      as('system:serviceaccount:kube-system:default', NODES),
      as(`system:serviceaccount:${USERS_NAMESPACE}:${accountName('bob')}`, NODES),
      as('alice', NODES, { 'impersonate-group': 'ops' }),
      as('alice', NODES, { 'impersonate-group': 'system:masters' }),
      as('alice', NODES, { 'impersonate-uid': '1' }),
      as('alice', NODES, { 'impersonate-extra-scopes': 'all' }),
    ];
    const allowed = [as('alice', NODES), WITH_DEV];
    expect(await statuses(alices, allowed)).toEqual(all(allowed, 200));
    expect(await refusedAs(others)).toEqual(others.map(() => true));
    await withEverything(async () => expect(await refusedAs(others)).toEqual(others.map(() => false)));
    expect(await refusedAs(others)).toEqual(others.map(() => true));
  });

  /** Whether alice’s token is refused to be these. */
  const refusedAs = async (requests: readonly UserRequest[]) =>
    await Promise.all(requests.map(async request => (await alices.send(request)).body.includes('cannot impersonate')));
});

describe('whose an account is', () => {
  const BOB = core(USERS_NAMESPACE, `serviceaccounts/${accountName('bob')}`);
  const USER = 'paddock.dev/user';
  const AT = ['metadata', 'annotations', USER];
  const said = async () =>
    ((await asAdmin(fleet.fleet.edge(), get(BOB))).metadata.annotations as Record<string, string>)[USER];

  // Who one is was read from what others can write.
  test.each(WAYS)('CVE-2021-36776: an account says by %s that it is somebody else’s', async (_way, request) => {
    const change = async () => {
      const { metadata, ...rest } = await asAdmin(fleet.fleet.edge(), get(BOB));
      const { managedFields: _, ...kept } = metadata;
      return request({ path: BOB, current: { ...rest, metadata: kept }, at: AT, value: 'alice' });
    };
    isAccepted(await answerTo(eddy, change));
    await eventually(async () => (await said()) === 'bob', { ...WITHIN, what: 'the annotation says who it is' });
    expect((await bobs.send(as('alice', NODES))).status).toBe(403);

    await fleet.whileDown(async () => {
      await letAccount(fleet, 'bob', [
        { apiGroups: [''], resources: ['users'], resourceNames: ['alice'], verbs: ['impersonate'] },
      ]);
      await answers(bobs, as('alice', NODES), 200);
    });
    await answers(bobs, as('alice', NODES), 403);
  });
});

describe('what a kubeconfig is good for', () => {
  // Groups that somebody had left went on to count by tokens that they had before.
  test('GHSA-c45c-39f6-6gw9, CVE-2023-22648: groups of a kubeconfig that ended are used with another', async () => {
    const asOps = as('bob', NODES, { 'impersonate-group': 'ops' });
    await fleet.access('bobs-ops', { user: 'bob', groups: ['ops'] });
    await answers(bobs, asOps, 200);

    await fleet.whileDown(async () => {
      await fleet.hub.delete(ClusterAccessResource, { namespace: 'c-edge-1', name: 'bobs-ops' });
      expect((await bobs.send(asOps)).status).toBe(200); // nobody else takes it
    });

    await answers(bobs, asOps, 403);
    expect((await bobs.send(as('bob', NODES))).status).toBe(200);
  });

  // A token of one cluster was good at another. Where the hub is a cluster nobody has an account: see what one could do.
  test('CVE-2026-41050, CVE-2026-44945: a kubeconfig is used at the hub, to ask for the next', async () => {
    const { hub } = fleet.fleet;
    const { token } = await kubeconfigUser(fleet, 'alices');
    const access = anObject('ClusterAccess', { name: 'next' }, { user: 'alice' });
    const ask = as('alice', dryRun(post(paddock('c-edge-1', 'clusteraccesses'), access)));
    const atHub = new TokenUser(hub, token);
    for (const request of [NODES, as('alice', NODES), ask]) expect((await atHub.send(request)).status).toBe(401);

    const account = { namespace: USERS_NAMESPACE, name: ALICE };
    const metadata = { name: accountRoleName(ALICE) };
    const rules = [{ apiGroups: [''], resources: ['users'], resourceNames: ['alice'], verbs: ['impersonate'] }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name };
    await hub.client.create(Namespaces, {}, named(USERS_NAMESPACE));
    await hub.client.create(ServiceAccounts, { namespace: USERS_NAMESPACE }, named(ALICE));
    await hub.client.create(ClusterRoles, {}, { metadata, rules });
    await hub.client.create(
      ClusterRoleBindings,
      {},
      { metadata, roleRef, subjects: [{ kind: 'ServiceAccount', ...account }] },
    );
    const wish = tokenRequest({ namespace: USERS_NAMESPACE, account: ALICE, name: '' });
    const { status } = (await asAdmin(hub, wish)) as unknown as { status: { token: string } };
    const ofHub = new TokenUser(hub, status.token);
    await answers(ofHub, ask, 201);
    await Promise.all([atHub, ofHub].map(each => each.close()));
  });
});
