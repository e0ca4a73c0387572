import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import type { UserRequest } from '../support/token-user.ts';
import { apply, patch, post, put } from './agent-requests.ts';
import {
  type DownstreamPeople,
  ENFORCE,
  OWN_SECURITY,
  PROJECT_UID,
  QUOTA,
  startDownstreamPeople,
} from './downstream-people.ts';
import { dryRun, isAccepted, isRefused, NAMESPACES, PUT, type Stored, WAYS } from './policy-hub.ts';

type Who = Exclude<keyof DownstreamPeople, 'cluster'>;

let people: DownstreamPeople;
beforeAll(async () => {
  people = await startDownstreamPeople();
  // an absent map has no place for a JSON patch
  await people.cluster.make(patch(`${NAMESPACES}/blue-1`, { metadata: { annotations: { team: 'blue' } } }));
}, 120_000);
afterAll(() => people?.cluster.stop());

/** What is limited: a label or an annotation, and what its refusal is about. */
const KEYS = {
  [ENFORCE]: ['labels', 'privileged'],
  'pod-security.kubernetes.io/enforce-version': ['labels', 'v1.20'],
  'pod-security.kubernetes.io/audit': ['labels', 'privileged'],
  'pod-security.kubernetes.io/warn-version': ['labels', 'latest'],
  [QUOTA]: ['annotations', '{"pods":"99"}'],
  [OWN_SECURITY]: ['annotations', '{"enforce":"privileged"}'],
  [PROJECT_UID]: ['annotations', 'forged'],
} as const;
type Key = keyof typeof KEYS;

const metadataOf = (key: Key, project?: string | null, value: string | null = KEYS[key][1]) => {
  const [part] = KEYS[key];
  const labels = project === undefined ? {} : { [LABEL_PROJECT]: project };
  return part === 'labels' ? { labels: { ...labels, [key]: value } } : { labels, annotations: { [key]: value } };
};
const change = (namespace: string) => (key: Key) => patch(`${NAMESPACES}/${namespace}`, { metadata: metadataOf(key) });
const move = (namespace: string, project: string | null) => (key: Key) =>
  patch(`${NAMESPACES}/${namespace}`, { metadata: metadataOf(key, project) });
const create = (project?: string) => (key: Key) =>
  post(NAMESPACES, { metadata: { name: 'new', ...metadataOf(key, project) } });

/** The places, each with those whom nothing but the limits keep from writing there. */
const PLACES: Readonly<Record<string, readonly [request: (key: Key) => UserRequest, who: readonly Who[]]>> = {
  'in a project': [
    change('blue-1'),
    ['nell', 'member', 'memberOfBoth', 'owner', 'both', 'securer', 'manager', 'clusterOwner'],
  ],
  'in no project': [
    change('free'),
    ['nell', 'member', 'memberOfBoth', 'owner', 'both', 'securer', 'manager', 'clusterOwner'],
  ],
  'created in a project': [
    create('blue'),
    ['member', 'memberOfBoth', 'owner', 'both', 'securer', 'manager', 'clusterOwner'],
  ],
  'created in no project': [create(), ['nell', 'manager', 'clusterOwner']],
  moved: [move('blue-1', 'red'), ['both', 'manager', 'clusterOwner']],
  attached: [move('free', 'blue'), ['manager', 'clusterOwner']],
  detached: [move('blue-1', null), ['manager', 'clusterOwner']],
  emptied: [move('blue-1', ''), ['manager', 'clusterOwner']],
};

const OWNERS: readonly Who[] = ['owner', 'both', 'securer', 'manager', 'clusterOwner'];
const SECURITY: Readonly<Record<string, readonly Who[]>> = {
  'in a project': ['securer', 'clusterOwner'],
  // whoever has rights by a project had them in a namespace that has left it, too
  'in no project': ['nell', 'clusterOwner'],
  'created in a project': ['securer', 'clusterOwner'],
  'created in no project': ['nell', 'manager', 'clusterOwner'],
};
const ALLOWED: Readonly<Record<string, (place: string) => readonly Who[]>> = {
  [QUOTA]: place => (place.endsWith('in a project') ? OWNERS : (PLACES[place]?.[1] ?? [])),
  [OWN_SECURITY]: () => ['clusterOwner'],
  [PROJECT_UID]: () => ['manager', 'clusterOwner'],
};

describe.each(Object.keys(KEYS) as Key[])('%s', key => {
  const allowed = ALLOWED[key] ?? (place => SECURITY[place] ?? ['clusterOwner']);

  test.each(Object.keys(PLACES))('%s', async place => {
    const [request, tried] = PLACES[place] ?? [change(''), []];
    const answers = tried.map(async who => [who, await people[who].send(dryRun(request(key)))] as const);
    const seen: Who[] = [];
    for (const [who, answer] of await Promise.all(answers)) {
      if (answer.status < 300) seen.push(who);
      else isRefused(answer, new RegExp(`${KEYS[key][0]}\\[${key}\\]: .*"${people[who].name}" does not`));
    }
    expect(seen).toEqual(allowed(place));
    isAccepted(await people.cluster.admin.send(dryRun(request(key))));
  });
});

