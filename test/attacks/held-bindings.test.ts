import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ClusterAccess, ClusterAccessResource, ClusterResource, RoleTemplateBindingResource } from '#api';
import { findCondition, type Key, type ResourceType } from '#runtime';
import {
  type BindingObject,
  ClusterRoleBindings,
  ClusterRoles,
  RoleBindings,
  type RoleObject,
  Roles,
} from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accessSecretName, accountName, accountRoleName } from '../../operators/rbac/account.ts';
import { get, patch, remove } from '../integration/agent-requests.ts';
import { deny, POLICIES, POLICY_BINDINGS } from '../integration/policy-hub.ts';
import { AccessFleet, Binding, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { TokenUser } from '../support/token-user.ts';
import { asAdmin } from './guard.ts';
import { accessSays, as, kubeconfigUser } from './kubeconfigs.ts';

const WITHIN = { timeoutMs: 20_000 };
/** What an access that is deleted may still be used for. */
const ENDS_WITHIN = { timeoutMs: 15_000 };
const HOLD = 'other.example.com/hold';
const NS = 'blue-1';
const C = 'c-edge-1';
const P = 'p-edge-1--blue';
const TERMINATING = 'ObjectTerminating';
const lists = (resource: string, group = '') => ({ verbs: ['list'], apiGroups: [group], resources: [resource] });
const NODES = get('/api/v1/nodes');

let fleet: AccessFleet;
let edge: Site;
let hub: Site;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  [edge, hub] = [fleet.fleet.edge(), fleet.fleet.hub];
  await fleet.project('blue', [NS]);
  const hubRules = [lists('projects', 'paddock.dev'), lists('clusters', 'paddock.dev')];
  const projects = { verbs: ['manage-namespaces'], apiGroups: ['paddock.dev'], resources: ['projects'] };
  await fleet.template('web', { context: 'Project', rules: [lists('pods'), projects], hubRules });
  await fleet.template('nodes', { context: 'Cluster', rules: [lists('nodes')], hubRules });
}, 180_000);
afterAll(() => fleet?.stop());

/** A foreign finalizer on an object of ours, that keeps it from now on when it is deleted. */
async function hold(site: Site, type: ResourceType, key: Key): Promise<void> {
  await eventually(() => site.client.find(type, key), { ...WITHIN, what: `${type.kind} ${key.name} is there` });
  await site.client.mergePatch(type, key, { metadata: { finalizers: [HOLD] } });
}

/** Its owner takes the finalizer off. */
async function release(site: Site, type: ResourceType, key: Key): Promise<void> {
  if (await site.client.find(type, key)) await site.client.mergePatch(type, key, { metadata: { finalizers: [] } });
}

/** Somebody else deletes it, and it is kept. */
async function takeDown(site: Site, type: ResourceType, key: Key): Promise<void> {
  await hold(site, type, key);
  await site.client.delete(type, key);
}

async function untilTerminating(site: Site, type: ResourceType<BindingObject>, key: Key): Promise<void> {
  const isEmpty = async () => {
    const { metadata, subjects = [] } = await site.client.get(type, key);
    return metadata?.deletionTimestamp !== undefined && subjects.length === 0;
  };
  await eventually(isEmpty, { ...WITHIN, what: `${type.kind} ${key.name} is Terminating and empty` });
}

/** Says what keeps it from being in force, and says Bound only when nothing does. */
async function untilObstructed(binding: Binding, object: string): Promise<void> {
  const { message } = await binding.condition('Ready', 'False', TERMINATING);
  expect(message).toContain(object);
  expect(message).toContain(HOLD);
  const isTaken = async () => !findCondition((await binding.read()).status?.conditions, 'RevocationPending');
  await eventually(isTaken, { ...WITHIN, what: 'nobody is left whom it gives nothing any more' });
}

