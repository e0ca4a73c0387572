import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_CLUSTER, LABEL_PROJECT, LABEL_PROJECT_HOME } from '#api';
import type { Person } from '../support/person.ts';
import { apply, get, patch, post } from './agent-requests.ts';
import {
  dryRun,
  isAccepted,
  isRefused,
  NAMESPACES,
  onPaddock,
  PolicyHub,
  PUT,
  type Stored,
  WAYS,
} from './policy-hub.ts';

const C = 'c-edge-1';

let hub: PolicyHub;
/** Writes namespaces on every path, and has nothing of Paddock's. */
let nell: Person;
/** May create Clusters besides. */
let greta: Person;
/** Our operator for projects, which has rights on namespaces of its own. */
let operator: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  await hub.namespace('own', { team: 'blue' });
  [nell, greta, operator] = [hub.person('nell'), hub.person('greta'), hub.operator('project')];
  const everyPath = {
    apiGroups: [''],
    resources: ['namespaces', 'namespaces/status', 'namespaces/finalize'],
    verbs: ['*'],
  };
  for (const person of [nell, greta, operator]) await hub.grant(person, [everyPath]);
  await hub.grant(greta, [onPaddock(['clusters'], ['create'])]);
  await hub.enforced(nell, post(NAMESPACES, { metadata: { name: 'c-probe' } }));
}, 120_000);

afterAll(() => hub?.stop());

const REFUSED =
  /are Paddock's; only one who may create clusters\.paddock\.dev makes them and changes their labels.*"nell" may not/;

