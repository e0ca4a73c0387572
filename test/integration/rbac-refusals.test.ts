import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RoleTemplateBinding, RoleTemplateBindingResource } from '#api';
import { AccessFleet, Binding, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { get, patch, post, remove } from './agent-requests.ts';
import { deny, POLICIES, POLICY_BINDINGS } from './policy-hub.ts';

/** What is refused is tried again after half a minute at most. */
const TRIED_AGAIN = { timeoutMs: 60_000 };
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const POLICY = { name: 'hands-off' };
const reads = (resource: string) => ({ verbs: ['list'], apiGroups: [''], resources: [resource] });

let fleet: AccessFleet;
/** Administrators of the cluster and of the hub. */
let there: Person;
let here: Person;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  there = fleet.person('an-admin', ['system:masters']);
  here = fleet.personInHub('an-admin', ['system:masters']);
  await fleet.template('nodes', { context: 'Cluster', rules: [reads('nodes')] });
  await fleet.template('volumes', { context: 'Cluster', rules: [reads('persistentvolumes')] });
  const hubRules = [{ ...reads('projects'), apiGroups: ['paddock.dev'] }];
  await fleet.template('in-hub', { context: 'Cluster', rules: [reads('namespaces')], hubRules });
}, 120_000);
afterAll(() => fleet?.stop());
afterEach(async () => {
  await allow(there);
  await allow(here);
});

async function send(admin: Person, request: Parameters<Person['send']>[0]): Promise<number> {
  return (await admin.send(request)).status;
}

/** From now on nobody does this to the object of that path; resolves when the API server holds to it. */
async function refuse(admin: Person, operation: 'CREATE' | 'UPDATE' | 'DELETE', path: string) {
  const [name = '', resource = ''] = path.split('/').reverse();
  const resources = [{ apiGroups: ['rbac.authorization.k8s.io'], apiVersions: ['v1'], resources: [resource] }];
  const spec = {
    matchConstraints: { resourceRules: resources.map(rule => ({ ...rule, operations: [operation] })) },
    matchConditions: [{ name: 'it', expression: `(object != null ? object : oldObject).metadata.name == '${name}'` }],
    validations: [{ expression: 'false', message: 'the audit of the year is not over' }],
  };
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
  const refused = {
    CREATE: post(path.slice(0, path.lastIndexOf('/')), { metadata: { name }, roleRef }),
    UPDATE: patch(path, { metadata: { annotations: { looked: 'at' } } }),
    DELETE: remove(path),
  }[operation];
  await deny(admin, { ...POLICY, spec, refused, ...TRIED_AGAIN });
}

async function allow(admin: Person): Promise<void> {
  for (const path of [POLICY_BINDINGS, POLICIES]) await send(admin, remove(`${path}/${POLICY.name}`));
}

const types = async (binding: Binding) => (await binding.read()).status?.conditions?.map(({ type }) => type) ?? [];
const isGone = async (binding: Binding) =>
  await eventually(async () => !(await fleet.hub.find(RoleTemplateBindingResource, binding.key)), {
    ...TRIED_AGAIN,
    what: `binding ${binding.key.name} is gone`,
  });
const until = (person: Person, deed: string) =>
  eventually(() => person.may(deed), { ...TRIED_AGAIN, what: `${person.name} may ${deed}` });
const SERVER = /ValidatingAdmissionPolicy 'hands-off'.*the audit of the year is not over/;

test('what can’t be taken away when a cluster is engaged holds up all that is given there, and every binding says so', async () => {
  const [anna, bert] = [fleet.person('anna'), fleet.person('bert')];
  const lost = await fleet.bind('lost', 'nodes', [user('anna')]);
  await lost.condition('Ready', 'True', 'Bound');
  await refuse(there, 'DELETE', `${RBAC}/clusterrolebindings/paddock:nodes`);

  await fleet.whileDown(() => lost.delete());
  const given = await fleet.bind('given', 'volumes', [user('bert')]);

  for (const binding of [lost, given]) {
    const { message } = await binding.condition('Ready', 'False', 'RevocationFailed');
    expect(message).toMatch(
      /^cluster edge-1: clusterrolebindings\.rbac\.authorization\.k8s\.io paddock:nodes can't be deleted, and nobody is/,
    );
    expect(message).toMatch(SERVER);
    await binding.status(({ clusters }) => expect(clusters).toEqual({ total: 1, bound: 0, pending: ['edge-1'] }));
  }
  const pending = await lost.condition('RevocationPending', 'True');
  expect(pending.message).toMatch(/edge-1 has not confirmed .*: condition Ready says what refuses it$/);
  expect(await types(given)).toEqual(['Ready', 'Reconciling']);
  expect([await anna.may('list nodes'), await bert.may('list persistentvolumes')]).toEqual([true, false]);

  await allow(there);
  await isGone(lost);
  await until(bert, 'list persistentvolumes');
  expect(await anna.may('list nodes')).toBe(false);
  await given.condition('Ready', 'True', 'Bound');
  expect(await types(given)).toEqual(['Ready']);
  await given.delete();
  await given.gone();
}, 180_000);