const forEachPlace: readonly [
  what: string,
  template: string,
  type: ResourceType<BindingObject>,
  key: Key,
  deed: string,
  at: 'hub' | 'edge',
][] = [
  ['a RoleBinding', 'web', RoleBindings, { namespace: NS, name: 'paddock:web' }, 'list pods', 'edge'],
  ['a ClusterRoleBinding', 'nodes', ClusterRoleBindings, { name: 'paddock:nodes' }, 'list nodes', 'edge'],
  [
    'the ClusterRoleBinding of what is said about a project',
    'web',
    ClusterRoleBindings,
    { name: 'paddock:web:project:blue' },
    'manage-namespaces projects.paddock.dev blue',
    'edge',
  ],
  [
    'a RoleBinding in the hub, of a project',
    'web',
    RoleBindings,
    { namespace: P, name: 'paddock:web' },
    'list projects.paddock.dev',
    'hub',
  ],
  [
    'a RoleBinding in the hub, of a cluster',
    'nodes',
    RoleBindings,
    { namespace: C, name: 'paddock:nodes' },
    'list projects.paddock.dev',
    'hub',
  ],
  [
    'the ClusterRoleBinding in the hub of what is said about the Cluster',
    'nodes',
    ClusterRoleBindings,
    { name: 'paddock:nodes:cluster:edge-1' },
    'list clusters.paddock.dev edge-1',
    'hub',
  ],
];

describe.each(forEachPlace)('%s that a foreign finalizer keeps', (_what, template, type, key, deed, at) => {
  let [anna, bert]: [Person | undefined, Person | undefined] = [undefined, undefined];
  const people = () => {
    const person = (name: string) => (at === 'hub' ? fleet.personInHub(name) : fleet.person(name));
    anna ??= person('anna');
    bert ??= person('bert');
    return [anna, bert] as const;
  };
  const site = () => (at === 'hub' ? hub : edge);
  const may = (is: boolean, person: Person) => fleet.until(is, person, deed, key.namespace);
  const bind = (name: string, ...who: readonly string[]) =>
    fleet.bind(name, template, who.map(user), template === 'web' ? { project: 'blue' } : {});

  test('is emptied when the last binding goes, gives nobody anything, and is made again when it is gone', async () => {
    const [a, b] = people();
    const first = await bind('first', 'anna');
    await may(true, a);
    await hold(site(), type, key);
    await first.delete();
    await may(false, a);
    await first.gone();
    await untilTerminating(site(), type, key);

    const second = await bind('second', 'bert');
    await untilObstructed(second, key.name);
    expect(await b.may(deed, key.namespace)).toBe(false);
    await release(site(), type, key);
    await may(true, b);
    await second.condition('Ready', 'True', 'Bound');
    await second.delete();
    await second.gone();
  });

  test('and that was deleted by others first, keeps only those who are still bound', async () => {
    const [a, b] = people();
    const both = await bind('both', 'anna', 'bert');
    for (const person of [a, b]) await may(true, person);
    await takeDown(site(), type, key);
    await untilObstructed(both, key.name);
    await both.subjects(user('anna'));
    await may(false, b);
    await untilObstructed(both, key.name);
    expect(await a.may(deed, key.namespace)).toBe(true);
    await both.subjects(user('anna'), user('bert'));
    await untilObstructed(both, key.name);
    expect(await b.may(deed, key.namespace)).toBe(false);

    const further = await bind('further', 'bert');
    await untilObstructed(further, key.name);
    await both.delete();
    await may(false, a);
    await both.gone();
    await release(site(), type, key);
    await may(true, b);
    await further.condition('Ready', 'True', 'Bound');
    await further.delete();
    await further.gone();
    expect(await b.may(deed, key.namespace)).toBe(false);
  });
});

