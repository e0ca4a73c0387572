import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterResource, clusterNamespace, LABEL_CLUSTER, LABEL_PROJECT_HOME, ProjectResource } from '#api';
import { type KubeObject, Namespaces } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { createAgentCluster, manifestOf } from '../support/agents.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { type Fleet, SecretType, startFleet } from '../support/fleet.ts';
import { base64 } from '../support/objects.ts';
import { mintToken, TokenUser, type UserRequest } from '../support/token-user.ts';
import {
  asAgent,
  C_OTHER,
  C_OWN,
  core,
  FORBIDDEN,
  get,
  HIDDEN,
  held,
  leases,
  named,
  ONLY,
  OTHER,
  OWN,
  P_OWN,
  PADDOCK,
  paddock,
  patch,
  post,
  put,
  tokenRequest,
  word,
} from './agent-requests.ts';
import { ClusterFixture } from './cluster-fixture.ts';

let fleet: Fleet;
let agent: TokenUser;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 0 });
  fleet.start(['cluster']);
  for (const name of [OWN, OTHER]) await fill(name);
  agent = new TokenUser(fleet.hub, await mintToken(fleet.hub, { ...AGENT, boundTo: await secret('agent-credential') }));
  await rightsArrived(paddock(C_OWN, 'projects'));
  await rightsArrived(core(P_OWN, 'secrets'));
  await policiesEnforced();
}, 120_000);

afterAll(async () => {
  await agent?.close();
  await fleet?.stop();
});

const AGENT = { namespace: C_OWN, account: 'agent' };

/** A Cluster by agent with a project, and Secrets of a hub admin in each of its namespaces. */
async function fill(cluster: string): Promise<void> {
  const { client } = fleet.hub;
  await createAgentCluster(fleet, cluster);
  await manifestOf(fleet, cluster);
  const [c, p] = [clusterNamespace(cluster), `p-${cluster}--payments`];
  const labels = { [LABEL_CLUSTER]: cluster, [LABEL_PROJECT_HOME]: 'payments' };
  await client.create(Namespaces, {}, { metadata: { name: p, labels } });
  const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project' } as const;
  await client.create(ProjectResource, { namespace: c }, { ...type, metadata: { name: 'payments' }, spec: {} });
  const data = { content: HIDDEN };
  for (const name of ['kubeconfig', 'access-old', 'access-token-old'])
    await client.create(SecretType, { namespace: c }, { metadata: { name }, data });
  await client.create(SecretType, { namespace: p }, { metadata: { name: 'shared' }, data: { user: base64('bob') } });
}

async function rightsArrived(path: string): Promise<void> {
  await eventually(async () => (await agent.send({ method: 'GET', path })).status === 200, {
    timeoutMs: 20_000,
    what: `the agent may GET ${path}`,
  });
}

/** The API server needs a moment for policies that were just made; nothing is left of what it lets through meanwhile. */
async function policiesEnforced(): Promise<void> {
  const inVain = [
    put(core(C_OWN, 'secrets/kubeconfig?dryRun=All'), named('kubeconfig')),
    post(`${leases(C_OWN)}?dryRun=All`, held('registration-any')),
    post(`${leases(C_OWN)}?dryRun=All`, named('any')),
    tokenRequest({}),
  ];
  for (const request of inVain)
    await eventually(async () => (await agent.send(request)).status === 422, {
      timeoutMs: 20_000,
      what: `a policy refuses ${request.path}`,
    });
}

const secret = async (name: string, namespace = C_OWN) => await fleet.hub.client.get(SecretType, { namespace, name });

/** What looks like a token is put into a Secret that somebody made for it. */
function withToken() {
  return { ...named('access-token-old'), type: 'Opaque', data: { token: base64('eyJhbGciOiJSUzI1NiJ9.e30.c2ln') } };
}

