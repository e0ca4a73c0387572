import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { core, get, jsonPatch, leases, named, post, put, remove, tokenRequest } from '../integration/agent-requests.ts';
import {
  aBinding,
  anObject,
  bindingsIn,
  dryRun,
  isAccepted,
  mayImpersonate,
  onPaddock,
  WAYS,
} from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import { base64 } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import { mintToken, TokenUser, type UserRequest } from '../support/token-user.ts';
import { type Attacker, adminOf, answerTo, asAdmin, enforced, isGuarded } from './guard.ts';
import { BLUE, C, PeopledHub } from './peopled-hub.ts';

const WITHIN = { timeoutMs: 60_000 };
const AGENT = { namespace: C, account: 'agent' };
const ACCESSES = `/apis/paddock.dev/v1alpha1/namespaces/${C}/clusteraccesses`;

let hub: PeopledHub;
/** Owns edge-1, and is in group dev. */
let cora: Person;
/** Owns project blue of edge-1. */
let olga: Person;
/** What edge-1’s agent is to the hub, with the rights that the cluster operator gives it. */
let agent: Person;

beforeAll(async () => {
  hub = await PeopledHub.start();
  const { policies, site } = hub;
  cora = await hub.bound(policies.person('cora', ['dev']), 'cluster-owner', 'create clusteraccesses.paddock.dev');
  olga = await hub.bound(policies.person('olga'), 'project-owner', 'create secrets', { project: 'blue' });
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${C}`, 'system:authenticated'];
  agent = policies.person(`system:serviceaccount:${C}:agent`, groups);
  await site.client.create(ServiceAccounts, { namespace: C }, { metadata: { name: 'agent' } });
  await site.client.create(SecretType, { namespace: C }, { metadata: { name: 'agent-credential' } });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'paddock-agent' };
  const subjects = [{ kind: 'ServiceAccount', name: 'agent', namespace: C } as const];
  await site.client.create(RoleBindings, { namespace: C }, { metadata: { name: 'agent' }, roleRef, subjects });
  await hub.until(true, agent, 'update secrets', C);
  await site.client.create(SecretType, { namespace: C }, { metadata: { name: 'edge-1' } });
  await enforced({ who: olga, request: post(core(BLUE, 'secrets'), accountToken('default')) });
  await enforced({ who: cora, request: accessFor('an-admin') });
  await enforced({ who: agent, request: put(core(C, 'secrets/edge-1'), named('edge-1')) });
  await enforced({ who: agent, request: unbound });
}, 180_000);

afterAll(() => hub?.stop());

function accountToken(account: string) {
  const annotations = { 'kubernetes.io/service-account.name': account };
  return { metadata: { name: 'stolen', annotations }, type: 'kubernetes.io/service-account-token' };
}
const unbound = tokenRequest({ namespace: C, name: '' });
const accessFor = (user: string, more: object = {}) =>
  post(ACCESSES, anObject('ClusterAccess', { name: 'mine' }, { user, ...more }));

describe('tokens of service accounts', () => {
  // Rights on a Secret outlived it, and whoever made it again had Kubernetes write a service account’s token into it.
  test('CVE-2023-22647: a project owner has the token of a service account written into a Secret', async () => {
    const request = post(core(BLUE, 'secrets'), accountToken('default'));
    const guards = ['paddock-service-account-tokens'];
    await isGuarded(hub.site, { who: olga, request, guards }, async () => {
      const path = core(BLUE, 'secrets/stolen');
      await eventually(async () => JSON.parse((await olga.send(get(path))).body).data?.token !== undefined, {
        ...WITHIN,
        what: 'the owner reads the token',
      });
      await asAdmin(hub.site, remove(path));
    });
  });

  // The token by which a cluster was reached could be guessed, and went on working after it was renewed.
  test('CVE-2022-43755: a token of an agent outlives the credential that it came with', async () => {
    const credential = await hub.site.client.get(SecretType, { namespace: C, name: 'agent-credential' });
    const bound = new TokenUser(hub.site, await mintToken(hub.site, { ...AGENT, boundTo: credential }));
    let kept: TokenUser | undefined;
    await isGuarded(hub.site, { who: agent, request: unbound, guards: ['paddock-agent-tokens'] }, async () => {
      const { status } = (await agent.send(unbound).then(({ body }) => JSON.parse(body))) as {
        status: { token: string };
      };
      kept = new TokenUser(hub.site, status.token);
    });
    for (const user of [bound, kept]) expect((await user?.send(get(leases(C))))?.status).toBe(200);

    await hub.site.client.delete(SecretType, { namespace: C, name: 'agent-credential' });

    const ended = async () => (await bound.send(get(leases(C)))).status === 401;
    await eventually(ended, { ...WITHIN, what: 'the bound token ends' });
    expect((await kept?.send(get(leases(C))))?.status).toBe(200);
    await Promise.all([bound, kept].map(user => user?.close()));
  });
});

describe('what an agent may', () => {
  // Fleet’s agents and controllers acted with all rights, and so did whoever had one of them act.
  test('CVE-2026-94290: an agent replaces the credentials of its cluster with its own', async () => {
    const ours = { ...named('edge-1'), data: { kubeconfig: base64('of the agent’s making') } };
    const request = put(core(C, 'secrets/edge-1'), ours);
    await isGuarded(hub.site, { who: agent, request, guards: ['paddock-agent-secrets'] }, async () => {
      const stored = await hub.site.client.get(SecretType, { namespace: C, name: 'edge-1' });
      expect(stored.data).toEqual(ours.data);
    });
  });

  test('CVE-2026-88808: an agent gives somebody a role', async () => {
    const subjects = [{ kind: 'User', name: 'eve' }];
    const body = aBinding('cluster-owner', { cluster: { name: 'edge-1' } }, { name: 'by-agent', subjects });
    const request = post(`${bindingsIn(C)}?dryRun=All`, body);
    expect((await agent.send(request)).status).toBe(403);

    await hub.policies.grant(agent, [onPaddock(['roletemplatebindings'], ['create'])], C);
    expect((await agent.send(request)).status).toBe(422);
    await hub.policies.grant(agent, [onPaddock(['roletemplates'], ['bind'])], C);
    isAccepted(await agent.send(request));
  });
});

describe('to be somebody else', () => {
  /** What the hub answers one who says in a header that they are somebody else. */
  const as = async (person: Person, headers: Readonly<Record<string, string>>, { method, path }: UserRequest) =>
    (await person.client.transport.request({ method, path, headers })).status;

  // Rancher passed on impersonation headers that a user had written, with the rights of its own account.
  test('CVE-2021-31999: a cluster owner writes an administrator’s name into a header', async () => {
    const ivan = await hub.bound(hub.policies.person('ivan'), 'cluster-owner', 'create plans.paddock.dev');
    const headers = { 'impersonate-user': 'an-admin', 'impersonate-group': 'system:masters' };
    const secrets = get(core(C, 'secrets'));
    expect(await as(ivan, headers, secrets)).toBe(403);

    await hub.policies.grant(ivan, [mayImpersonate('users', 'groups')]);
    expect(await as(ivan, headers, secrets)).toBe(200);
  });

  // Any user could be any other by Rancher’s own credential. Here a ClusterAccess is what acts as somebody.
  test.each<readonly [what: string, request: UserRequest]>([
    ['somebody else', accessFor('an-admin')],
    ['themselves, with a group that they are not in', accessFor('cora', { groups: ['ops'] })],
  ])('CVE-2021-36776: a cluster owner asks for a kubeconfig that acts as %s', async (_what, request) => {
    await isGuarded(hub.site, { who: cora, request, guards: ['paddock-cluster-access'] });
  });
});

describe('what a ClusterAccess may say', () => {
  const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusteraccesses.paddock.dev';
  const SPEC = '/spec/versions/0/schema/openAPIV3Schema/properties/spec';

  /** The definition refuses it; without its rules at this place it is accepted. */
  async function isRuled(who: Attacker, make: () => Promise<UserRequest>, at: string, message: string): Promise<void> {
    const path = `${SPEC}${at}/x-kubernetes-validations`;
    const definition = await asAdmin(hub.site, get(CRD));
    const value = path
      .split('/')
      .slice(1)
      .reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), definition);
    const refused = { status: 422, body: expect.stringContaining(message) };
    expect(await answerTo(who, make)).toMatchObject(refused);
    await asAdmin(hub.site, jsonPatch(CRD, [{ op: 'remove', path }]));
    const accepted = async () => (await answerTo(who, make)).status < 300;
    await eventually(accepted, { ...WITHIN, what: `it is accepted without the rules of spec${at}` });
    await asAdmin(hub.site, jsonPatch(CRD, [{ op: 'add', path, value }]));
    const stands = async () => (await answerTo(who, make)).status === 422;
    await eventually(stands, { ...WITHIN, what: 'the rules stand again' });
  }
  const asked = (spec: object) => dryRun(accessFor('cora', spec));

  // Tokens stayed good when their user had left a group, or was deleted from the directory.
  test('GHSA-c45c-39f6-6gw9, CVE-2023-22648: that it keeps groups for longer than a day', async () => {
    isAccepted(await cora.send(asked({ groups: ['dev'], ttl: '24h' })));
    const longer = asked({ groups: ['dev'], ttl: '48h' });
    await isRuled(cora, async () => longer, '', 'must be at most 24h where groups are given');
  });

  test('CVE-2023-22650: that it hardly ends', async () => {
    isAccepted(await cora.send(asked({ ttl: '720h' })));
    await isRuled(cora, async () => asked({ ttl: '8760h' }), '/properties/ttl', 'from 10m to 720h');
  });

  // One’s own credential was turned into another’s. The policy asks when an access is made; later nothing can change.
  describe.each([
    ['user', ['spec', 'user'], 'an-admin'],
    ['groups', ['spec', 'groups'], ['ops']],
  ] as const)('CVE-2021-36776: later, that it is of another %s', (_what, at, value) => {
    test.each(WAYS)('CVE-2021-36776: by %s', async (_way, request) => {
      const path = `${ACCESSES}/own`;
      await asAdmin(hub.site, post(ACCESSES, anObject('ClusterAccess', { name: 'own' }, { user: 'cora' })), 409);
      const change = async () => {
        const { metadata, ...rest } = await asAdmin(hub.site, get(path));
        const { managedFields: _, ...kept } = metadata;
        return dryRun(request({ path, current: { ...rest, metadata: kept }, at, value }));
      };
      await isRuled(cora, change, '', "can't be changed");
    });
  });

  // Names of Kubernetes itself, also by one who may impersonate anybody.
  test.each([
    ['user', { user: 'system:admin' }, '/properties/user'],
    ['user', { user: 'system:serviceaccount:kube-system:default' }, '/properties/user'],
    ['group', { user: 'cora', groups: ['system:masters'] }, '/properties/groups/items'],
  ])('CVE-2021-36776: that it is for a %s of Kubernetes: %j', async (_what, { user, ...more }, at) => {
    await isRuled(adminOf(hub.site), async () => dryRun(accessFor(user, more)), at, 'must not begin with');
  });
});
