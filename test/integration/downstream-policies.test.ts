import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { apply, get, patch, post } from './agent-requests.ts';
import {
  dryRun,
  isAccepted,
  isRefused,
  NAMESPACES,
  PolicyHub,
  PUT,
  type Rule,
  type Stored,
  WAYS,
} from './policy-hub.ts';

const MANIFESTS = fileURLToPath(new URL('../../manifests/downstream', import.meta.url));
const PATHS = ['', '/status', '/finalize'] as const;

/** Everything on namespaces by RBAC, on every path, so that only the policies refuse. */
const WRITES: Rule = {
  apiGroups: [''],
  resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
  verbs: ['*'],
};

const on = (verbs: readonly string[], ...resourceNames: readonly string[]): Rule => ({
  apiGroups: ['paddock.dev'],
  resources: ['projects'],
  verbs,
  ...(resourceNames.length > 0 ? { resourceNames } : {}),
});

let cluster: PolicyHub;
/** Writes namespaces, and has nothing of Paddock's. */
let nell: Person;
/** A member of project blue. */
let member: Person;
/** An owner of project blue, and one of blue and red. */
let owner: Person;
let both: Person;
/** Of all projects. */
let clusterOwner: Person;

beforeAll(async () => {
  cluster = await PolicyHub.start();
  const { code, stderr } = await cluster.fleet.hub.controlPlane.kubectl(['apply', '--server-side', '-f', MANIFESTS]);
  if (code !== 0) throw new Error(stderr);
  [nell, member, owner, both, clusterOwner] = ['nell', 'mia', 'otto', 'bea', 'cleo'].map(name =>
    cluster.person(name),
  ) as [Person, Person, Person, Person, Person];
  for (const person of [nell, member, owner, both, clusterOwner]) await cluster.grant(person, [WRITES]);
  await cluster.grant(member, [on(['create-in-project'], 'blue', 'any')]);
  await cluster.grant(owner, [on(['create-in-project'], 'blue', 'any'), on(['manage-namespaces'], 'blue')]);
  await cluster.grant(both, [
    on(['create-in-project'], 'blue', 'red', 'any'),
    on(['manage-namespaces'], 'blue', 'red'),
  ]);
  await cluster.grant(clusterOwner, [on(['manage-namespaces', 'create-in-project', 'update-pod-security'])]);
  for (const [name, project] of [
    ['blue-1', 'blue'],
    ['red-1', 'red'],
    ['free', ''],
  ] as const)
    await cluster.namespace(name, project === '' ? {} : { [LABEL_PROJECT]: project });
  await cluster.enforced(nell, post(NAMESPACES, { metadata: { name: 'probe', labels: { [LABEL_PROJECT]: 'blue' } } }));
  await cluster.enforced(nell, relabel('blue-1', 'red'));
  await cluster.enforced(nell, patch(`${NAMESPACES}/blue-1`, { metadata: { labels: { [ENFORCE]: 'privileged' } } }));
}, 120_000);

afterAll(() => cluster?.stop());

const ENFORCE = 'pod-security.kubernetes.io/enforce';
const QUOTA = 'paddock.dev/quota';
const relabel = (namespace: string, project: string | null) =>
  patch(`${NAMESPACES}/${namespace}`, { metadata: { labels: { [LABEL_PROJECT]: project } } });

