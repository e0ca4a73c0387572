import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterAccessResource, LABEL_PROJECT, SYSTEM_NAMESPACE, USERS_NAMESPACE } from '#api';
import { RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accountName } from '../../operators/rbac/account.ts';
import { core, get, named, post, remove, tokenRequest } from '../integration/agent-requests.ts';
import { isAccepted, isRefused, NAMESPACES, RBAC } from '../integration/policy-hub.ts';
import { AccessFleet, group, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { TokenUser, type UserRequest } from '../support/token-user.ts';
import { asAdmin, enforced, failingClosed, isGuarded, isStopped, policiesOnEdge, without } from './guard.ts';
import { answers, as, holderOf, unboundHolder } from './kubeconfigs.ts';
import { giveEverywhere, moveBack, ON_NAMESPACES, relabel } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 45_000 };
const ALICE = accountName('alice');
/** What alice may, and nobody else here. */
const ROLES = get(`${RBAC}/clusterroles`);
const AS_ALICE = as('alice', ROLES);
const GUARDS = ['paddock-accounts'];

let fleet: AccessFleet;
/** Has Kubernetes’ own role edit on the whole cluster. */
let eddy: Person;
/** Owns project blue, and has no account, since her binding names a group. */
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  await fleet.project('blue', ['blue-1']);
  await fleet.bind('owners', 'project-owner', [group('owners')], { project: 'blue' });
  olga = fleet.person('olga', ['owners']);
  await fleet.until(true, olga, 'create serviceaccounts/token', 'blue-1');
  const rules = [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['list'] }];
  await fleet.template('roles', { context: 'Cluster', rules });
}, 180_000);

afterAll(() => fleet?.stop());

const tokenOf = (account: string) => tokenRequest({ namespace: USERS_NAMESPACE, account, name: '' });
const tokenIn = ({ body }: { readonly body: string }) =>
  (JSON.parse(body) as { status: { token: string } }).status.token;

/** With this token somebody acts as alice; it ends with her account. */
async function actsAsAlice(token: string): Promise<void> {
  const holder = new TokenUser(fleet.fleet.edge(), token);
  await answers(holder, AS_ALICE, 200);
  await holder.close();
}

describe('the namespace of accounts', () => {
  // Capsule’s and Rancher’s tenants took system namespaces over.
  test('CVE-2024-39690: a project owner makes it, in her project, or has it there, before anybody has an account', async () => {
    const metadata = { name: USERS_NAMESPACE, labels: { [LABEL_PROJECT]: 'blue' } };
    const request = post(NAMESPACES, { metadata });
    await enforced({ who: olga, request });
    await isStopped({ who: olga, request, guards: ['paddock-namespace-creation'] });
    // it is there since the policies were proven, before anybody has rights by a project
    await without(fleet.fleet.edge(), ['paddock-namespace-creation', 'paddock-membership'], async takeAway => {
      const isMoved = async () => {
        await takeAway();
        await moveBack(fleet, USERS_NAMESPACE, 'blue');
        return true;
      };
      await eventually(isMoved, { ...WITHIN, what: 'an administrator puts it into her project' });
      // it is in no project all the same
      isAccepted(await olga.send(post(NAMESPACES, { metadata: { ...metadata, name: 'blue-2' } })));
      await fleet.until(true, olga, 'get secrets', 'blue-2');
      expect(await olga.may('get secrets', USERS_NAMESPACE)).toBe(false);
    });
    await (await fleet.bind('alice', 'roles', [user('alice')])).condition('Ready', 'True');
    expect((await olga.send(tokenOf(ALICE))).status).toBe(403);
  });

  // The same, where somebody gave her her role there, too.
  test('CVE-2022-43755: a project owner who has her role there, too, asks for the token of an account', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'paddock:project-owner' };
    const subjects = [{ kind: 'Group', apiGroup: roleRef.apiGroup, name: 'owners' } as const];
    await fleet.downstream.create(
      RoleBindings,
      { namespace: USERS_NAMESPACE },
      { metadata: { name: 'hers' }, roleRef, subjects },
    );
    await fleet.until(true, olga, 'create serviceaccounts/token', USERS_NAMESPACE);
    const request = tokenOf(ALICE);
    await enforced({ who: olga, request });
    await isGuarded(fleet.fleet.edge(), { who: olga, request, guards: GUARDS }, async () => {
      await actsAsAlice(tokenIn(await olga.send(request)));
    });
    await fleet.downstream.delete(RoleBindings, { namespace: USERS_NAMESPACE, name: 'hers' });
  });

  test('CVE-2020-10676: somebody puts it into a project', async () => {
    await moveBack(fleet, USERS_NAMESPACE, null);
    const nell = fleet.person('nell');
    await giveEverywhere(fleet, nell, [ON_NAMESPACES]);
    await fleet.until(true, nell, 'patch namespaces');
    const request = relabel(USERS_NAMESPACE, 'blue');
    await isGuarded(fleet.fleet.edge(), { who: nell, request, guards: ['paddock-membership'] }, async () => {
      await fleet.member('blue-3', 'blue');
      await fleet.until(true, olga, 'get secrets', 'blue-3');
      expect(await olga.may('get secrets', USERS_NAMESPACE)).toBe(false);
      await moveBack(fleet, USERS_NAMESPACE, null);
    });
  });
});

