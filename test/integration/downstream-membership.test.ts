import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import type { UserAnswer, UserRequest } from '../support/token-user.ts';
import { apply, jsonPatch, patch, post, put } from './agent-requests.ts';
import { type DownstreamPeople, startDownstreamPeople } from './downstream-people.ts';
import { dryRun, isAccepted, isRefused, NAMESPACES, type Stored } from './policy-hub.ts';

type Who = Exclude<keyof DownstreamPeople, 'cluster' | 'manager' | 'securer'>;
type Outcome = 'allowed' | 'refused' | 'forbidden';

/** Each is a namespace, the project that it is in, and the one that it is put into; `null` takes the label off. */
const CHANGES = {
  attach: ['free', 'blue'],
  'attach to a project that does not exist': ['free', 'ghost'],
  'attach again after it was emptied': ['emptied', 'blue'],
  detach: ['blue-1', null],
  empty: ['blue-1', ''],
  'empty where there is none': ['free', ''],
  'remove an empty label': ['emptied', null],
  move: ['blue-1', 'red'],
  'move back': ['red-1', 'blue'],
  'move to a project that does not exist': ['blue-1', 'ghost'],
} as const satisfies Record<string, readonly [namespace: string, project: string | null]>;
type Change = keyof typeof CHANGES;

const NOBODYS: Readonly<Record<Who, Outcome>> = {
  nobody: 'forbidden',
  clusterMember: 'forbidden',
  nell: 'refused',
  member: 'refused',
  memberOfBoth: 'refused',
  owner: 'refused',
  both: 'refused',
  clusterOwner: 'allowed',
};
const BETWEEN: Readonly<Record<Who, Outcome>> = { ...NOBODYS, both: 'allowed' };
const EXPECTED: Readonly<Record<Change, Readonly<Record<Who, Outcome>>>> = {
  attach: NOBODYS,
  'attach to a project that does not exist': NOBODYS,
  'attach again after it was emptied': NOBODYS,
  detach: NOBODYS,
  empty: NOBODYS,
  'empty where there is none': NOBODYS,
  'remove an empty label': NOBODYS,
  move: BETWEEN,
  'move back': BETWEEN,
  'move to a project that does not exist': NOBODYS,
};
const PEOPLE = Object.keys(NOBODYS) as Who[];

type Way = (path: string, current: Stored, project: string | null) => UserRequest;

const labels = (project: string | null) => ({ metadata: { labels: { [LABEL_PROJECT]: project } } });
const POINTER = `/metadata/labels/${LABEL_PROJECT.replace('/', '~1')}`;

function replacement(current: Stored, project: string | null): Stored {
  const { [LABEL_PROJECT]: _, ...others } = current.metadata.labels as Record<string, string>;
  const mine = project === null ? {} : { [LABEL_PROJECT]: project };
  return { ...current, metadata: { ...current.metadata, labels: { ...others, ...mine } } };
}

const WAYS: Readonly<Record<string, Way>> = {
  update: (path, current, project) => put(path, replacement(current, project)),
  'merge patch': (path, _current, project) => patch(path, labels(project)),
  'strategic merge patch': (path, _current, project) => ({
    ...patch(path, labels(project)),
    contentType: 'application/strategic-merge-patch+json',
  }),
  'JSON patch': (path, _current, project) =>
    jsonPatch(path, [
      project === null ? { op: 'remove', path: POINTER } : { op: 'add', path: POINTER, value: project },
    ]),
  // the labels are this field manager's, so leaving one out removes it
  apply: (path, { metadata: { name } }, project) =>
    apply(path, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: project === null ? {} : { [LABEL_PROJECT]: project } },
    }),
};
const PATHS: readonly (readonly [path: string, way: string])[] = [
  ...Object.keys(WAYS).map(way => ['', way] as const),
  ...Object.keys(WAYS).map(way => ['/status', way] as const),
  ['/finalize', 'update'],
];

function outcomeOf({ status, body }: UserAnswer): Outcome | string {
  if (status < 300) return 'allowed';
  if (status === 403) return 'forbidden';
  return status === 422 && body.includes('ValidatingAdmissionPolicy') ? 'refused' : `${status} ${body}`;
}