describe('a namespace that is moved', () => {
  test.each<
    readonly [what: string, who: () => Person, namespace: string, to: string | null, refused: RegExp | undefined]
  >([
    ['out of a project by somebody else', () => nell, 'blue-1', null, /project\] "blue": .*takes a namespace out/],
    ['out of a project by its member', () => member, 'blue-1', null, /project\] "blue": .*takes a namespace out/],
    ['out of a project by its owner', () => owner, 'blue-1', null, undefined],
    ['to another by the owner of the first', () => owner, 'blue-1', 'red', /project\] "red": .*puts a namespace into/],
    [
      'from another by the owner of the second',
      () => owner,
      'red-1',
      'blue',
      /project\] "red": .*takes a namespace out/,
    ],
    ['from one to another by an owner of both', () => both, 'blue-1', 'red', undefined],
    ['into a project from none by its owner', () => owner, 'free', 'blue', /"free" is in no project yet/],
    ['into a project from none by the owner of all', () => clusterOwner, 'free', 'blue', undefined],
    ['to a project that is not there, by the owner of all', () => clusterOwner, 'free', 'ghost', undefined],
    ['by an admin', () => cluster.admin, 'red-1', 'blue', undefined],
  ])('%s', async (_what, who, namespace, to, refused) => {
    const answer = await who().send(dryRun(relabel(namespace, to)));
    if (refused) isRefused(answer, refused);
    else isAccepted(answer);
  });

  describe.each(PATHS)('by namespaces%s', path => {
    test.each(path === '/finalize' ? [PUT] : WAYS)('%s: is asked about', async (_way, request) => {
      const current = await cluster.read(`${NAMESPACES}/blue-1`);
      const at = ['metadata', 'labels', LABEL_PROJECT];
      const change = { path: `${NAMESPACES}/blue-1${path}`, current, at, value: 'red' };
      isRefused(await owner.send(dryRun(request(change))), /project\] "red"/);
      isAccepted(await both.send(dryRun(request(change))));
    });
  });

  test('is not asked about where the label stays', async () => {
    isAccepted(await nell.send(dryRun(patch(`${NAMESPACES}/blue-1`, { metadata: { labels: { team: 'x' } } }))));
  });
});

describe('a namespace that is created', () => {
  const create = (metadata: object) => dryRun(post(NAMESPACES, { metadata }));
  const labelled = (project: string, rest: object = {}) =>
    create({ name: 'new', labels: { [LABEL_PROJECT]: project }, ...rest });

  test('in a project takes create-in-project there', async () => {
    for (const person of [member, owner, both, clusterOwner, cluster.admin])
      isAccepted(await person.send(labelled('blue')));
    isRefused(await nell.send(labelled('blue')), /project\] "blue": .*create-in-project.*"nell" does not/);
    isRefused(await member.send(labelled('red')), /project\] "red"/);
    isRefused(await member.send(labelled('red', { name: '', generateName: 'new-' })), /project\] "red"/);
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new', labels: { [LABEL_PROJECT]: 'red' } } };
    isRefused(await member.send(dryRun(apply(`${NAMESPACES}/new`, body))), /project\] "red"/);
  });

  test('in a project of the marker’s name takes the right on all', async () => {
    isRefused(await member.send(labelled('any')), /project\] "any"/);
    isAccepted(await clusterOwner.send(labelled('any')));
  });

  test('in no project is for those who may create namespaces for other reasons', async () => {
    for (const person of [nell, clusterOwner, cluster.admin]) isAccepted(await person.send(create({ name: 'new' })));
    for (const person of [member, owner, both])
      isRefused(await person.send(create({ name: 'new' })), /is missing: .*in projects only/);
    isRefused(await member.send(create({ name: 'new', labels: { [LABEL_PROJECT]: '' } })), /is missing/);
  });
});

describe('what holds the members of a project down', () => {
  const security = (namespace: string, value: string | null) =>
    dryRun(patch(`${NAMESPACES}/${namespace}`, { metadata: { labels: { [ENFORCE]: value } } }));
  const quota = (namespace: string) =>
    dryRun(patch(`${NAMESPACES}/${namespace}`, { metadata: { annotations: { [QUOTA]: '{"pods":"99"}' } } }));

  test('Pod Security: in a project for those with update-pod-security', async () => {
    for (const person of [nell, member, owner, both])
      isRefused(
        await person.send(security('blue-1', 'privileged')),
        /pod-security\.kubernetes\.io\/enforce\]: .*"blue"/,
      );
    for (const person of [clusterOwner, cluster.admin]) isAccepted(await person.send(security('blue-1', 'privileged')));
    isAccepted(await nell.send(security('free', 'privileged')));
  });

  test('Pod Security: removed, and changed together with a move', async () => {
    await cluster.make(patch(`${NAMESPACES}/red-1`, { metadata: { labels: { [ENFORCE]: 'baseline' } } }));
    isRefused(await both.send(security('red-1', null)), /enforce\]: .*"red"/);
    const both2 = { metadata: { labels: { [LABEL_PROJECT]: 'blue', [ENFORCE]: 'privileged' } } };
    isRefused(await both.send(dryRun(patch(`${NAMESPACES}/red-1`, both2))), /enforce\]: .*"red" and "blue"/);
    const out = { metadata: { labels: { [LABEL_PROJECT]: null, [ENFORCE]: 'privileged' } } };
    isRefused(await both.send(dryRun(patch(`${NAMESPACES}/red-1`, out))), /enforce\]: .*"red"/);
    isAccepted(await both.send(dryRun(relabel('red-1', 'blue'))));
  });

  test('Pod Security: on create', async () => {
    const labels = { [LABEL_PROJECT]: 'blue', [ENFORCE]: 'privileged' };
    const request = dryRun(post(NAMESPACES, { metadata: { name: 'new', labels } }));
    isRefused(await member.send(request), /enforce\]: .*"blue"/);
    isAccepted(await clusterOwner.send(request));
  });

  test.each(PATHS.slice(1))('Pod Security: by namespaces%s', async path => {
    const current: Stored = await cluster.read(`${NAMESPACES}/blue-1`);
    const [, request] = PUT;
    const at = ['metadata', 'labels', ENFORCE];
    const change = { path: `${NAMESPACES}/blue-1${path}`, current, at, value: 'privileged' };
    isRefused(await owner.send(dryRun(request(change))), /enforce\]/);
  });

  test('the share of the quota: for those with manage-namespaces', async () => {
    for (const person of [nell, member])
      isRefused(await person.send(quota('blue-1')), /annotations\[paddock\.dev\/quota\]: .*"blue"/);
    for (const person of [owner, both, clusterOwner]) isAccepted(await person.send(quota('blue-1')));
    isRefused(await owner.send(quota('red-1')), /quota\]: .*"red"/);
    isAccepted(await nell.send(quota('free')));
  });
});

