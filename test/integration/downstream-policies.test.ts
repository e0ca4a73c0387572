import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { apply, get, patch, post } from './agent-requests.ts';
import { ENFORCE, relabel, startDownstreamPeople } from './downstream-people.ts';
import { dryRun, isAccepted, isRefused, NAMESPACES, type PolicyHub } from './policy-hub.ts';

let cluster: PolicyHub;
let nell: Person;
let member: Person;
let owner: Person;
let both: Person;
let clusterOwner: Person;

beforeAll(async () => {
  ({ cluster, nell, member, owner, both, clusterOwner } = await startDownstreamPeople());
}, 120_000);

afterAll(() => cluster?.stop());

// who may, by which path, is in downstream-membership.test.ts
describe('a namespace that is moved', () => {
  test.each<
    readonly [what: string, who: () => Person, namespace: string, to: string | null, refused: RegExp | undefined]
  >([
    ['out of all projects by its owner', () => owner, 'blue-1', null, /project\] "blue": .*puts it into none/],
    ['out of all projects by an owner of both', () => both, 'blue-1', '', /project\] "blue": .*puts it into none/],
    ['out of all projects by the owner of all', () => clusterOwner, 'blue-1', null, undefined],
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
    ['by an admin', () => cluster.admin, 'red-1', 'blue', undefined],
  ])('%s', async (_what, who, namespace, to, refused) => {
    const answer = await who().send(dryRun(relabel(namespace, to)));
    if (refused) isRefused(answer, refused);
    else isAccepted(answer);
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