let people: DownstreamPeople;
const current = new Map<string, Stored>();
beforeAll(async () => {
  people = await startDownstreamPeople();
  const { cluster } = people;
  for (const [name, project] of Object.entries({ free: undefined, emptied: '', 'blue-1': 'blue', 'red-1': 'red' })) {
    const metadata = { name, labels: project === undefined ? {} : { [LABEL_PROJECT]: project } };
    await cluster.make(apply(`${NAMESPACES}/${name}`, { apiVersion: 'v1', kind: 'Namespace', metadata }));
    // the label is no longer its creator's
    const stored = await cluster.read(`${NAMESPACES}/${name}`);
    const applied = (stored.metadata.managedFields as { operation: string }[]).filter(
      ({ operation }) => operation === 'Apply',
    );
    const only = { ...stored, metadata: { ...stored.metadata, managedFields: applied } };
    current.set(name, await cluster.make(put(`${NAMESPACES}/${name}`, only)));
  }
}, 120_000);
afterAll(() => people?.cluster.stop());

describe.each(Object.keys(CHANGES) as Change[])('%s', change => {
  const [namespace, project] = CHANGES[change];

  // who applied a label by one path does not own it by another, and leaving it out there is no change
  const paths = PATHS.filter(([path, way]) => project !== null || path === '' || way !== 'apply');

  test.each(paths)('by namespaces%s, %s', async (path, way) => {
    const stored = current.get(namespace);
    const make = WAYS[way];
    if (!stored || !make) throw new Error(`${namespace} or ${way} is missing`);
    const request = dryRun(make(`${NAMESPACES}/${namespace}${path}`, stored, project));
    const outcomes = PEOPLE.map(async who => [who, outcomeOf(await people[who].send(request))] as const);
    expect(Object.fromEntries(await Promise.all(outcomes))).toEqual(EXPECTED[change]);
  });
});

describe('create', () => {
  const UNLABELLED: Readonly<Record<Who, Outcome>> = {
    ...NOBODYS,
    nell: 'allowed',
  };
  const IN_BLUE: Readonly<Record<Who, Outcome>> = {
    ...NOBODYS,
    member: 'allowed',
    memberOfBoth: 'allowed',
    owner: 'allowed',
    both: 'allowed',
  };
  const IN_RED: Readonly<Record<Who, Outcome>> = { ...NOBODYS, memberOfBoth: 'allowed', both: 'allowed' };
  const NEVER: Readonly<Record<Who, Outcome>> = { ...NOBODYS, clusterOwner: 'refused' };
  const ways: Readonly<Record<string, (name: string, labels: object) => UserRequest>> = {
    create: (name, labels) => post(NAMESPACES, { metadata: { name, labels } }),
    apply: (name, labels) =>
      apply(`${NAMESPACES}/${name}`, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }),
    'create with a generated name': (name, labels) =>
      post(NAMESPACES, { metadata: { generateName: `${name}-`, labels } }),
  };

  test.each<readonly [what: string, name: string, project: string | undefined, expected: Record<Who, Outcome>]>([
    ['in no project', 'new', undefined, UNLABELLED],
    ['with an empty label', 'new', '', UNLABELLED],
    ['in a project', 'new', 'blue', IN_BLUE],
    ['in another project', 'new', 'red', IN_RED],
    ['in a project that does not exist', 'new', 'ghost', NOBODYS],
    ['in what only marks rights', 'new', 'any', NOBODYS],
    ['in what can be no project', 'new', 'Not_A_Project', NEVER],
    ['with a name of Kubernetes', 'kube-evil', undefined, UNLABELLED],
    ['with a name of Kubernetes, in a project', 'kube-evil', 'blue', NOBODYS],
    ['with a name that begins as one', 'kubernetes', 'blue', IN_BLUE],
    ['with a name of Paddock', 'paddock-x', undefined, UNLABELLED],
    ['with a name of Paddock, in a project', 'paddock-x', 'blue', NEVER],
    ['with the name of a hub’s namespace, in a project', 'p-edge-1--blue', 'blue', NEVER],
    ['with the name of a cluster’s namespace, in a project', 'c-edge-1', 'blue', NEVER],
    ['with a name that begins as one of Paddock', 'paddocks', 'blue', IN_BLUE],
  ])('%s', async (_what, name, project, expected) => {
    for (const [way, make] of Object.entries(ways)) {
      const request = dryRun(make(name, project === undefined ? {} : { [LABEL_PROJECT]: project }));
      const outcomes = PEOPLE.map(async who => [who, outcomeOf(await people[who].send(request))] as const);
      expect([way, Object.fromEntries(await Promise.all(outcomes))]).toEqual([way, expected]);
    }
  });

  test.each(['kube-system', 'kube-public', 'kube-node-lease', 'kube-x'])('%s again, by a member', async name => {
    const body = { metadata: { name, labels: { [LABEL_PROJECT]: 'blue' } } };
    const answer = await people.member.send(dryRun(post(NAMESPACES, body)));
    if (answer.status !== 409) isRefused(answer, new RegExp(`metadata.name "${name}": .*reserved for Kubernetes`));
    expect(answer.status).toBe(name === 'kube-x' ? 422 : answer.status);
  });

  test.each(['KUBE-evil', 'Kube-evil', 'ｋube-evil', 'kube‐evil'])('no name is %s', async name => {
    const answer = await people.member.send(
      dryRun(post(NAMESPACES, { metadata: { name, labels: { [LABEL_PROJECT]: 'blue' } } })),
    );
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('a lowercase RFC 1123 label');
  });
});