describe('an agent may', () => {
  test.each<readonly [what: string, request: UserRequest, status: number]>([
    ['read its Cluster', get(`${PADDOCK}/clusters/${OWN}`), 200],
    ['list its Cluster by name', get(`${PADDOCK}/clusters?${ONLY(OWN)}`), 200],
    ['watch its Cluster by name', get(`${PADDOCK}/clusters?watch=true&timeoutSeconds=1&${ONLY(OWN)}`), 200],
    ['say something of its Cluster', word(`${PADDOCK}/clusters/${OWN}/status`, { version: 'v1' }), 200],
    ['list its Projects', get(paddock(C_OWN, 'projects')), 200],
    ['watch its Projects', get(paddock(C_OWN, 'projects?watch=true&timeoutSeconds=1')), 200],
    ['say something of a Project', word(paddock(C_OWN, 'projects/payments/status'), {}), 200],
    ['put a token into a Secret access-token-*', put(core(C_OWN, 'secrets/access-token-old'), withToken()), 200],
    ['create a Lease', post(asAgent(leases(C_OWN)), named('engagement')), 201],
    ['patch a Lease', patch(asAgent(`${leases(C_OWN)}/engagement`), { spec: { holderIdentity: 'me' } }), 200],
    ['list its Leases', get(leases(C_OWN)), 200],
    ['list the Secrets of a project', get(core(P_OWN, 'secrets')), 200],
    ['list the ConfigMaps of a project', get(core(P_OWN, 'configmaps')), 200],
  ])('%s', async (_what, request, status) => {
    const answer = await agent.send(request);

    expect(answer).toMatchObject({ status });
  });

  test('read RoleTemplates, as soon as there are any', async () => {
    const { status } = await agent.send(get(`${PADDOCK}/roletemplates`));

    expect([200, 404]).toContain(status); // the hub does not know the kind otherwise
  });

  test('record an Event in its namespace', async () => {
    const about = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', namespace: C_OWN, name: 'payments' };
    const now = { eventTime: new Date().toISOString().replace('Z', '000Z'), type: 'Normal' };
    const by = { reportingController: 'paddock.dev/agent', reportingInstance: 'a', action: 'Test', reason: 'Test' };
    const body = { ...named('agent-0'), ...now, ...by, regarding: about, note: 'a test' };

    expect(await agent.send(post(asAgent(`/apis/events.k8s.io/v1/namespaces/${C_OWN}/events`), body))).toMatchObject({
      status: 201,
    });
  });

  test('ask for its next token, bound to agent-credential, for 168 h', async () => {
    const { metadata } = await secret('agent-credential');

    expect(await agent.send(tokenRequest({ seconds: 604_800, uid: metadata?.uid }))).toMatchObject({ status: 201 });
  });
});

const hidden = () => ({ ...named('access-token-old'), data: { token: HIDDEN } });

/** Refused by a policy, where RBAC knows too little. */
const AGAINST_POLICY: readonly (readonly [what: string, request: () => UserRequest, message: RegExp])[] = [
  [
    'replace a kubeconfig',
    () => put(core(C_OWN, 'secrets/kubeconfig'), named('kubeconfig')),
    /begins with access-token-/,
  ],
  ['replace its registration', () => put(core(C_OWN, 'secrets/registration'), named('registration')), /access-token-/],
  [
    'replace a kubeconfig of a person',
    () => put(core(C_OWN, 'secrets/access-old'), named('access-old')),
    /access-token-/,
  ],
  [
    'put something else into the Secret',
    () => put(core(C_OWN, 'secrets/access-token-old'), hidden()),
    /JSON Web Token/,
  ],
  [
    'put a finalizer on the Secret',
    () => put(core(C_OWN, 'secrets/access-token-old'), { ...withToken(), ...held('access-token-old') }),
    /metadata\.finalizers/,
  ],
  [
    'create a Lease of another name',
    () => post(asAgent(leases(C_OWN)), named('mine')),
    /heartbeat, engagement and registration-/,
  ],
  [
    'tell of the use of a manifest that is not the last one',
    () => post(asAgent(leases(C_OWN)), named('registration-mine')),
    /of the manifest that was issued last, not registration-mine/,
  ],
  ['create a Lease with a finalizer', () => post(asAgent(leases(C_OWN)), held('heartbeat')), /metadata\.finalizers: /],
  [
    'put a finalizer on a Lease',
    () => patch(asAgent(`${leases(C_OWN)}/engagement`), held('engagement')),
    /metadata\.finalizers: /,
  ],
  [
    'take a Lease for years',
    () => patch(asAgent(`${leases(C_OWN)}/engagement`), { spec: { leaseDurationSeconds: 2_147_483_647 } }),
    /spec\.leaseDurationSeconds 2147483647: .* at most 60 seconds/,
  ],
  [
    'bring the counter of a Lease to its end',
    () => patch(asAgent(`${leases(C_OWN)}/engagement`), { spec: { leaseTransitions: 2_147_483_647 } }),
    /spec\.leaseTransitions 2147483647: .* by one/,
  ],
  [
    'write a Lease as another field manager',
    () => patch(`${leases(C_OWN)}/engagement?fieldManager=m1`, { spec: { holderIdentity: 'me' } }),
    /fieldManager: an agent writes a Lease as/,
  ],
  [
    'write a status as another field manager',
    () => word(paddock(C_OWN, 'projects/payments/status'), { namespaces: { total: 1 } }, 'm1'),
    /fieldManager: .* only as paddock-agent-project/,
  ],
  [
    'write a status by patch',
    () =>
      patch(paddock(C_OWN, 'projects/payments/status?fieldManager=paddock-agent-project'), {
        status: { namespaces: { total: 1 } },
      }),
    /only by server-side apply/,
  ],
  ['ask for a token bound to nothing', () => tokenRequest({ name: '' }), /must be bound/],
  ['ask for a token bound without a uid', () => tokenRequest({}), /must be bound/],
  [
    'ask for a token bound to another Secret',
    () => tokenRequest({ name: 'access-old', uid: uids['access-old'] }),
    /must be bound/,
  ],
  [
    'ask for a token of more than 168 h',
    () => tokenRequest({ seconds: 604_801, uid: uids['agent-credential'] }),
    /168 h/,
  ],
];