describe('a role that a foreign finalizer keeps', () => {
  const bindTo = async (at: 'hub' | 'edge', template: string) => {
    const person = at === 'hub' ? fleet.personInHub('rosa') : fleet.person('rosa');
    return [person, await fleet.bind(`of-${template}`, template, [user('rosa')])] as const;
  };

  test.each([
    ['the rules of a template', ClusterRoles, 'rules', 'list nodes', 'edge', {}],
    ['what it allows in the hub', Roles, 'hubRules', 'list projects.paddock.dev', 'hub', { namespace: C }],
  ] as const)('and that others deleted, %s, loses what the template does not say any more', async (...args) => {
    const [, type, field, deed, at, place] = args;
    const template = `kept-${at}`;
    const [nodes, projects] = [lists('nodes'), lists('projects', 'paddock.dev')];
    const other = lists('events');
    await fleet.template(template, { context: 'Cluster', rules: [nodes, other], hubRules: [projects, other] });
    const [rosa, binding] = await bindTo(at, template);
    await fleet.until(true, rosa, deed, at === 'hub' ? C : undefined);
    const site = at === 'hub' ? hub : edge;
    const key = { ...place, name: at === 'hub' ? `paddock:${template}` : `paddock:${template}:rules` };
    await takeDown(site, type as ResourceType, key);
    await untilObstructed(binding, key.name);
    await fleet.changeTemplate(template, { [field]: [other] });
    await fleet.until(false, rosa, deed, at === 'hub' ? C : undefined);
    expect(await rosa.may('list events', at === 'hub' ? C : undefined)).toBe(true);
    await release(site, type as ResourceType, key);
    await binding.condition('Ready', 'True', 'Bound');
    await binding.delete();
    await binding.gone();
  });

  test('the one that aggregates, too, gives nothing by a foreign binding once nobody is bound', async () => {
    await fleet.template('union', { context: 'Cluster', rules: [lists('nodes')] });
    const [rosa, binding] = await bindTo('edge', 'union');
    await fleet.until(true, rosa, 'list nodes');
    const name = 'paddock:union';
    const foreign: BindingObject = {
      metadata: { name: 'foreign' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'rosa' }],
    };
    await edge.client.create(ClusterRoleBindings, {}, foreign);
    for (const each of [name, `${name}:rules`]) await hold(edge, ClusterRoles, { name: each });
    await binding.delete();
    await binding.gone();
    await fleet.until(false, rosa, 'list nodes');
    await edge.client.delete(ClusterRoleBindings, { name: 'foreign' });
    for (const each of [name, `${name}:rules`]) await release(edge, ClusterRoles, { name: each });
  });
});

test('a namespace that is Terminating with a binding that is kept: those who lose the role lose it there', async () => {
  const [anna, bert] = [fleet.person('anna'), fleet.person('bert')];
  await fleet.member('blue-9', 'blue');
  const binding = await fleet.bind('there', 'web', [user('anna'), user('bert')], { project: 'blue' });
  const key = { namespace: 'blue-9', name: 'paddock:web' };
  await fleet.until(true, bert, 'list pods', 'blue-9');
  await hold(edge, RoleBindings, key);
  await asAdmin(edge, remove('/api/v1/namespaces/blue-9'));
  await binding.subjects(user('anna'));
  await fleet.until(false, bert, 'list pods', 'blue-9');
  expect(await anna.may('list pods', 'blue-9')).toBe(true);
  await binding.delete();
  await fleet.until(false, anna, 'list pods', 'blue-9');
  await binding.gone();
  await release(edge, RoleBindings, key);
});

test('while nobody works on the cluster it stays, and is emptied before anything is given', async () => {
  const anna = fleet.person('anna');
  const binding = await fleet.bind('away', 'web', [user('anna')], { project: 'blue' });
  const key = { namespace: NS, name: 'paddock:web' };
  await fleet.until(true, anna, 'list pods', NS);
  await hold(edge, RoleBindings, key);
  await fleet.whileDown(() => binding.delete());
  await fleet.until(false, anna, 'list pods', NS);
  await binding.gone();
  await release(edge, RoleBindings, key);
});