describe('every way', () => {
  test.each(Object.keys(KEYS) as Key[])('%s', async key => {
    const { cluster, member, clusterOwner } = people;
    const current: Stored = await cluster.read(`${NAMESPACES}/blue-1`);
    const at = ['metadata', KEYS[key][0], key];
    for (const path of ['', '/status', '/finalize'])
      for (const [, make] of path === '/finalize' ? [PUT] : WAYS) {
        const request = make({ path: `${NAMESPACES}/blue-1${path}`, current, at, value: KEYS[key][1] });
        const answer = await member.send(dryRun(request));
        isRefused(answer, new RegExp(`\\[${key}\\]`));
        isAccepted(await clusterOwner.send(dryRun(request)));
      }
  });

  test.each(Object.keys(KEYS) as Key[])('%s is not removed either', async key => {
    const { cluster, member, clusterOwner } = people;
    await cluster.make(change('red-1')(key));
    const remove = dryRun(patch(`${NAMESPACES}/red-1`, { metadata: metadataOf(key, undefined, null) }));
    isRefused(await member.send(remove), new RegExp(`\\[${key}\\]`));
    isAccepted(await clusterOwner.send(remove));
    await cluster.make(patch(`${NAMESPACES}/red-1`, { metadata: metadataOf(key, undefined, null) }));
  });
});

// What one of our field managers applies is ours to remove: the label by which the namespace is in its project, too.
describe('a field manager of Paddock', () => {
  const MANAGERS = ['paddock-project', 'paddock-agent-project', 'paddock-project-membership'];
  const labels = { [LABEL_PROJECT]: 'blue' };
  const body = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const as = (manager: string, request: UserRequest) => ({
    ...request,
    path: request.path.replace('fieldManager=test', `fieldManager=${manager}`),
  });
  /** The object with the label in an entry of the manager's; those of a subresource are kept apart. */
  const claimed = ({ metadata, ...rest }: Stored, entry: object) => {
    const fieldsV1 = { 'f:metadata': { 'f:labels': { [`f:${LABEL_PROJECT}`]: {} } } };
    const header = { apiVersion: 'v1', time: '2025-01-01T00:00:00Z', fieldsType: 'FieldsV1' };
    return { ...rest, metadata: { ...metadata, managedFields: [{ ...header, fieldsV1, ...entry }] } };
  };
  const refusal = (manager: string) => new RegExp(`managedFields: .*field manager "${manager}"`);

  test.each(MANAGERS)('%s is not the one that a member applies by', async manager => {
    const { owner, clusterOwner, cluster } = people;
    const [made, changed] = [apply(`${NAMESPACES}/new`, body('new')), apply(`${NAMESPACES}/blue-1`, body('blue-1'))];
    for (const request of [made, changed]) {
      isRefused(await owner.send(dryRun(as(manager, request))), refusal(manager));
      isAccepted(await owner.send(dryRun(as('mine', request))));
      for (const who of [clusterOwner, cluster.admin]) isAccepted(await who.send(dryRun(as(manager, request))));
    }
  });

  test.each(MANAGERS)('%s is not written into managedFields', async manager => {
    const { owner, clusterOwner, cluster } = people;
    const stored = await cluster.read(`${NAMESPACES}/blue-1`);
    for (const operation of ['Apply', 'Update'] as const) {
      const request = dryRun(put(`${NAMESPACES}/blue-1`, claimed(stored, { manager, operation })));
      isRefused(await owner.send(request), refusal(manager));
      isAccepted(await clusterOwner.send(request));
      // by subresources the API server keeps its own
      for (const subresource of ['status', 'finalize']) {
        const claim = claimed(stored, { manager, operation, subresource });
        const { body } = await owner.send(dryRun(put(`${NAMESPACES}/blue-1/${subresource}`, claim)));
        expect(JSON.parse(body)).toMatchObject({ kind: 'Namespace', metadata: { name: 'blue-1' } });
        expect(body).not.toContain(`"${manager}"`);
      }
    }
  });

  test('keeps nobody from changing what it applied', async () => {
    const { owner, cluster } = people;
    const metadata = { name: 'kept', labels: { ...labels, team: 'blue', tier: 'web' } };
    await cluster.make(as('paddock-project', apply(`${NAMESPACES}/kept`, { ...body('kept'), metadata })));
    const stored = await cluster.read(`${NAMESPACES}/kept`);
    for (const team of ['mine', null])
      isAccepted(await owner.send(dryRun(patch(`${NAMESPACES}/kept`, { metadata: { labels: { team, other: 'x' } } }))));
    const added = { ...stored, metadata: { ...stored.metadata, labels: { ...metadata.labels, other: 'x' } } };
    for (const path of ['', '/status', '/finalize'])
      isAccepted(await owner.send(dryRun(put(`${NAMESPACES}/kept${path}`, added))));
  });
});

test('a namespace of very many labels and managers is still Kubernetes’ to end, and ours to limit', async () => {
  const { cluster, nell } = people;
  const labels = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`l${index}`, '']));
  const managedFields = Array.from({ length: 2_000 }, (_, index) => ({
    manager: `m${index}`,
    operation: 'Apply',
    apiVersion: 'v1',
    time: '2025-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {},
  }));
  const stored = await cluster.make(post(NAMESPACES, { metadata: { name: 'large' } }));
  await cluster.make(
    put(`${NAMESPACES}/large`, {
      ...stored,
      metadata: { ...stored.metadata, labels: { ...labels, [LABEL_PROJECT]: 'blue' }, managedFields },
    }),
  );
  isAccepted(await people.clusterOwner.send(dryRun(change('large')(ENFORCE))));
  const finalized = await cluster.read(`${NAMESPACES}/large`);
  isAccepted(await nell.send(dryRun(put(`${NAMESPACES}/large/finalize`, { ...finalized, spec: { finalizers: [] } }))));
});