describe('the accounts of people', () => {
  const HERE = '/api/v1/namespaces/paddock-users';
  const token = post(`${HERE}/serviceaccounts/u-1/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 600 },
  });
  const secret = (type: string) =>
    dryRun(
      post(`${HERE}/secrets`, {
        metadata: { name: 'token', annotations: { 'kubernetes.io/service-account.name': 'u-1' } },
        type,
      }),
    );
  const spec = { serviceAccountName: 'u-1', containers: [{ name: 'main', image: 'none' }] };
  const pod = dryRun(post(`${HERE}/pods`, { metadata: { name: 'one' }, spec }));
  /** Edits everything in all namespaces, and asks for tokens. */
  let editor: Person;

  beforeAll(async () => {
    editor = cluster.person('edna');
    await cluster.grant(editor, [
      { apiGroups: [''], resources: ['serviceaccounts/token', 'secrets', 'pods'], verbs: ['create'] },
    ]);
    await cluster.namespace('paddock-users');
    await cluster.make(post(`${HERE}/serviceaccounts`, { metadata: { name: 'u-1' } }));
    await cluster.enforced(editor, token);
  });

  test('have tokens by ClusterAccesses only', async () => {
    isRefused(await editor.send(token), /serviceaccounts "u-1": .*only one who holds the verb escalate.*"edna"/);
    isAccepted(await cluster.admin.send(token));
    for (const person of [editor, cluster.admin])
      isRefused(await person.send(secret('kubernetes.io/service-account-token')), /its token would never end/);
    isAccepted(await editor.send(secret('Opaque')));
  });

  test('are nobody’s to run as', async () => {
    for (const person of [editor, cluster.admin]) isRefused(await person.send(pod), /no pod runs in namespace/);
  });

  test('are held by the policy', async () => {
    await cluster.passesWithout('paddock-accounts', editor, token);
  });
});

test('Kubernetes itself ends namespaces of projects', async () => {
  await cluster.namespace('ending', { [LABEL_PROJECT]: 'blue', [ENFORCE]: 'baseline' });
  expect((await nell.send({ method: 'DELETE', path: `${NAMESPACES}/ending` })).status).toBe(200);
  await eventually(async () => (await cluster.admin.send(get(`${NAMESPACES}/ending`))).status === 404, {
    timeoutMs: 30_000,
    what: 'the namespace is gone',
  });
});

test('it is the policies that refuse', async () => {
  await cluster.passesWithout('paddock-membership', owner, relabel('blue-1', 'red'));
  const labels = { [LABEL_PROJECT]: 'red' };
  await cluster.passesWithout(
    'paddock-namespace-creation',
    member,
    post(NAMESPACES, { metadata: { name: 'new', labels } }),
  );
  const lifted = { metadata: { labels: { [ENFORCE]: 'privileged' } } };
  await cluster.passesWithout('paddock-namespace-limits', owner, patch(`${NAMESPACES}/blue-1`, lifted));
});
