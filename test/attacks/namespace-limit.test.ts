import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_PROJECT, LABEL_SHARED, ProjectResource } from '#api';
import { findCondition, Namespaces } from '#runtime';
import { ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { post } from '../integration/agent-requests.ts';
import { dryRun, isRefused, NAMESPACES } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { isGuarded, policiesOnEdge } from './guard.ts';
import { ENFORCE } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 20_000 };
const KEY = { namespace: 'c-edge-1', name: 'small' };
const SPEC = {
  namespaceLimit: 2,
  podSecurity: { enforce: 'baseline' },
  networkIsolation: { enabled: true },
  resourceQuota: { hard: { pods: '100' }, namespaceDefault: { pods: '5' } },
} as const;

let fleet: AccessFleet;
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  await fleet.project('small', [], SPEC);
  const secret = { metadata: { name: 'shared', labels: { [LABEL_SHARED]: 'true' } }, data: {} };
  await fleet.hub.create(SecretType, { namespace: 'p-edge-1--small' }, secret);
  await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'small' });
  olga = fleet.person('olga');
  await fleet.until(true, olga, 'create namespaces');
}, 120_000);

afterAll(() => fleet?.stop());

const creates = (name: string) => post(NAMESPACES, { metadata: { name, labels: { [LABEL_PROJECT]: 'small' } } });

/** What the namespace has of its project: rights, copies, then limits. */
async function given(name: string) {
  const found = await fleet.downstream.get(Namespaces, { name });
  const quota = (await fleet.downstream.find(ResourceQuotas, { namespace: name, name: 'paddock' })) as
    | { readonly spec?: { readonly hard?: Readonly<Record<string, string>> } }
    | undefined;
  return {
    rights: await olga.may('create pods', name),
    copy: (await fleet.downstream.find(SecretType, { namespace: name, name: 'shared' })) !== undefined,
    enforce: found.metadata?.labels?.[ENFORCE],
    pods: quota?.spec?.hard?.pods,
  };
}

const SERVED = { rights: true, copy: true, enforce: 'baseline', pods: '5' };
const LIMITED = { rights: false, copy: false, enforce: 'baseline', pods: '0' };

async function untilGiven(expected: Readonly<Record<string, typeof SERVED>>): Promise<void> {
  const all = async () =>
    Object.fromEntries(await Promise.all(Object.keys(expected).map(async name => [name, await given(name)])));
  await eventuallyPasses(async () => expect(await all()).toEqual(expected), {
    ...WITHIN,
    what: 'namespaces within the limit are served, and those beyond it are not',
  });
}

const ready = async () => findCondition((await fleet.hub.get(ProjectResource, KEY)).status?.conditions, 'Ready');

const limit = async (namespaceLimit: number) =>
  await fleet.hub.mergePatch(ProjectResource, KEY, { spec: { namespaceLimit } });

const untilReady = async (expected: object) =>
  await eventuallyPasses(async () => expect(await ready()).toMatchObject(expected), {
    ...WITHIN,
    what: `the Project is Ready as expected: ${JSON.stringify(expected)}`,
  });

const untilAnswered = async (status: number, timeoutMs = 20_000) =>
  await eventually(async () => (await olga.send(dryRun(creates('small-new')))).status === status, {
    timeoutMs,
    what: `the creation of another namespace is answered ${status}`,
  });

test('a project that is full takes no more', async () => {
  for (const name of ['small-1', 'small-2']) expect((await olga.send(creates(name))).status).toBe(201);
  await untilAnswered(422, 5_000);
  isRefused(
    await olga.send(creates('small-new')),
    /"small": the project has 2 namespaces, as many as its spec.namespaceLimit/,
  );
});

// A member without the right to delete has one collected as garbage; a finalizer keeps it, and all that is on it.
test('a project is as full of namespaces that are on their way out, which somebody keeps there', async () => {
  await fleet.bind('mel', 'project-member', [user('mel')], { project: 'small' });
  const mel = fleet.person('mel');
  await fleet.until(true, mel, 'create namespaces');
  await fleet.downstream.delete(Namespaces, { name: 'small-2' });
  await untilAnswered(201);
  const kept = { name: 'small-kept', labels: { [LABEL_PROJECT]: 'small' }, finalizers: ['example.com/hold'] };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Namespace', name: 'none', uid: 'none' }];
  expect((await mel.send(post(NAMESPACES, { metadata: { ...kept, ownerReferences } }))).status).toBe(201);
  const isGoing = async () => (await fleet.downstream.get(Namespaces, { name: kept.name })).metadata?.deletionTimestamp;
  await eventually(isGoing, { ...WITHIN, what: 'the namespace is collected as garbage' });
  await untilAnswered(422, 5_000);
  await fleet.downstream.mergePatch(Namespaces, { name: kept.name }, { metadata: { finalizers: null } });
  await untilAnswered(201);
  expect((await olga.send(creates('small-2'))).status).toBe(201);
  await untilAnswered(422, 5_000);
});

test('a raised limit takes one more, a lowered one takes rights and copies from the last and no limits', async () => {
  await limit(3);
  await untilAnswered(201);
  expect((await olga.send(creates('small-3'))).status).toBe(201);
  await untilGiven({ 'small-1': SERVED, 'small-2': SERVED, 'small-3': SERVED });
  await untilReady({ status: 'True' });
  await limit(1);
  await untilGiven({ 'small-1': SERVED, 'small-2': LIMITED, 'small-3': LIMITED });
  await untilReady({ status: 'False', reason: 'NamespaceLimitExceeded' });
  expect((await ready())?.message).toMatch(
    /serves 1 namespaces.*: small-2, small-3\. Delete namespaces, or raise spec/,
  );
});

test('the next in order is served when another goes', async () => {
  await fleet.downstream.delete(Namespaces, { name: 'small-1' });
  await untilGiven({ 'small-2': SERVED, 'small-3': LIMITED });
});

// Last: an API server stops to follow parameters of a kind when no policy that is bound has any, and begins no more.
test('it is the policy that refuses; what gets in without it is limited all the same', async () => {
  const attack = { who: olga, request: creates('small-4'), guards: ['paddock-namespace-limit'] };
  await isGuarded(fleet.fleet.edge(), attack, async () => {
    await untilGiven({ 'small-2': SERVED, 'small-3': LIMITED, 'small-4': LIMITED });
  });
});