test('one that can’t be corrected keeps the binding, whose RevocationPending names the object', async () => {
  const admin = fleet.person('an-admin', ['system:masters']);
  const anna = fleet.person('anna');
  const binding = await fleet.bind('stuck', 'web', [user('anna')], { project: 'blue' });
  const key = { namespace: NS, name: 'paddock:web' };
  await fleet.until(true, anna, 'list pods', NS);
  await hold(edge, RoleBindings, key);
  const name = 'hands-off';
  const rules = [{ apiGroups: ['rbac.authorization.k8s.io'], apiVersions: ['v1'], resources: ['rolebindings'] }];
  const spec = {
    matchConstraints: { resourceRules: rules.map(rule => ({ ...rule, operations: ['UPDATE'] })) },
    matchConditions: [{ name: 'it', expression: "object.metadata.name == 'paddock:web'" }],
    validations: [{ expression: 'false', message: 'the audit of the year is not over' }],
  };
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NS}/rolebindings/paddock:web`;
  const refused = patch(path, { metadata: { annotations: { looked: 'at' } } });
  await deny(admin, { name, spec, refused, ...WITHIN });
  await binding.delete();
  const isNamed = async () => {
    const { message } = await binding.condition('RevocationPending', 'True');
    return /paddock:web.*the audit of the year is not over/.test(message);
  };
  await eventually(isNamed, { ...WITHIN, what: 'RevocationPending names the object and the server’s words' });
  await binding.condition('Ready', 'False', 'RevocationFailed');
  for (const each of [POLICY_BINDINGS, POLICIES]) await asAdmin(edge, remove(`${each}/${name}`));
  await eventually(async () => !(await fleet.hub.find(RoleTemplateBindingResource, binding.key)), {
    timeoutMs: 60_000,
    what: 'the binding is gone, which is tried again every 30 s',
  });
  await fleet.until(false, anna, 'list pods', NS);
  await release(edge, RoleBindings, key);
});

describe('an account that people act through', () => {
  const read = (name: string) => fleet.hub.get(ClusterAccessResource, { namespace: C, name });
  const id = (name: string) => accountName(name);
  const acts = async (holder: TokenUser, name: string) => (await holder.send(as(name, NODES))).status;
  const answers = (holder: TokenUser, name: string, status: number, within = WITHIN) =>
    eventually(async () => (await acts(holder, name)) === status, { ...within, what: `${name} is answered ${status}` });
  const issue = async (access: string, who: string) => {
    await fleet.access(access, { user: who });
    const { token } = await kubeconfigUser(fleet, access);
    const holder = new TokenUser(edge, token);
    await answers(holder, who, 200);
    return holder;
  };

  test.each([
    ['ClusterRoleBinding', ClusterRoleBindings],
    ['ClusterRole', ClusterRoles],
  ] as const)('may not act any more, though its %s is kept', async (kind, type) => {
    const who = `pia-${kind.toLowerCase()}`;
    const binding = await fleet.bind(who, 'nodes', [user(who)]);
    const holder = await issue(who, who);
    const key = { name: accountRoleName(id(who)) };
    await hold(edge, type as ResourceType, key);
    await binding.delete();
    await answers(holder, who, 401).catch(() => undefined);
    expect([401, 403]).toContain(await acts(holder, who));
    await binding.gone();
    const left = (await edge.client.get(type as ResourceType, key)) as Partial<RoleObject & BindingObject>;
    expect([...(left.rules ?? []), ...(left.subjects ?? [])]).toEqual([]);
    await release(edge, type as ResourceType, key);
    await holder.close();
  });

  test('of one who is taken out while nobody works on the cluster loses its rights when they are back', async () => {
    const binding = await fleet.bind('ute', 'nodes', [user('ute'), user('vera')]);
    const holder = await issue('ute', 'ute');
    const key = { name: accountRoleName(id('ute')) };
    await hold(edge, ClusterRoleBindings, key);
    await fleet.whileDown(() => binding.subjects(user('vera')));
    await eventually(async () => [401, 403].includes(await acts(holder, 'ute')), {
      ...ENDS_WITHIN,
      what: 'ute is refused',
    });
    await untilTerminating(edge, ClusterRoleBindings, key);
    await accessSays(fleet, 'ute', 'NoLongerBound');
    await release(edge, ClusterRoleBindings, key);
    await holder.close();
  });

  test('which is Terminating makes its accesses not Ready, and it loses its rights', async () => {
    await fleet.bind('sam', 'nodes', [user('sam')]);
    const holder = await issue('sam', 'sam');
    const key = { namespace: 'paddock-users', name: id('sam') };
    await takeDown(edge, ServiceAccounts, key);
    const { message } = findCondition((await accessSays(fleet, 'sam', TERMINATING)).status?.conditions, 'Ready') ?? {};
    expect(message).toContain(key.name);
    expect(message).toContain(HOLD);
    await eventually(async () => [401, 403].includes(await acts(holder, 'sam')), {
      ...ENDS_WITHIN,
      what: 'sam is refused',
    });
    await fleet.access('sam-2', { user: 'sam' });
    await accessSays(fleet, 'sam-2', TERMINATING);
    await release(edge, ServiceAccounts, key);
    await accessSays(fleet, 'sam', 'CredentialsDeleted');
    await accessSays(fleet, 'sam-2', 'Issued');
    await holder.close();
  });

  test('whose Secret of a deleted access is kept loses its rights until the token is refused', async () => {
    await fleet.bind('tess', 'nodes', [user('tess')]);
    const holder = await issue('tess', 'tess');
    const access: ClusterAccess = await read('tess');
    const key = { namespace: 'paddock-users', name: accessSecretName(access.metadata.uid ?? '') };
    await hold(edge, Secrets, key);
    await fleet.hub.delete(ClusterAccessResource, { namespace: C, name: 'tess' });
    await eventually(async () => [401, 403].includes(await acts(holder, 'tess')), {
      ...ENDS_WITHIN,
      what: 'tess is refused',
    });
    await eventually(async () => !(await fleet.hub.find(ClusterAccessResource, { namespace: C, name: 'tess' })), {
      ...WITHIN,
      what: 'the access is gone',
    });
    await fleet.access('tess-2', { user: 'tess' });
    const { message } =
      findCondition((await accessSays(fleet, 'tess-2', TERMINATING)).status?.conditions, 'Ready') ?? {};
    expect(message).toContain(key.name);
    // the token is refused by now, whoever may act as her
    await eventually(
      async () => findCondition((await read('tess-2')).status?.conditions, 'Ready')?.reason === 'Issued',
      {
        timeoutMs: 100_000,
        what: 'her next access is issued',
      },
    );
    expect([401, 403]).toContain(await acts(holder, 'tess'));
    await release(edge, Secrets, key);
    await holder.close();
  }, 180_000);
});

test('one that a global binding is in force by is named by that, too', async () => {
  const gil = fleet.person('gil');
  await fleet.hub.mergePatch(ClusterResource, { name: 'edge-1' }, { metadata: { labels: { stage: 'test' } } });
  await fleet.template('wide', { context: 'Cluster', rules: [lists('nodes')] });
  const spec = {
    roleTemplateName: 'wide',
    subjects: [user('gil')],
    scope: { global: { clusterSelector: { matchLabels: { stage: 'test' } } } },
  };
  const at = { namespace: 'paddock-system', name: 'wide' };
  const type = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding' } as const;
  await fleet.hub.create(
    RoleTemplateBindingResource,
    { namespace: at.namespace },
    { ...type, metadata: { name: at.name }, spec },
  );
  const binding = new Binding(fleet, at);
  await binding.condition('Ready', 'True', 'Bound');
  const key = { name: 'paddock:wide' };
  await takeDown(edge, ClusterRoleBindings, key);
  await untilObstructed(binding, key.name);
  await binding.delete();
  await fleet.until(false, gil, 'list nodes');
  await binding.gone();
  await release(edge, ClusterRoleBindings, key);
});

test('a Cluster that is deleted leaves no rights behind by what finalizers keep, and names it', async () => {
  const pam = fleet.person('pam');
  await fleet.template('last', { context: 'Cluster', rules: [lists('nodes')] });
  await fleet.bind('last', 'last', [user('pam')]);
  await fleet.bind('last-web', 'web', [user('pam')], { project: 'blue' });
  await fleet.until(true, pam, 'list nodes');
  await fleet.until(true, pam, 'list pods', NS);
  const kept: readonly (readonly [ResourceType<BindingObject>, Key])[] = [
    [ClusterRoleBindings, { name: 'paddock:last' }],
    [RoleBindings, { namespace: NS, name: 'paddock:web' }],
  ];
  for (const [type, key] of kept) await hold(edge, type, key);
  await fleet.hub.mergePatch(
    ClusterResource,
    { name: 'edge-1' },
    { metadata: { finalizers: ['paddock.dev/cluster', HOLD] } },
  );
  await fleet.hub.delete(ClusterResource, { name: 'edge-1' });
  await fleet.until(false, pam, 'list nodes');
  await fleet.until(false, pam, 'list pods', NS);
  const cleaned = await eventually(
    async () => {
      const { status } = await fleet.hub.get(ClusterResource, { name: 'edge-1' });
      const found = findCondition(status?.conditions, 'Cleaned');
      return found?.status === 'True' ? found : undefined;
    },
    { timeoutMs: 90_000, what: 'the cluster is cleaned' },
  );
  for (const [type, key] of kept) {
    expect(cleaned.message).toContain(`${key.name} (${HOLD})`);
    await untilTerminating(edge, type, key);
    await release(edge, type, key);
  }
  await fleet.hub.mergePatch(ClusterResource, { name: 'edge-1' }, { metadata: { finalizers: [] } });
}, 180_000);