let uids: Readonly<Record<string, string | undefined>> = {};

describe('an agent may not', () => {
  beforeAll(async () => {
    const known = await Promise.all(['access-old', 'agent-credential'].map(name => secret(name)));
    uids = Object.fromEntries(known.map(({ metadata }) => [metadata?.name, metadata?.uid]));
  });

  test.each(FORBIDDEN)('%s', async (_what, request) => {
    const { status, body } = await agent.send(request);

    expect(body).not.toContain(HIDDEN);
    expect({ status, body }).toMatchObject({ status: 403, body: expect.stringContaining('is forbidden') });
  });

  test.each(AGAINST_POLICY)('%s', async (_what, request, message) => {
    const { status, body } = await agent.send(request());

    expect(body).not.toContain(HIDDEN);
    expect({ status, body }).toMatchObject({ status: 422, body: expect.stringMatching(message) });
    expect(body).toContain('ValidatingAdmissionPolicy');
  });

  test('create a Secret by replacing none', async () => {
    const none = named('access-token-none');

    expect(await agent.send(put(core(C_OWN, 'secrets/access-token-none'), none))).toMatchObject({ status: 404 });
  });

  test('ask for a token bound to an agent-credential that is no more', async () => {
    const gone = '00000000-0000-4000-8000-000000000000';

    expect(await agent.send(tokenRequest({ uid: gone }))).toMatchObject({ status: 409 });
  });

  test('change spec or finalizers by way of the status', async () => {
    const key = { namespace: C_OWN, name: 'payments' };
    const { spec, metadata } = await fleet.hub.client.get(ProjectResource, key);
    const cluster = await fleet.hub.client.get(ClusterResource, { name: OWN });
    const sneaky = { metadata: { finalizers: ['a.example/b'], labels: { a: 'b' } }, spec: { displayName: 'x' } };

    const saying = (path: string, status: object) => {
      const request = word(path, status);
      const { metadata } = request.body as { metadata: object };
      return { ...request, body: { ...request.body, ...sneaky, metadata: { ...metadata, ...sneaky.metadata } } };
    };
    await agent.send(saying(paddock(C_OWN, 'projects/payments/status'), {}));
    await agent.send(saying(`${PADDOCK}/clusters/${OWN}/status`, { version: 'v2' }));

    const after = await fleet.hub.client.get(ProjectResource, key);
    expect(after.spec).toEqual(spec);
    expect([after.metadata.finalizers, after.metadata.labels]).toEqual([metadata.finalizers, metadata.labels]);
    const same = await fleet.hub.client.get(ClusterResource, { name: OWN });
    expect(same.spec).toEqual(cluster.spec);
    expect(same.metadata.finalizers).toEqual(cluster.metadata.finalizers);
  });
});

