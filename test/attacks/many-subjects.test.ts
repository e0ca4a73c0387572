import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RoleTemplateBindingResource } from '#api';
import { findCondition, type Key } from '#runtime';
import { MOST_SUBJECTS } from '../../operators/rbac/subject-bounds.ts';
import { paddock, patch, post } from '../integration/agent-requests.ts';
import { AccessFleet, group, user } from '../support/access-fleet.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { asAdmin } from './guard.ts';

const WITHIN = { timeoutMs: 60_000 };
const HOME = 'p-edge-1--payments';
const BINDINGS = paddock(HOME, 'roletemplatebindings');
/** The most that one binding names. */
const MOST = 500;

let fleet: AccessFleet;
/** Owns project payments, in the hub. */
let olga: Person;
let one: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await fleet.project('payments', ['payments-1']);
  await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'payments' });
  olga = fleet.personInHub('olga');
  one = fleet.person('user-1');
  const may = () => olga.may('create roletemplatebindings.paddock.dev', HOME);
  await eventually(may, { ...WITHIN, what: 'olga may bind people' });
}, 120_000);

afterAll(() => fleet?.stop());

type Subjects = ReturnType<typeof user>[];

async function binds(name: string, subjects: Subjects): Promise<Key> {
  const scope = { project: { cluster: 'edge-1', name: 'payments' } };
  const spec = { roleTemplateName: 'project-read-only', subjects, scope };
  const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding' };
  expect((await olga.send(post(BINDINGS, { ...type, metadata: { name }, spec }))).status).toBe(201);
  return { namespace: HOME, name };
}

const ready = async (key: Key, expected: object) =>
  await eventuallyPasses(
    async () => {
      const { status } = await fleet.hub.get(RoleTemplateBindingResource, key);
      expect(findCondition(status?.conditions, 'Ready')).toMatchObject(expected);
    },
    { ...WITHIN, what: `${key.name} is as expected` },
  );

/** Accounts of people on the cluster, olga's among them. */
async function accounts(): Promise<number> {
  const path = '/api/v1/namespaces/paddock-users/serviceaccounts?labelSelector=paddock.dev/owner';
  const { items } = (await asAdmin(fleet.fleet.edge(), { method: 'GET', path })) as unknown as { items: unknown[] };
  return items.length;
}

// Each is a ServiceAccount, a ClusterRole and a ClusterRoleBinding, which every request to the cluster is compared with.
test('a project owner names so many people that the cluster is full of their accounts', async () => {
  const many = (count: number, subject: (name: string) => Subjects[number]) =>
    Array.from({ length: count }, (_, index) => subject(`${subject === user ? 'user' : 'group'}-${index}`));
  // groups, since they have no accounts
  const full = MOST_SUBJECTS / MOST;
  for (let index = 0; index < full; index++) await binds(`groups-${index}`, many(MOST, group));
  await ready({ namespace: HOME, name: `groups-${full - 1}` }, { status: 'True' });

  const beyond = await binds('people', many(20, user));
  await ready(beyond, { status: 'False', reason: 'TooManySubjects' });
  expect(await accounts()).toBe(1);
  expect(await one.may('get pods', 'payments-1')).toBe(false);

  // a binding that is in force grows to the same end
  const grown = await olga.send(patch(`${BINDINGS}/groups-0`, { spec: { subjects: many(1, group) } }));
  expect(grown.status).toBe(200);
  await ready(beyond, { status: 'True' });
  await fleet.until(true, one, 'get pods', 'payments-1');
  await eventually(async () => (await accounts()) === 21, { ...WITHIN, what: 'those who fit have their accounts' });
  const people = { spec: { subjects: many(MOST, user) } };
  expect((await olga.send(patch(`${BINDINGS}/people`, people))).status).toBe(200);
  await ready(beyond, { status: 'False', reason: 'TooManySubjects' });
  expect(await accounts()).toBe(21);
  await fleet.until(true, one, 'get pods', 'payments-1'); // who had it keeps it
});

// Bindings by those who answer for the cluster are theirs to count.
test('a binding in the namespace of the cluster does not count', async () => {
  const binding = await fleet.bind('more', 'project-read-only', [user('user-600')], { project: 'payments' });
  await binding.condition('Ready', 'True');
});