describe('tokens of accounts that no access gives', () => {
  beforeAll(async () => {
    eddy = fleet.person('eddy');
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' };
    const subjects = [{ kind: 'User', apiGroup: roleRef.apiGroup, name: 'eddy' }];
    const metadata = { name: 'eddy' };
    await asAdmin(fleet.fleet.edge(), post(`${RBAC}/clusterrolebindings`, { metadata, roleRef, subjects }));
    await fleet.until(true, eddy, 'create serviceaccounts/token', USERS_NAMESPACE);
    expect((await eddy.send(ROLES)).status).toBe(403);
  });
  const attack = (request: UserRequest) => ({ who: eddy, request, guards: GUARDS });

  // Who edits everything in namespaces could be anybody who has a kubeconfig.
  test('CVE-2022-43755: an editor asks for a token that hangs on nothing', async () => {
    const request = tokenOf(ALICE);
    await isGuarded(fleet.fleet.edge(), attack(request), async () => {
      await actsAsAlice(tokenIn(await eddy.send(request)));
    });
  });

  test('CVE-2023-22647: an editor has a token without end written into a Secret', async () => {
    const annotations = { 'kubernetes.io/service-account.name': ALICE };
    const body = { metadata: { name: 'stolen', annotations }, type: 'kubernetes.io/service-account-token' };
    const request = post(core(USERS_NAMESPACE, 'secrets'), body);
    await isGuarded(fleet.fleet.edge(), attack(request), async () => {
      const path = core(USERS_NAMESPACE, 'secrets/stolen');
      const written = async () =>
        (JSON.parse((await eddy.send(get(path))).body) as { data?: { token?: string } }).data?.token;
      const token = await eventually(written, { ...WITHIN, what: 'the editor reads the token' });
      await actsAsAlice(Buffer.from(token, 'base64').toString());
      await asAdmin(fleet.fleet.edge(), remove(path));
    });
  });

  test('CVE-2023-22647: an editor runs a pod that is given a token', async () => {
    const spec = { serviceAccountName: ALICE, containers: [{ name: 'c', image: 'example.com/c' }] };
    const request = post(core(USERS_NAMESPACE, 'pods'), { metadata: { name: 'as-alice' }, spec });
    await isGuarded(fleet.fleet.edge(), attack(request));
  });
});

// It may write what policies refuse, so that dry runs as it show whether they are enforced.
describe('the account that the policies are probed as', () => {
  const PROBE = 'policy-probe';
  const guards = ['paddock-policy-probe'];
  const secret = {
    metadata: { name: 'stolen', annotations: { 'kubernetes.io/service-account.name': PROBE } },
    type: 'kubernetes.io/service-account-token',
  };
  const pod = {
    metadata: { name: 'as-probe' },
    spec: { serviceAccountName: PROBE, containers: [{ name: 'c', image: 'example.com/c' }] },
  };

  test.each<readonly [what: string, request: UserRequest]>([
    ['asks for its token', tokenRequest({ namespace: SYSTEM_NAMESPACE, account: PROBE, name: '' })],
    ['has its token written into a Secret', post(core(SYSTEM_NAMESPACE, 'secrets'), secret)],
    ['runs a pod as it', post(core(SYSTEM_NAMESPACE, 'pods'), pod)],
  ])('an editor of paddock-system %s', async (_what, request) => {
    await isGuarded(fleet.fleet.edge(), { who: eddy, request, guards });
  });

  test('who may impersonate it writes nothing by it', async () => {
    const request = as(`system:serviceaccount:${SYSTEM_NAMESPACE}:${PROBE}`, post(NAMESPACES, named('taken')));
    isRefused(await eddy.send(request), /'paddock-policy-probe'.*its requests are dry runs/);
    await without(fleet.fleet.edge(), guards, async takeAway => {
      const isMade = async () => {
        await takeAway();
        return (await eddy.send(request)).status === 201;
      };
      await eventually(isMade, { ...WITHIN, what: 'the namespace is made without the policy' });
    });
    await asAdmin(fleet.fleet.edge(), remove(`${NAMESPACES}/taken`));
  });
});