test('a namespace that only bears the labels of a project is not opened to an agent', async () => {
  const labels = { [LABEL_CLUSTER]: OWN, [LABEL_PROJECT_HOME]: 'payments' };
  await fleet.hub.client.create(Namespaces, {}, { metadata: { name: 'elsewhere', labels } });
  const later = { metadata: { name: `p-${OWN}--later`, labels: { ...labels, [LABEL_PROJECT_HOME]: 'later' } } };
  await fleet.hub.client.create(Namespaces, {}, later);
  await rightsArrived(core(`p-${OWN}--later`, 'secrets'));

  expect(await agent.send(get(core('elsewhere', 'secrets')))).toMatchObject({ status: 403 });
  await fleet.hub.client.mergePatch(
    Namespaces,
    { name: `p-${OWN}--later` },
    { metadata: { labels: { [LABEL_PROJECT_HOME]: null } } },
  );
  await eventuallyPasses(
    async () => expect(await agent.send(get(core(`p-${OWN}--later`, 'secrets')))).toMatchObject({ status: 403 }),
    { timeoutMs: 20_000, what: 'a namespace that is no project’s any more is closed to the agent' },
  );
});

test('rights that somebody changes or takes are put right, and a foreign object in their place is named', async () => {
  const { client } = fleet.hub;
  const own = { name: `paddock-agent:${OWN}` };
  await client.mergePatch(ClusterRoles, own, { rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
  const at = { namespace: C_OTHER, name: 'paddock-agent' };
  const { metadata, ...role } = await client.get<KubeObject>(RoleBindings, at);
  await client.mergePatch(RoleBindings, at, { metadata: { labels: null, annotations: null } });
  await client.delete(RoleBindings, { namespace: P_OWN, name: 'paddock-agent' });

  await eventuallyPasses(async () => expect(JSON.stringify(await client.get(ClusterRoles, own))).not.toContain('"*"'), {
    timeoutMs: 20_000,
    what: 'the ClusterRole is as it was',
  });
  await rightsArrived(core(P_OWN, 'secrets'));
  await new ClusterFixture(fleet.hub).hasEvent(OTHER, 'RegistrationConflict');
  expect((await client.get(RoleBindings, at)).metadata?.labels).toBeUndefined();
  await client.delete(RoleBindings, at);
  await eventuallyPasses(
    async () =>
      expect(await client.get(RoleBindings, at)).toMatchObject({ metadata: { labels: metadata?.labels }, ...role }),
    { timeoutMs: 90_000, what: 'the RoleBinding is made again' },
  );
}, 120_000);

test('the token of a manifest is good for a token of the agent alone', async () => {
  const boundTo = await secret('registration');
  const token = await mintToken(fleet.hub, { namespace: C_OWN, account: 'registration', boundTo });
  const bearer = new TokenUser(fleet.hub, token);
  try {
    const uid = uids['agent-credential'];
    expect(await bearer.send(tokenRequest({ uid }))).toMatchObject({ status: 201 });
    const refused = [
      get(`${PADDOCK}/clusters/${OWN}`),
      get(core(C_OWN, 'secrets/registration')),
      get(core(P_OWN, 'secrets')),
      post(core(C_OWN, 'secrets'), named('access-2')),
      post(leases(C_OWN), named('heartbeat')),
      tokenRequest({ account: 'registration', name: 'registration', uid: boundTo.metadata?.uid }),
    ];
    for (const request of refused) expect(await bearer.send(request)).toMatchObject({ status: 403 });
    expect(await bearer.send(tokenRequest({ uid, seconds: 604_801 }))).toMatchObject({ status: 422 });
  } finally {
    await bearer.close();
  }
});

test('deleting agent-credential ends the agent’s token', async () => {
  await fleet.hub.client.delete(SecretType, { namespace: C_OWN, name: 'agent-credential' });

  await eventuallyPasses(
    async () => expect(await agent.send(get(`${PADDOCK}/clusters/${OWN}`))).toMatchObject({ status: 401 }),
    { timeoutMs: 60_000, what: 'the token is refused' },
  );
}, 90_000);

test('a Cluster that is connected otherwise leaves nothing of its agent', async () => {
  const { client } = fleet.hub;
  const connection = { agent: null, kubeconfig: { secretRef: { name: 'kubeconfig' } } };
  await client.mergePatch(ClusterResource, { name: OWN }, { spec: { connection } });

  const left = async () => {
    const labelSelector = `${LABEL_CLUSTER}=${OWN}`;
    const kinds = [ServiceAccounts, RoleBindings, ClusterRoles, ClusterRoleBindings];
    const lists = await Promise.all(kinds.map(kind => client.list<KubeObject>(kind, { labelSelector })));
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata?.name));
  };
  await eventuallyPasses(async () => expect(await left()).toEqual([]), { timeoutMs: 20_000, what: 'nothing is left' });
}, 60_000);
