import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { finalizer, RoleTemplateBindingResource } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import {
  type BindingObject,
  ClusterRoleBindings,
  ClusterRoles,
  RoleBindings,
} from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { AccessFleet, Binding, user } from '../support/access-fleet.ts';
import { Committed } from '../support/committed.ts';
import { eventually } from '../support/eventually.ts';

const WITHIN_MS = 500_000;
const REST_MS = 8_000;
const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}-${String(index).padStart(3, '0')}`);
const users = numbered('user', 100);
const projects = numbered('project', 10);
const templates = ['looks', 'works'];
const membersOf = (project: string) => numbered(`${project}-ns`, 20);
const NAMESPACES = projects.flatMap(membersOf).length;
/** Of one person in all projects. */
const GIVEN = projects.length * templates.length;
const BINDINGS = users.length * GIVEN;
/** One a namespace and template, whoever has it. */
const ROLE_BINDINGS = NAMESPACES * templates.length;

let fleet: AccessFleet;
let committed: Committed;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  const rules = [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }];
  for (const name of templates) await fleet.template(name, { context: 'Project', rules });
  await Promise.all(projects.map(project => fleet.project(project, membersOf(project))));
  const kinds = [RoleBindings, ClusterRoles, ClusterRoleBindings, ServiceAccounts, Namespaces];
  committed = await Committed.start(fleet.downstream, kinds);
}, 180_000);
afterAll(async () => {
  committed?.stop();
  await fleet?.stop();
});

/** For each of these persons a binding in each role in each project, all at once. */
async function bind(names: readonly string[]): Promise<void> {
  const all = names.flatMap(name =>
    projects.flatMap(project => templates.map(template => ({ name, project, template }))),
  );
  const next = all.values(); // shared by the lanes
  // taken up by an operator before, as when a cluster is connected last or restored
  const finalizers = [finalizer('rbac')];
  const lane = async () => {
    for (const { name, project, template } of next) {
      const metadata = { name: `${project}.${template}.${name}`, finalizers };
      const spec = {
        roleTemplateName: template,
        subjects: [user(name)],
        scope: { project: { cluster: 'edge-1', name: project } },
      };
      const body = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding', metadata, spec } as const;
      await fleet.hub.create(RoleTemplateBindingResource, { namespace: 'c-edge-1' }, body);
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
}

async function unbind(name: string): Promise<void> {
  const names = projects.flatMap(project => templates.map(template => `${project}.${template}.${name}`));
  const bindings = names.map(each => new Binding(fleet, { namespace: 'c-edge-1', name: each }));
  await Promise.all(bindings.map(binding => binding.delete()));
  await untilBound(BINDINGS);
}

async function untilBound(count: number): Promise<void> {
  await eventually(
    async () => {
      const { items } = await fleet.hub.list(RoleTemplateBindingResource);
      return items.length === count && items.every(({ status }) => status?.clusters?.bound === 1);
    },
    { timeoutMs: WITHIN_MS, what: `${count} bindings are in force` },
  );
}

/** Waits until nothing has been written for longer than a binding waits for its cluster. */
async function untilResting(): Promise<void> {
  for (let last = -1; last !== fleet.rbac.writes.length; await delay(REST_MS)) last = fleet.rbac.writes.length;
}

/** What was committed on the cluster while `act` ran and until all was at rest; the answers to what was asked for it; and statuses. */
async function writesDuring(act: () => Promise<void>) {
  const [running, before] = [fleet.rbac, fleet.rbac.writes.length];
  committed.take();
  await act();
  await untilResting();
  const writes = fleet.rbac.writes.slice(fleet.rbac === running ? before : 0);
  // namespaces of clusters and projects are the hub's
  const there = writes.filter(({ path }) => /\/(api|rbac[^/]*)\/v1\//.test(path) && !/\/namespaces\/[cp]-/.test(path));
  return {
    there: committed.take(),
    done: there.filter(({ status }) => status < 300).length,
    refused: there.filter(({ status }) => status >= 300).length,
    statuses: writes.filter(({ path }) => /roletemplatebindings\/.*\/status$/.test(path)).length,
  };
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((one, other) => one + other, 0);

/** Of the rbac operator: the account that policies are probed as is another's. */
const ours = async <T extends KubeObject>(type: ResourceType<T>) =>
  (await fleet.downstream.list(type, { labelSelector: 'paddock.dev/owner' })).items.filter(
    ({ metadata }) => !metadata?.name?.includes('policy-probe'),
  );

describe(`${users.length} users in ${templates.length} roles in ${projects.length} projects of ${membersOf('').length} namespaces`, () => {
  test('bound before the operator starts: one write for each object, and no object too many', async () => {
    const { there, done, refused, statuses } = await writesDuring(async () => {
      await fleet.whileDown(() => bind(users));
      await untilBound(BINDINGS);
    });

    expect(there).toEqual({
      'RoleBinding created': ROLE_BINDINGS,
      'ClusterRole created': 2 * templates.length + users.length,
      'ClusterRoleBinding created': users.length,
      'ServiceAccount created': users.length,
    });
    expect(done).toBeLessThanOrEqual(sum(there)); // less where an answer was lost
    // accounts that were begun at once each find that their namespace is missing; else what a busy server was asked twice
    expect(refused).toBeLessThan(32);
    // one that takes longer than its patience says so once
    expect(statuses).toBeGreaterThanOrEqual(BINDINGS);
    expect(statuses).toBeLessThanOrEqual(2 * BINDINGS);

    const bindings = await ours<BindingObject>(RoleBindings);
    expect(bindings).toHaveLength(ROLE_BINDINGS);
    const subjects = users.map(name => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }));
    for (const binding of bindings) expect(binding.subjects).toEqual(subjects);
    const ofTemplates = (objects: readonly KubeObject[]) =>
      objects.map(({ metadata }) => metadata?.name ?? '').filter(name => !name.startsWith('paddock-user:'));
    const roles = templates.flatMap(template => [`paddock:${template}`, `paddock:${template}:rules`]);
    expect(ofTemplates(await ours(ClusterRoles)).sort()).toEqual(roles);
    expect(ofTemplates(await ours(ClusterRoleBindings))).toEqual([]);
    expect(await ours(ServiceAccounts)).toHaveLength(users.length);
  }, 600_000);

  test('at rest, and looked at by a new operator: no write; one person more: one for each RoleBinding', async () => {
    const { writes } = fleet.rbac;
    const before = writes.length;
    await delay(REST_MS); // the rest itself is what is looked at
    expect(writes.slice(before)).toEqual([]);
    const { there, done, statuses } = await writesDuring(async () => {
      await fleet.whileDown(() => bind(['user-100']));
      // a binding is in force once every namespace of its project was looked at
      await untilBound(BINDINGS + GIVEN);
    });

    expect(there).toEqual({
      'RoleBinding changed': ROLE_BINDINGS,
      'ClusterRole created': 1,
      'ClusterRoleBinding created': 1,
      'ServiceAccount created': 1,
    });
    expect(done).toBeLessThanOrEqual(sum(there));
    expect(statuses).toBeLessThanOrEqual(2 * GIVEN); // of the new ones alone
  }, 600_000);

  test('one person less: one write for each RoleBinding', async () => {
    const { there, done } = await writesDuring(() => unbind('user-100'));

    expect(there).toEqual({
      'RoleBinding changed': ROLE_BINDINGS,
      'ClusterRole deleted': 1,
      'ClusterRoleBinding deleted': 1,
      'ServiceAccount deleted': 1,
    });
    expect(done).toBeLessThanOrEqual(sum(there));
  }, 600_000);
});