// A webhook had lost its configuration, and everything was let through.
test('CVE-2023-22651: every policy of a cluster fails closed and denies', async () => {
  const names = [
    'accounts',
    'aggregation',
    'membership',
    'namespace-creation',
    'namespace-limit',
    'namespace-limits',
    'policy-probe',
  ];
  expect(await failingClosed(fleet.fleet.edge())).toEqual(names.map(name => `paddock-${name}`));
});

describe('tokens that should have ended', () => {
  const HERE = { namespace: 'c-edge-1' };

  // A token went on working after what it belonged to was renewed, after its user was deleted or had logged out.
  test('CVE-2022-43755, CVE-2023-22650: a kubeconfig is used after its end, and after its user is bound again', async () => {
    const binding = await fleet.bind('bert', 'roles', [user('bert')]);
    const asBert = as('bert', ROLES);
    const berts = await holderOf(fleet, 'berts', { user: 'bert' });
    const unbound = await unboundHolder(fleet, 'bert');
    for (const holder of [berts, unbound]) await answers(holder, asBert, 200);

    await fleet.whileDown(async () => {
      await fleet.hub.delete(ClusterAccessResource, { ...HERE, name: 'berts' });
      expect((await berts.send(asBert)).status).toBe(200); // nobody else ends it
    });
    await answers(berts, asBert, 401);
    expect((await unbound.send(asBert)).status).toBe(200); // it hung on nothing that was deleted

    await binding.delete();
    await binding.gone();
    expect((await unbound.send(asBert)).status).not.toBe(200);
    await answers(unbound, asBert, 401);

    await (await fleet.bind('bert', 'roles', [user('bert')])).condition('Ready', 'True');
    const next = await holderOf(fleet, 'berts', { user: 'bert' });
    await answers(next, asBert, 200);
    for (const holder of [berts, unbound]) expect((await holder.send(asBert)).status).toBe(401);
    await Promise.all([berts, unbound, next].map(holder => holder.close()));
  });
});

describe('an account that was there before its person', () => {
  const LABEL = { labels: { 'paddock.dev/owner': 'Cluster.edge-1' } };
  const UID = { annotations: { 'paddock.dev/owner-uid': 'a guess' } };

  /** The token of an account that somebody makes, who then binds its person. */
  async function squat(name: string, metadata: object): Promise<TokenUser> {
    const body = { metadata: { ...metadata, name: accountName(name) } };
    await asAdmin(fleet.fleet.edge(), post(core(USERS_NAMESPACE, 'serviceaccounts'), body));
    const squatter = await unboundHolder(fleet, name);
    await fleet.bind(name, 'roles', [user(name)]);
    return squatter;
  }

  /** Whether somebody acts as this person by a token that is asked for now. */
  async function isSomebodys(name: string): Promise<boolean> {
    const holder = await unboundHolder(fleet, name);
    const { status } = await holder.send(as(name, ROLES));
    await holder.close();
    return status === 200;
  }

  // What a label said was believed. Here: on a cluster that Paddock has not reached yet, so that no policy is there.
  test('CVE-2025-55205: who made it, with our marks, has a token by which they are that person', async () => {
    const ours = await fleet.downstream.get(ServiceAccounts, { namespace: USERS_NAMESPACE, name: ALICE });
    const { labels, annotations } = ours.metadata ?? {};
    const metadata = { plain: {}, label: LABEL, uid: UID, both: { ...LABEL, ...UID }, all: { labels, annotations } };
    const squatters = new Map<string, TokenUser>();
    await fleet.whileDown(async () => {
      for (const [name, marks] of Object.entries(metadata)) squatters.set(name, await squat(name, marks));
    });

    const answered = async (name: string) => (await squatters.get(name)?.send(as(name, ROLES)))?.status;
    // made anew, the account is the person's; what bears no mark of ours stays, and is nobody's
    for (const name of ['label', 'uid', 'both']) {
      await eventually(() => isSomebodys(name), { ...WITHIN, what: `${name} has an account` });
      expect([name, await answered(name)]).toEqual([name, 401]);
    }
    await fleet.until(true, fleet.person('plain'), 'list clusterroles.rbac.authorization.k8s.io');
    expect(await answered('plain')).toBe(403);
    // with the uid of the Cluster, which nobody knows before, it is taken for ours
    await eventually(async () => (await answered('all')) === 200, { ...WITHIN, what: 'the marks are believed' });
    await Promise.all([...squatters.values()].map(squatter => squatter.close()));
  });
});