describe('while a cluster is engaged', () => {
  test('what can’t be taken away holds up nobody else', async () => {
    const [cora, dora] = [fleet.person('cora'), fleet.person('dora')];
    const shared = await fleet.bind('shared', 'nodes', [user('cora'), user('dora')]);
    await shared.condition('Ready', 'True');
    await refuse(there, 'UPDATE', `${RBAC}/clusterrolebindings/paddock:nodes`);

    await shared.subjects(user('dora'));
    const other = await fleet.bind('other', 'volumes', [user('cora')]);

    const { message } = await shared.condition('Ready', 'False', 'RevocationFailed');
    expect(message).toMatch(/paddock:nodes can't be changed: /);
    expect(message).toMatch(SERVER);
    await shared.condition('RevocationPending', 'True');
    await other.condition('Ready', 'True', 'Bound');
    expect([await cora.may('list nodes'), await dora.may('list nodes')]).toEqual([true, true]);

    await allow(there);
    await eventually(async () => !(await cora.may('list nodes')), { ...TRIED_AGAIN, what: 'cora has lost it' });
    await shared.condition('Ready', 'True');
    for (const binding of [shared, other]) {
      await binding.delete();
      await binding.gone();
    }
  }, 120_000);

  test('what can’t be given is named, too', async () => {
    await refuse(there, 'CREATE', `${RBAC}/clusterrolebindings/paddock:volumes`);
    const binding = await fleet.bind('refused', 'volumes', [user('emil')]);

    const { message } = await binding.condition('Ready', 'False', 'GrantFailed');
    expect(message).toMatch(/paddock:volumes can't be made: /);
    expect(message).toMatch(SERVER);
    expect(await types(binding)).toEqual(['Ready', 'Reconciling']);

    await allow(there);
    await until(fleet.person('emil'), 'list persistentvolumes');
    await binding.condition('Ready', 'True');
    await binding.delete();
    await binding.gone();
  }, 120_000);

  test('what the hub refuses is named as the hub’s', async () => {
    const binding = await fleet.bind('seen', 'in-hub', [user('fay')]);
    await binding.condition('Ready', 'True');
    await refuse(here, 'DELETE', `${RBAC}/namespaces/c-edge-1/rolebindings/paddock:in-hub`);

    await binding.delete();

    const { message } = await binding.condition('Ready', 'False', 'RevocationFailed');
    expect(message).toMatch(/^the hub: rolebindings\S+ c-edge-1\/paddock:in-hub can't be deleted: .*not over/);
    await allow(here);
    await isGone(binding);
    expect(await send(here, get(`${RBAC}/namespaces/c-edge-1/rolebindings/paddock:in-hub`))).toBe(404);
  }, 120_000);

  test('a global binding says what one of its clusters refuses', async () => {
    await refuse(there, 'CREATE', `${RBAC}/clusterrolebindings/paddock:nodes`);
    const scope = { global: { clusterSelector: {} } };
    const spec = { roleTemplateName: 'nodes', subjects: [user('gil')], scope };
    const metadata = { name: 'everywhere' };
    const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding' } as const;
    const body: RoleTemplateBinding = { ...type, metadata, spec };
    await fleet.hub.create(RoleTemplateBindingResource, { namespace: 'paddock-system' }, body);
    const binding = new Binding(fleet, { namespace: 'paddock-system', name: 'everywhere' });

    const { message } = await binding.condition('Ready', 'False', 'GrantFailed');
    expect(message).toMatch(/^cluster edge-1: .*paddock:nodes can't be made/);

    await allow(there);
    await until(fleet.person('gil'), 'list nodes');
    await binding.condition('Ready', 'True');
    await binding.delete();
    await binding.gone();
  }, 120_000);
});