describe('a namespace', () => {
  test.each<readonly [what: string, metadata: object, field: RegExp]>([
    ['named c-*', { name: 'c-new' }, /metadata\.name "c-new"/],
    ['named p-*', { name: 'p-new' }, /metadata\.name "p-new"/],
    ['named paddock-*', { name: 'paddock-new' }, /metadata\.name "paddock-new"/],
    ['given such a name by the server', { generateName: 'c-' }, /metadata\.name "c-/],
    ['given a longer one', { generateName: 'p-edge-1--' }, /metadata\.name "p-edge-1--/],
    ['labelled as a cluster’s', { name: 'new', labels: { [LABEL_CLUSTER]: 'edge-1' } }, /metadata\.labels of "new"/],
    ['labelled as a home', { name: 'new', labels: { [LABEL_PROJECT_HOME]: 'payments' } }, /metadata\.labels of "new"/],
    ['labelled with nothing', { name: 'new', labels: { [LABEL_CLUSTER]: '' } }, /metadata\.labels of "new"/],
  ])('%s is made only by one who may create Clusters, or an operator of ours', async (_what, metadata, field) => {
    const request = dryRun(post(NAMESPACES, { metadata }));

    const answer = await nell.send(request);
    isRefused(answer, field);
    isRefused(answer, REFUSED);
    for (const person of [greta, operator, hub.admin]) isAccepted(await person.send(request));
  });

  test('is not made by server-side apply either', async () => {
    for (const [name, labels] of [
      ['c-new', {}],
      ['new', { [LABEL_CLUSTER]: 'edge-1' }],
    ] as const) {
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
      isRefused(await nell.send(dryRun(apply(`${NAMESPACES}/${name}`, body))), REFUSED);
      isAccepted(await greta.send(dryRun(apply(`${NAMESPACES}/${name}`, body))));
    }
  });

  test.each<readonly [what: string, metadata: object]>([
    ['whose name only begins alike', { name: 'cnew' }],
    ['whose name contains it', { name: 'a-c-new' }],
    ['named paddock', { name: 'paddock' }],
    ['with other labels', { name: 'new', labels: { team: 'blue', 'paddock.dev/owner': 'x' } }],
    ['of a project', { name: 'new', labels: { [LABEL_PROJECT]: 'payments' } }],
    ['named by the server', { generateName: 'c' }],
  ])('%s is anybody’s', async (_what, metadata) => {
    isAccepted(await nell.send(dryRun(post(NAMESPACES, { metadata }))));
  });

  test('is not one by a service account that only sounds like an operator of ours', async () => {
    for (const name of [
      'system:serviceaccount:paddock-system:paddock-other',
      'system:serviceaccount:paddock-system:paddock-project-2',
      'system:serviceaccount:elsewhere:paddock-project',
      'x:system:serviceaccount:paddock-system:paddock-project',
    ]) {
      const impostor = hub.person(name);
      await hub.grant(impostor, [{ apiGroups: [''], resources: ['namespaces'], verbs: ['create'] }]);
      isRefused(
        await impostor.send(dryRun(post(NAMESPACES, { metadata: { name: 'c-new' } }))),
        /metadata\.name "c-new"/,
      );
    }
  });
});

/** Every path on which metadata of a namespace can be written; finalize takes nothing but PUT. */
const PATHS = [
  ...WAYS.map(way => ['', ...way] as const),
  ...WAYS.map(way => ['/status', ...way] as const),
  ['/finalize', ...PUT] as const,
];
const LABELS = ['metadata', 'labels'];

describe.each(PATHS)('namespaces%s by %s', (subresource, _what, way) => {
  const changing = async (name: string, at: readonly string[], value: unknown) => {
    const current = await hub.read(`${NAMESPACES}/${name}`);
    return dryRun(way({ path: `${NAMESPACES}/${name}${subresource}`, current, at, value }));
  };

  test.each([
    [LABEL_CLUSTER, 'edge-1'],
    [LABEL_PROJECT_HOME, 'payments'],
  ])('forging the label %s on one’s own namespace is refused', async (label, value) => {
    const request = await changing('own', [...LABELS, label], value);

    const answer = await nell.send(request);
    isRefused(answer, /metadata\.labels of "own"/);
    isRefused(answer, REFUSED);
    for (const person of [greta, operator]) isAccepted(await person.send(request));
  });

  test.each<readonly [what: string, at: readonly string[], value: unknown]>([
    ['labels', [...LABELS, 'team'], 'blue'],
    ['annotations', ['metadata', 'annotations'], { a: 'b' }],
    ['finalizers', ['metadata', 'finalizers'], ['a.example/b']],
    [
      'ownerReferences',
      ['metadata', 'ownerReferences'],
      [{ apiVersion: 'v1', kind: 'Node', name: 'none', uid: '00000000-0000-4000-8000-000000000000' }],
    ],
  ])('%s of c-<cluster> are not for one who merely writes namespaces', async (_field, at, value) => {
    const request = await changing(C, at, value);

    isRefused(await nell.send(request), /metadata\.name "c-edge-1"/);
    for (const person of [greta, operator]) isAccepted(await person.send(request));
    isAccepted(await nell.send(await changing('own', at, value)));
  });

  test('one of Paddock’s never carries paddock.dev/project, whoever writes', async () => {
    const request = await changing(C, [...LABELS, LABEL_PROJECT], 'payments');
    const refused =
      /metadata\.labels\[paddock\.dev\/project\] "payments": "c-edge-1" is one of Paddock's own.*take the label off/;

    isRefused(await nell.send(request), REFUSED);
    for (const person of [greta, operator, hub.admin]) isRefused(await person.send(request), refused);
    isAccepted(await nell.send(await changing('own', [...LABELS, LABEL_PROJECT], 'payments')));
  });

  test('what leaves metadata as it is passes', async () => {
    const { metadata } = await hub.read(`${NAMESPACES}/${C}`);

    isAccepted(await nell.send(await changing(C, LABELS, metadata.labels)));
  });
});

test('a namespace that is turned into one of Paddock’s may not be a project’s', async () => {
  await hub.namespace('member', { [LABEL_PROJECT]: 'payments' });
  const request = (labels: object) => dryRun(patch(`${NAMESPACES}/member`, { metadata: { labels } }));

  isRefused(await greta.send(request({ [LABEL_CLUSTER]: 'edge-1' })), /metadata\.labels\[paddock\.dev\/project\]/);
  isAccepted(await greta.send(request({ [LABEL_CLUSTER]: 'edge-1', [LABEL_PROJECT]: null })));
});

test('the label of c-<cluster> can’t be taken off by one who merely writes namespaces', async () => {
  await hub.namespace('labelled', { [LABEL_CLUSTER]: 'edge-1' });
  for (const name of [C, 'labelled']) {
    const request = dryRun(patch(`${NAMESPACES}/${name}`, { metadata: { labels: { [LABEL_CLUSTER]: null } } }));
    isRefused(await nell.send(request), REFUSED);
    isAccepted(await greta.send(request));
  }
});

test('it is the policy that refuses', async () => {
  const { metadata } = await hub.read(`${NAMESPACES}/own`);
  await hub.passesWithout(
    'paddock-namespaces',
    nell,
    patch(`${NAMESPACES}/own/status`, { metadata: { labels: { [LABEL_CLUSTER]: 'edge-1' } } }),
  );

  const forged = await nell.send(
    patch(`${NAMESPACES}/own/status`, { metadata: { labels: { [LABEL_CLUSTER]: 'edge-1' } } }),
  );

  isAccepted(forged); // on this path labels are really written
  const { body } = await nell.send(get(`${NAMESPACES}/own`));
  expect((JSON.parse(body) as Stored).metadata.labels).toEqual({
    ...(metadata.labels as object),
    [LABEL_CLUSTER]: 'edge-1',
  });
});
