import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterResource, ProjectResource } from '#api';
import { type Key, type MergePatch, Namespaces, type ResourceType } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '../../operators/engagement/rbac-kinds.ts';
import { AccessFleet, account, group, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';

const READ_PODS = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
const READ_NODES = { verbs: ['get', 'list'], apiGroups: [''], resources: ['nodes'] };

const DERIVED: readonly ResourceType[] = [ClusterRoles, ClusterRoleBindings, RoleBindings];

let fleet: AccessFleet;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  await fleet.template('node-reader', { context: 'Cluster', rules: [READ_NODES] });
  await fleet.template('pod-reader', { context: 'Project', rules: [READ_PODS] });
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
});

/** Names of our roles and bindings downstream that have to do with a template. */
async function left(template: string): Promise<string[]> {
  const selection = { labelSelector: `paddock.dev/owner=RoleTemplate.${template}` };
  const lists = await Promise.all(DERIVED.map(type => fleet.downstream.list(type, selection)));
  return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind ?? ''}${metadata?.name}`)).sort();
}

describe('a binding of a whole cluster', () => {
  test.each([
    ['a user', user('anna@example.com'), 'anna@example.com', []],
    ['a group', group('ops team'), 'somebody', ['ops team']],
    ['a service account', account('ci', 'bot'), 'system:serviceaccount:ci:bot', []],
  ] as const)('gives the role to %s, and takes it when it is deleted', async (what, subject, name, groups) => {
    const person = fleet.person(name, groups);
    expect(await person.may('list nodes')).toBe(false);

    const binding = await fleet.bind(`nodes-${what.replaceAll(' ', '-')}`, 'node-reader', [subject]);

    await fleet.until(true, person, 'list nodes');
    expect(await person.may('delete nodes')).toBe(false);
    await binding.condition('Ready', 'True', 'Bound');
    await binding.status(({ clusters }) => expect(clusters).toEqual({ total: 1, bound: 1, pending: [] }));
    await binding.delete();
    await binding.gone();
    expect(await person.may('list nodes')).toBe(false);
  });

  test('leaves nothing when it was the last', async () => {
    await eventually(async () => (await left('node-reader')).length === 0, {
      timeoutMs: 20_000,
      what: 'nothing is left',
    });
  });

  test('shares one ClusterRoleBinding with the others of its template', async () => {
    const bindings = [];
    for (const name of ['one', 'two', 'three'])
      bindings.push(await fleet.bind(name, 'node-reader', [user(name), user('shared')]));
    for (const binding of bindings) await binding.condition('Ready', 'True');

    expect(await left('node-reader')).toEqual([
      'paddock:node-reader',
      'paddock:node-reader',
      'paddock:node-reader:rules',
    ]);
    const merged = await fleet.downstream.get(ClusterRoleBindings, { name: 'paddock:node-reader' });
    expect(merged.subjects?.map(({ name }) => name)).toEqual(['one', 'shared', 'three', 'two']);
    await bindings[0]?.delete();
    await bindings[0]?.gone();
    expect(await fleet.person('one').may('list nodes')).toBe(false);
    expect(await fleet.person('shared').may('list nodes')).toBe(true);
    for (const binding of bindings.slice(1)) await binding.delete();
    for (const binding of bindings.slice(1)) await binding.gone();
  });
});

describe('a binding of a project', () => {
  test('holds in its namespaces, present and later, and nowhere else', async () => {
    await fleet.project('blue', ['blue-1']);
    await fleet.project('red', ['red-1']);
    const person = fleet.person('bea');

    const binding = await fleet.bind('blue-readers', 'pod-reader', [user('bea')], { project: 'blue' });
    await fleet.until(true, person, 'list pods', 'blue-1');
    await fleet.member('blue-2', 'blue');
    await fleet.until(true, person, 'list pods', 'blue-2');

    expect(await person.may('list pods', 'red-1')).toBe(false);
    expect(await person.may('list pods')).toBe(false);
    await binding.condition('Ready', 'True', 'Bound');
    await binding.delete();
    await binding.gone();
    for (const namespace of ['blue-1', 'blue-2']) expect(await person.may('list pods', namespace)).toBe(false);
  });

  test('moves with a namespace that moves', async () => {
    await fleet.project('from', ['moving']);
    await fleet.project('to');
    const [before, after] = [fleet.person('carl'), fleet.person('dora')];
    await fleet.bind('from-readers', 'pod-reader', [user('carl')], { project: 'from' });
    await fleet.bind('to-readers', 'pod-reader', [user('dora')], { project: 'to' });
    await fleet.until(true, before, 'list pods', 'moving');

    const label = (project: string | null) => ({ metadata: { labels: { 'paddock.dev/project': project } } });
    await fleet.downstream.mergePatch(Namespaces, { name: 'moving' }, label('to'));

    await fleet.until(true, after, 'list pods', 'moving');
    await fleet.until(false, before, 'list pods', 'moving');
    await fleet.downstream.mergePatch(Namespaces, { name: 'moving' }, label(null));
    await fleet.until(false, after, 'list pods', 'moving');
  });

  test('is as good in the namespace of the project, and goes with it', async () => {
    await fleet.project('green', ['green-1']);
    const [hugo, inga] = [fleet.person('hugo'), fleet.person('inga')];
    const there = { project: 'green', namespace: 'p-edge-1--green' };
    const first = await fleet.bind('greens', 'pod-reader', [user('hugo')], there);
    const second = await fleet.bind('more-greens', 'pod-reader', [user('inga')], there);
    for (const binding of [first, second]) await binding.condition('Ready', 'True', 'Bound');
    expect(await hugo.may('list pods', 'green-1')).toBe(true);

    await first.delete();
    await first.gone();
    expect(await hugo.may('list pods', 'green-1')).toBe(false);
    expect(await inga.may('list pods', 'green-1')).toBe(true);
    await fleet.hub.delete(ProjectResource, { namespace: 'c-edge-1', name: 'green' });
    await second.gone();
    await fleet.until(false, inga, 'list pods', 'green-1');
  });

  test('of a project that does not exist gives nothing and says so', async () => {
    const binding = await fleet.bind('ghost-readers', 'pod-reader', [user('emil')], { project: 'ghost' });
    const ready = await binding.condition('Ready', 'False', 'ProjectNotFound');
    expect(ready.message).toContain('c-edge-1/ghost');
    await fleet.project('ghost', ['ghost-1']);
    await fleet.until(true, fleet.person('emil'), 'list pods', 'ghost-1');
    await binding.condition('Ready', 'True');
  });
});

describe('subjects that change', () => {
  test('lose and gain the role with one write', async () => {
    const binding = await fleet.bind('changing', 'node-reader', [user('fay'), user('gil')]);
    await binding.condition('Ready', 'True');
    const [fay, hal] = [fleet.person('fay'), fleet.person('hal')];
    await fleet.until(true, fay, 'list nodes');
    const isGrant = ({ path }: { path: string }) => path.includes('clusterrolebindings/paddock%3Anode-reader');
    const writes = fleet.writes.filter(isGrant).length;

    await binding.subjects(user('gil'), user('hal'));

    await fleet.until(true, hal, 'list nodes');
    expect(await fay.may('list nodes')).toBe(false);
    await binding.status(({ observedGeneration }) => expect(observedGeneration).toBe(2));
    expect(fleet.writes.filter(isGrant).length - writes).toBe(1);
    await binding.delete();
    await binding.gone();
  });

  test('of a paused binding lose it, and nobody gains it', async () => {
    const binding = await fleet.bind('paused', 'node-reader', [user('ida'), user('jan')]);
    await binding.condition('Ready', 'True');
    await binding.annotate({ 'paddock.dev/paused': 'true' });
    await binding.condition('Paused', 'True');

    await binding.subjects(user('jan'), user('kim'));

    await fleet.until(false, fleet.person('ida'), 'list nodes');
    expect(await fleet.person('jan').may('list nodes')).toBe(true);
    expect(await fleet.person('kim').may('list nodes')).toBe(false);
    await binding.annotate({ 'paddock.dev/paused': null });
    await fleet.until(true, fleet.person('kim'), 'list nodes');
    await binding.delete();
    await binding.gone();
  });
});

describe('what somebody does to our objects downstream', () => {
  test.each<readonly [string, ResourceType, Key, MergePatch]>([
    ['ClusterRole', ClusterRoles, { name: 'paddock:node-reader:rules' }, { rules: [] }],
    ['ClusterRoleBinding', ClusterRoleBindings, { name: 'paddock:node-reader' }, { subjects: [] }],
    ['RoleBinding', RoleBindings, { namespace: 'drift-1', name: 'paddock:pod-reader' }, { subjects: [] }],
  ])('is undone: a %s edited, stripped of its mark, deleted', async (kind, type, key, edit) => {
    const name = `drift-${kind.toLowerCase()}`;
    const person = fleet.person(name);
    const deed = kind === 'RoleBinding' ? 'list pods' : 'list nodes';
    const namespace = kind === 'RoleBinding' ? 'drift-1' : undefined;
    if (kind === 'RoleBinding') await fleet.project('drift', ['drift-1']);
    const binding = await fleet.bind(
      name,
      kind === 'RoleBinding' ? 'pod-reader' : 'node-reader',
      [user(name)],
      kind === 'RoleBinding' ? { project: 'drift' } : {},
    );
    await fleet.until(true, person, deed, namespace);
    const isRestored = async () => {
      await fleet.until(true, person, deed, namespace);
      await eventually(
        async () => (await fleet.downstream.get(type, key)).metadata?.labels?.['paddock.dev/owner'] !== undefined,
        { timeoutMs: 20_000, what: `${kind} has its mark` },
      );
    };

    await fleet.downstream.mergePatch(type, key, edit);
    await isRestored();
    await fleet.downstream.mergePatch(type, key, { metadata: { labels: { 'paddock.dev/owner': null } } });
    await isRestored();
    await fleet.downstream.mergePatch(type, key, { metadata: { annotations: { 'paddock.dev/owner-uid': null } } });
    await isRestored();
    await fleet.downstream.delete(type, key);
    await isRestored();

    await binding.delete();
    await binding.gone();
    expect(await person.may(deed, namespace)).toBe(false);
  });

  test('a foreign object of the same name is left alone, named, and replaced once it is gone', async () => {
    await fleet.template('taken', { context: 'Cluster', rules: [READ_NODES] });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const metadata = { name: 'paddock:taken' };
    await fleet.downstream.create(ClusterRoleBindings, {}, { metadata, roleRef });

    const binding = await fleet.bind('taken', 'taken', [user('lea')]);

    const ready = await binding.condition('Ready', 'False', 'Conflict');
    expect(ready.message).toContain('clusterrolebindings.rbac.authorization.k8s.io paddock:taken');
    expect(await fleet.downstream.get(ClusterRoleBindings, metadata)).toMatchObject({ roleRef: { name: 'view' } });
    await fleet.downstream.delete(ClusterRoleBindings, metadata);
    await fleet.until(true, fleet.person('lea'), 'list nodes');
    await binding.condition('Ready', 'True');
  });
});

describe('hubRules', () => {
  test('hold in the namespace of the cluster or project, for users and groups, and go with the binding', async () => {
    const hubRules = [{ verbs: ['get'], apiGroups: ['paddock.dev'], resources: ['projects'] }];
    const secrets = [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }];
    await fleet.template('hub-reader', { context: 'Cluster', hubRules });
    await fleet.template('secret-reader', { context: 'Project', hubRules: secrets });
    await fleet.project('hubbed');
    const [mia, bot] = [fleet.personInHub('mia'), fleet.personInHub('system:serviceaccount:ci:bot')];

    const cluster = await fleet.bind('hub-readers', 'hub-reader', [user('mia'), account('ci', 'bot')]);
    const project = await fleet.bind('secret-readers', 'secret-reader', [user('mia')], { project: 'hubbed' });

    await fleet.until(true, mia, 'get projects.paddock.dev', 'c-edge-1');
    await fleet.until(true, mia, 'get secrets', 'p-edge-1--hubbed');
    expect(await mia.may('get secrets', 'c-edge-1')).toBe(false);
    expect(await mia.may('get projects.paddock.dev')).toBe(false);
    expect(await bot.may('get projects.paddock.dev', 'c-edge-1')).toBe(false);
    for (const binding of [cluster, project]) await binding.delete();
    for (const binding of [cluster, project]) await binding.gone();
    expect(await mia.may('get projects.paddock.dev', 'c-edge-1')).toBe(false);
    expect(await mia.may('get secrets', 'p-edge-1--hubbed')).toBe(false);
    const { items } = await fleet.hub.list(Roles, { labelSelector: 'paddock.dev/owner=RoleTemplate.hub-reader' });
    expect(items).toEqual([]);
  });

  test('let read the Cluster itself, and no other, and change none', async () => {
    const hubRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
    await fleet.template('own-cluster', { context: 'Cluster', hubRules });
    const nia = fleet.personInHub('nia');
    const other = { kind: 'Cluster', metadata: { name: 'other' }, spec: { connection: { agent: {} } } } as const;
    await fleet.hub.create(ClusterResource, {}, { apiVersion: 'paddock.dev/v1alpha1', ...other });
    const binding = await fleet.bind('own-cluster', 'own-cluster', [user('nia')]);
    await binding.condition('Ready', 'True');
    const edge = { group: 'paddock.dev', resource: 'clusters', name: 'edge-1' };

    await fleet.until(true, nia, { verb: 'get', ...edge });
    expect((await nia.client.get(ClusterResource, { name: 'edge-1' })).metadata.name).toBe('edge-1');
    for (const verb of ['patch', 'update', 'delete']) expect(await nia.may({ verb, ...edge })).toBe(false);
    expect(await nia.may({ verb: 'get', ...edge, name: 'other' })).toBe(false);
    expect(await nia.may('list clusters.paddock.dev')).toBe(false);

    await fleet.changeTemplate('own-cluster', { hubRules: [] });
    await fleet.until(false, nia, { verb: 'get', ...edge });
    await fleet.changeTemplate('own-cluster', { hubRules });
    await fleet.until(true, nia, { verb: 'get', ...edge });
    await binding.delete();
    await binding.gone();
    expect(await nia.may({ verb: 'get', ...edge })).toBe(false);
    const labelSelector = 'paddock.dev/owner=RoleTemplate.own-cluster';
    for (const type of [ClusterRoles, ClusterRoleBindings] as ResourceType[])
      expect((await fleet.hub.list(type, { labelSelector })).items).toEqual([]);
  });
});
