import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ANNOTATION_QUOTA, LABEL_PROJECT, ProjectResource, type ProjectSpec } from '#api';
import { Namespaces } from '#runtime';
import { core, patch, post, remove } from '../integration/agent-requests.ts';
import { NAMESPACES } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { Quotas } from '../support/quotas.ts';
import { policiesOnEdge } from './guard.ts';

const WITHIN = { timeoutMs: 30_000 };
/** Each namespace gets two Pods, the project four. */
const TIGHT = { resourceQuota: { hard: { pods: '4' }, namespaceDefault: { pods: '2' } } } satisfies ProjectSpec;
/** Its namespaces get nothing by default. */
const FULL = { resourceQuota: { hard: { pods: '4' }, namespaceDefault: { pods: '0' } } } satisfies ProjectSpec;

let fleet: AccessFleet;
/** Owns all of these projects. */
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  olga = fleet.person('olga');
  for (const [name, spec] of Object.entries({ lowered: TIGHT, left: TIGHT, next: FULL, ending: TIGHT })) {
    await fleet.project(name, [], spec);
    await fleet.bind(`olga-${name}`, 'project-owner', [user('olga')], { project: name });
  }
  for (const name of ['lowered', 'left', 'next', 'ending'])
    await fleet.until(true, olga, { verb: 'manage-namespaces', group: 'paddock.dev', resource: 'projects', name });
}, 120_000);

afterAll(() => fleet?.stop());

async function creates(name: string, project: string): Promise<void> {
  const { status } = await olga.send(post(NAMESPACES, { metadata: { name, labels: { [LABEL_PROJECT]: project } } }));
  expect(status).toBe(201);
}

const aPod = (name: string, finalizers: readonly string[] = []) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, finalizers },
  spec: { containers: [{ name: 'one', image: 'none' }] },
});

/** What the namespace may have by its ResourceQuota, once that is in force. */
async function untilShare(namespace: string, pods: string): Promise<void> {
  await eventuallyPasses(
    async () => {
      const { spec, status } = await fleet.downstream.get(Quotas, { namespace, name: 'paddock' });
      expect([spec.hard?.pods, status?.hard?.pods]).toEqual([pods, pods]);
    },
    { ...WITHIN, what: `${namespace} has a share of ${pods} Pods` },
  );
}

/** A namespace with as many Pods as it may have. */
async function full(name: string, project: string, finalizers: readonly string[] = []): Promise<void> {
  await creates(name, project);
  await untilShare(name, '2');
  for (const pod of ['one', 'two'])
    await eventually(async () => (await olga.send(post(core(name, 'pods'), aPod(pod, finalizers)))).status === 201, {
      ...WITHIN,
      what: `Pod ${pod} is made`,
    });
}

const changes = (name: string, metadata: object) => olga.send(patch(`${NAMESPACES}/${name}`, { metadata }));

async function untilPromised(project: string, promised: Readonly<Record<string, string>>): Promise<void> {
  await eventuallyPasses(
    async () => {
      const { status } = await fleet.hub.get(ProjectResource, { namespace: 'c-edge-1', name: project });
      const namespaces = Object.entries(status?.quota?.namespaces ?? {});
      expect(Object.fromEntries(namespaces.map(([name, { pods }]) => [name, pods]))).toEqual(promised);
    },
    { ...WITHIN, what: `the ledger of ${project} says ${JSON.stringify(promised)}` },
  );
}

/** The Pods of the project's namespaces, and of those that it had. */
async function podsIn(...namespaces: readonly string[]): Promise<number> {
  const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
  const lists = await Promise.all(namespaces.map(namespace => fleet.downstream.list(pods, { namespace })));
  return lists.reduce((sum, { items }) => sum + items.length, 0);
}

test('a share that is lowered under what is used frees nothing of that', async () => {
  await full('lowered-1', 'lowered');
  await full('lowered-2', 'lowered');
  await creates('lowered-3', 'lowered');
  await untilShare('lowered-3', '0');

  expect((await changes('lowered-1', { annotations: { [ANNOTATION_QUOTA]: '{"pods":"0"}' } })).status).toBe(200);

  await untilShare('lowered-1', '0');
  await untilPromised('lowered', { 'lowered-1': '2', 'lowered-2': '2', 'lowered-3': '0' });
  // what is dealt out next is dealt by the same ledger
  await creates('lowered-4', 'lowered');
  await untilShare('lowered-4', '0');
  await untilPromised('lowered', { 'lowered-1': '2', 'lowered-2': '2', 'lowered-3': '0', 'lowered-4': '0' });
  await untilShare('lowered-3', '0');
  expect((await olga.send(post(core('lowered-3', 'pods'), aPod('more')))).status).toBe(403);
  expect(await podsIn('lowered-1', 'lowered-2', 'lowered-3', 'lowered-4')).toBe(4);

  for (const pod of ['one', 'two']) await olga.send(remove(core('lowered-1', `pods/${pod}`)));
  await untilPromised('lowered', { 'lowered-1': '0', 'lowered-2': '2', 'lowered-3': '2', 'lowered-4': '0' });
});

test('a namespace that moves takes along what it uses beyond its next share', async () => {
  await full('left-1', 'left');
  await full('left-2', 'left');
  await creates('left-3', 'left');
  await untilShare('left-3', '0');

  expect((await changes('left-1', { labels: { [LABEL_PROJECT]: 'next' } })).status).toBe(200);

  await untilShare('left-1', '0');
  await untilPromised('next', { 'left-1': '0' });
  const moved = Date.now();
  // longer than for what may be on its way
  await eventually(() => Date.now() - moved > 6_000, { timeoutMs: 10_000, what: 'six seconds have passed' });
  await untilPromised('left', { 'left-1': '2', 'left-2': '2', 'left-3': '0' });
  await untilShare('left-3', '0');

  for (const pod of ['one', 'two']) await olga.send(remove(core('left-1', `pods/${pod}`)));
  await untilPromised('left', { 'left-2': '2', 'left-3': '2' });
});

test('a namespace that is Terminating has its share until it is gone', async () => {
  await full('ending-1', 'ending', ['example.com/hold']);
  await full('ending-2', 'ending');
  await creates('ending-3', 'ending');
  await untilShare('ending-3', '0');

  expect((await olga.send(remove(`${NAMESPACES}/ending-1`))).status).toBe(200);

  // Kubernetes before 1.33 deletes it beside the Pods, and does not wait for these
  await fleet.downstream.delete(Quotas, { namespace: 'ending-1', name: 'paddock' });
  await creates('ending-4', 'ending');
  await untilShare('ending-4', '0');
  await untilPromised('ending', { 'ending-1': '2', 'ending-2': '2', 'ending-3': '0', 'ending-4': '0' });
  await namespaceThat(fleet.downstream, 'ending-1', ({ metadata }) =>
    expect(metadata?.deletionTimestamp).toBeDefined(),
  );
  expect(await podsIn('ending-1', 'ending-2')).toBe(4);

  const letGo = { metadata: { finalizers: null } };
  for (const pod of ['one', 'two'])
    await fleet.downstream.mergePatch(
      { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
      { namespace: 'ending-1', name: pod },
      letGo,
    );
  await eventually(async () => !(await fleet.downstream.find(Namespaces, { name: 'ending-1' })), {
    ...WITHIN,
    what: 'namespace ending-1 is gone',
  });
  await untilPromised('ending', { 'ending-2': '2', 'ending-3': '2', 'ending-4': '0' });
});