describe('a namespace with a name of Paddock', () => {
  const NAMES = ['c-edge-1', 'p-edge-1--blue', 'paddock-x'];
  beforeAll(async () => {
    for (const name of NAMES) await people.cluster.namespace(name);
  });

  test.each(NAMES)('%s is put into no project, whoever does it', async name => {
    const stored = await people.cluster.read(`${NAMESPACES}/${name}`);
    for (const [path, way] of PATHS)
      for (const who of [people.clusterOwner, people.cluster.admin, people.nell]) {
        const request = WAYS[way]?.(`${NAMESPACES}/${name}${path}`, stored, 'blue') ?? { method: 'GET', path: '' };
        isRefused(await who.send(dryRun(request)), /project\] "blue": .*reserved for Paddock/);
      }
  });

  test('that was labelled before the policies were there goes on, and out', async () => {
    const { cluster, clusterOwner, both } = people;
    const policy = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/paddock-namespace-creation';
    const binding = await cluster.read(policy);
    await cluster.make({ method: 'DELETE', path: policy });
    const early = post(NAMESPACES, { metadata: { name: 'paddock-early', labels: { [LABEL_PROJECT]: 'blue' } } });
    await cluster.eventuallyAccepted(cluster.admin, early);
    const { name } = binding.metadata;
    await cluster.make(post(policy.slice(0, policy.lastIndexOf('/')), { ...binding, metadata: { name } }));

    const labelled = patch(`${NAMESPACES}/paddock-early`, { metadata: { labels: { team: 'x' } } });
    isAccepted(await people.nell.send(dryRun(labelled)));
    isRefused(await clusterOwner.send(dryRun(patch(`${NAMESPACES}/paddock-early`, labels('red')))), /reserved/);
    isRefused(await both.send(dryRun(patch(`${NAMESPACES}/paddock-early`, labels(null)))), /puts it into none/);
    isAccepted(await clusterOwner.send(dryRun(patch(`${NAMESPACES}/paddock-early`, labels(null)))));
    await cluster.enforced(
      people.nell,
      post(NAMESPACES, { metadata: { name: 'n', labels: { [LABEL_PROJECT]: 'a' } } }),
    );
  });
});

test('a label that can be no project’s name is refused with the rule', async () => {
  const { cluster, clusterOwner } = people;
  for (const value of ['Blue', 'a_b', 'a.b', 'a--b', 'x'.repeat(31)])
    for (const namespace of ['free', 'blue-1'])
      for (const who of [clusterOwner, cluster.admin])
        isRefused(
          await who.send(dryRun(patch(`${NAMESPACES}/${namespace}`, labels(value)))),
          /must be the name of a project: a DNS label of at most 30 characters/,
        );
  isAccepted(await clusterOwner.send(dryRun(patch(`${NAMESPACES}/free`, labels('x'.repeat(30))))));
});

test('what is not the label is no matter of the policy', async () => {
  const { nell } = people;
  isAccepted(await nell.send(dryRun(patch(`${NAMESPACES}/blue-1`, { metadata: { labels: { team: 'x' } } }))));
});
