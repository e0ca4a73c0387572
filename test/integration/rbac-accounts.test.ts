import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ClusterAccess, ClusterAccessResource, ClusterResource } from '#api';
import { type Condition, findCondition, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accountName, accountRoleName } from '../../operators/rbac/account.ts';
import { AccessFleet, account, group, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { post } from './agent-requests.ts';
import { aBinding, bindingsIn, deny } from './policy-hub.ts';

const READ_NODES = { verbs: ['get', 'list'], apiGroups: [''], resources: ['nodes'] };
const HERE = { namespace: 'c-edge-1' };
const USERS = 'paddock-users';
const WITHIN = { timeoutMs: 30_000 };
const ANCHORS = { namespace: USERS, labelSelector: 'paddock.dev/owner' };

let fleet: AccessFleet;
let folder: string;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  folder = await mkdtemp(join(tmpdir(), 'paddock-kubeconfig-'));
  await fleet.template('node-reader', { context: 'Cluster', rules: [READ_NODES] });
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
  await rm(folder, { recursive: true, force: true });
});

const find = <T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string) =>
  fleet.downstream.find(type, { name, ...(namespace === undefined ? {} : { namespace }) });

/** What of somebody's account is downstream. */
async function accountOf(name: string): Promise<string[]> {
  const id = accountName(name);
  const role = accountRoleName(id);
  const found = await Promise.all([
    find(ServiceAccounts, id, USERS),
    find(ClusterRoles, role),
    find(ClusterRoleBindings, role),
  ]);
  return ['account', 'role', 'binding'].filter((_what, index) => found[index] !== undefined);
}

async function untilAccount(name: string, there: boolean): Promise<void> {
  const wanted = there ? 3 : 0;
  const what = `${name} has ${there ? 'an' : 'no'} account`;
  await eventually(async () => (await accountOf(name)).length === wanted, { ...WITHIN, what });
}

/** From now on bindings of this name get no finalizer in the hub; resolves when its API server holds to it. */
async function refuseFinalizers(name: string): Promise<void> {
  const admin = fleet.personInHub('an-admin', ['system:masters']);
  const resources = { apiGroups: ['paddock.dev'], apiVersions: ['v1alpha1'], resources: ['roletemplatebindings'] };
  const spec = {
    matchConstraints: { resourceRules: [{ ...resources, operations: ['CREATE', 'UPDATE'] }] },
    matchConditions: [{ name: 'it', expression: `object.metadata.name == '${name}'` }],
    validations: [{ expression: '!has(object.metadata.finalizers)' }],
  };
  const unheld = aBinding('node-reader', { cluster: { name: 'edge-1' } }, { name });
  const held = { ...unheld, metadata: { name, finalizers: ['a.example/hold'] } };
  await deny(admin, { name: 'no-finalizers', spec, refused: post(bindingsIn(HERE.namespace), held), ...WITHIN });
}

describe('the account of somebody whom a binding names', () => {
  test.each([
    ['a plain name', 'alice'],
    ['an address', 'oidc:alice@example.com'],
    ['spaces and letters of all the world', 'Zoë Müller 山田'],
    ['253 characters', 'x'.repeat(253)],
  ])('%s', async (_what, name) => {
    const binding = await fleet.bind('named', 'node-reader', [user(name), account('ci', 'bot'), group('ops')]);
    await binding.condition('Ready', 'True');

    expect(await accountOf(name)).toHaveLength(3);
    const found = await find(ServiceAccounts, accountName(name), USERS);
    expect(found?.metadata?.annotations?.['paddock.dev/user']).toBe(name);
    const role = await find(ClusterRoles, accountRoleName(accountName(name)));
    expect(role?.rules).toEqual([
      { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: [name] },
    ]);
    await binding.delete();
    await binding.gone();
    expect(await accountOf(name)).toEqual([]);
  });

  test('is one for all bindings, and goes with the last', async () => {
    const first = await fleet.bind('first', 'node-reader', [user('bert'), user('cora')]);
    const second = await fleet.bind('second', 'node-reader', [user('bert')]);
    for (const binding of [first, second]) await binding.condition('Ready', 'True');
    const { metadata: before } = (await find(ServiceAccounts, accountName('bert'), USERS)) ?? {};

    await first.subjects(user('dora'));
    await first.status(({ clusters, observedGeneration }) => {
      expect(observedGeneration).toBe(2);
      expect(clusters?.bound).toBe(1);
    });
    expect(await accountOf('cora')).toEqual([]);
    expect(await accountOf('dora')).toHaveLength(3);
    await first.delete();
    await first.gone();
    expect((await find(ServiceAccounts, accountName('bert'), USERS))?.metadata?.uid).toBe(before?.uid);
    await second.delete();
    await second.gone();
    expect(await accountOf('bert')).toEqual([]);
    const { items } = await fleet.downstream.list(ServiceAccounts, ANCHORS);
    expect(items).toEqual([]);
  });

  test('is not made before its binding has the finalizer that takes it back', async () => {
    await refuseFinalizers('unheld');
    const gail = fleet.person('gail');
    const binding = await fleet.bind('unheld', 'node-reader', [user('gail')]);

    const marker = await fleet.bind('marker', 'node-reader', [user('hugo')]);
    await marker.condition('Ready', 'True');
    expect((await binding.read()).metadata.finalizers).toBeUndefined();
    expect(await accountOf('gail')).toEqual([]);
    expect(await gail.may('list nodes')).toBe(false);

    await binding.delete();
    await marker.delete();
    await marker.gone();
  });

  test('is restored when it is deleted or may more than it should', async () => {
    const binding = await fleet.bind('drifting', 'node-reader', [user('emil')]);
    await binding.condition('Ready', 'True');
    const id = accountName('emil');
    const name = accountRoleName(id);
    await fleet.downstream.delete(ServiceAccounts, { namespace: USERS, name: id });
    await fleet.downstream.delete(ClusterRoleBindings, { name });
    await fleet.downstream.mergePatch(
      ClusterRoles,
      { name },
      {
        rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      },
    );

    await eventually(
      async () => {
        const role = await find(ClusterRoles, name);
        return (await accountOf('emil')).length === 3 && role?.rules?.[0]?.verbs[0] === 'impersonate';
      },
      { ...WITHIN, what: 'everything is as it was' },
    );
    await binding.delete();
    await binding.gone();
  });

  test('that somebody else made is given nothing', async () => {
    if (!(await find(Namespaces, USERS))) await fleet.downstream.create(Namespaces, {}, { metadata: { name: USERS } });
    const name = accountName('fay');
    await fleet.downstream.create(ServiceAccounts, { namespace: USERS }, { metadata: { name } });
    const binding = await fleet.bind('squatted', 'node-reader', [user('fay')]);
    await fleet.until(true, fleet.person('fay'), 'list nodes');
    await binding.condition('Ready', 'True');

    expect(await accountOf('fay')).toEqual(['account']);
    await fleet.downstream.delete(ServiceAccounts, { namespace: USERS, name });
    await untilAccount('fay', true);
    await binding.delete();
    await binding.gone();
  });
});

describe('a ClusterAccess', () => {
  let anna: Person;
  beforeAll(async () => {
    anna = fleet.personInHub('anna', ['dev']);
    await (await fleet.bind('anna', 'node-reader', [user('anna')])).condition('Ready', 'True');
  });

  test('becomes a kubeconfig with which kubectl acts as the person, who made it and reads it', async () => {
    await ask(anna, 'mine', { user: 'anna', groups: ['dev'] });
    const { status } = await issued('mine');
    const secret = await anna.client.get(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' });
    expect(Object.keys(secret.data ?? {})).toEqual(['kubeconfig']);
    const file = await saved(secret.data?.kubeconfig);

    const who = JSON.parse((await kubectl(file, 'auth', 'whoami', '-o', 'json')).stdout).status.userInfo;
    expect(who).toMatchObject({ username: 'anna', groups: ['dev', 'system:authenticated'] });
    expect((await kubectl(file, 'get', 'nodes')).code).toBe(0);
    expect((await kubectl(file, 'get', 'secrets', '-A')).stderr).toContain('"anna" cannot list');
    const text = await readFile(file, 'utf8');
    const itself = await saved(
      Buffer.from(text.replace(/ {6}as: anna\n {6}as-groups:\n {8}- dev\n/, '')).toString('base64'),
    );
    const plain = await kubectl(itself, 'get', 'nodes');
    expect(plain.stderr).toMatch(/u-[0-9a-f]{32}" cannot list/);
    expect((await kubectl(file, '--as=root', 'get', 'nodes')).stderr).toContain('cannot impersonate');
    const lifetime = Date.parse(status?.expiresAt ?? '') - Date.now();
    expect(lifetime).toBeGreaterThan(11.5 * 3_600_000);
    expect(lifetime).toBeLessThanOrEqual(12 * 3_600_000);
  });

  test('is nobody else’s to read', async () => {
    const { metadata, status } = await issued('mine');
    const other = fleet.personInHub('hal');
    await (await fleet.bind('hal', 'node-reader', [user('hal')])).condition('Ready', 'True');
    for (const [resource, group, name] of [
      ['secrets', '', status?.secretRef?.name ?? ''],
      ['clusteraccesses', 'paddock.dev', metadata.name ?? ''],
    ] as const) {
      for (const verb of ['get', 'delete'])
        expect(await other.may({ verb, resource, group, name, namespace: 'c-edge-1' })).toBe(false);
      expect(await anna.may({ verb: 'get', resource, group, name, namespace: 'c-edge-1' })).toBe(true);
    }
    expect(await other.may({ verb: 'create', resource: 'clusteraccesses', group: 'paddock.dev', ...HERE })).toBe(true);
    const stranger = fleet.personInHub('stranger');
    expect(await stranger.may({ verb: 'create', resource: 'clusteraccesses', group: 'paddock.dev', ...HERE })).toBe(
      false,
    );
  });

  test('that is deleted ends its token; the others of the person stay', async () => {
    await ask(anna, 'second', { user: 'anna' });
    const [first, second] = await Promise.all([fileOf('mine'), fileOf('second')]);
    expect((await kubectl(second, 'get', 'nodes')).code).toBe(0);
    const { status } = await issued('second');

    await anna.client.delete(ClusterAccessResource, { ...HERE, name: 'second' });

    await refused(second);
    expect(await fleet.hub.find(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' })).toBeUndefined();
    await eventually(async () => !(await fleet.hub.find(ClusterAccessResource, { ...HERE, name: 'second' })), {
      ...WITHIN,
      what: 'the access is gone',
    });
    expect((await kubectl(first, 'get', 'nodes')).code).toBe(0);
    const own = { ...HERE, name: status?.secretRef?.name ?? '' };
    expect(await fleet.hub.find(Roles, own)).toBeUndefined();
    expect(await fleet.hub.find(RoleBindings, own)).toBeUndefined();
  });

  test('that is over says so, and its credentials are gone', async () => {
    const file = await fileOf('mine');
    const { metadata, status } = await issued('mine');
    const past = new Date(Date.now() - 1_000).toISOString();
    await fleet.hub.mergePatch(
      ClusterAccessResource,
      { ...HERE, name: 'mine' },
      { status: { expiresAt: past } },
      {
        subresource: 'status',
      },
    );
    await fleet.whileDown(async () => undefined);

    expect((await ready('mine', 'Expired')).message).toContain('make another');
    await refused(file);
    expect(await fleet.hub.find(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' })).toBeUndefined();
    await eventually(async () => (await fleet.downstream.list(Secrets, ANCHORS)).items.length === 0, {
      ...WITHIN,
      what: 'nothing is left downstream',
    });
    expect((await read('mine')).status?.secretRef).toBeUndefined();
    await anna.client.delete(ClusterAccessResource, { ...HERE, name: metadata.name ?? '' });
  });

  test('ends when no binding names its user or groups any more, and does not come back', async () => {
    const ida = fleet.personInHub('ida', ['team']);
    const binding = await fleet.bind('ida', 'node-reader', [group('team')]);
    await binding.condition('Ready', 'True');
    await ask(ida, 'by-group', { user: 'ida', groups: ['team'] });
    const file = await fileOf('by-group');
    expect((await kubectl(file, 'get', 'nodes')).code).toBe(0);

    await binding.delete();

    await binding.gone();
    await ready('by-group', 'NoLongerBound');
    await refused(file);
    await untilAccount('ida', false);
    const again = await fleet.bind('ida', 'node-reader', [group('team')]);
    await again.condition('Ready', 'True');
    expect(findCondition((await read('by-group')).status?.conditions, 'Ready')?.reason).toBe('NoLongerBound');
    await refused(file);
  });

  test.each(['in the hub', 'on the cluster', 'with its account'])('whose Secret is deleted %s ends', async where => {
    await ask(anna, 'stripped', { user: 'anna' });
    const file = await fileOf('stripped');
    expect((await kubectl(file, 'get', 'nodes')).code).toBe(0);
    const name = (await read('stripped')).status?.secretRef?.name ?? '';
    if (where === 'in the hub') await fleet.hub.delete(Secrets, { ...HERE, name });
    else if (where === 'on the cluster') await fleet.downstream.delete(Secrets, { namespace: USERS, name });
    else await fleet.downstream.delete(ServiceAccounts, { namespace: USERS, name: accountName('anna') });

    await ready('stripped', 'CredentialsDeleted');
    await refused(file);
    expect(await fleet.hub.find(Secrets, { ...HERE, name })).toBeUndefined();
    expect(await fleet.downstream.find(Secrets, { namespace: USERS, name })).toBeUndefined();
    await anna.client.delete(ClusterAccessResource, { ...HERE, name: 'stripped' });
    await eventually(async () => !(await fleet.hub.find(ClusterAccessResource, { ...HERE, name: 'stripped' })), {
      ...WITHIN,
      what: 'the access is gone',
    });
  });

  test('waits for a binding', async () => {
    await fleet.access('early', { user: 'jan' });
    expect((await ready('early', 'NotBound')).message).toContain('user jan');
    await fleet.bind('jan', 'node-reader', [user('jan')]);
    await issued('early');
  });

  test('of the hub itself is refused', async () => {
    await fleet.fleet.importLocal({ name: 'here' });
    await fleet.fleet.connected('here');
    const binding = await fleet.bind('kim', 'node-reader', [user('kim')], { cluster: 'here' });
    await binding.condition('Ready', 'True');
    await fleet.access('here', { user: 'kim' }, 'c-here');
    expect((await ready('here', 'LocalCluster', 'c-here')).message).toContain('cluster here is the hub itself');
    expect(await fleet.hub.find(Namespaces, { name: USERS })).toBeUndefined();
  });

  test('of a cluster of which nobody said where people reach it says so, whether it is connected or not', async () => {
    const metadata = { name: 'hidden' };
    const spec = { connection: { agent: {} }, defaultProjects: false } as const;
    const cluster = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', metadata, spec } as const;
    await fleet.hub.create(ClusterResource, {}, cluster);
    await eventually(() => fleet.bind('leo', 'node-reader', [user('leo')], { cluster: 'hidden' }), {
      ...WITHIN,
      what: 'the namespace of the cluster is there',
    });
    await fleet.access('hidden', { user: 'leo' }, 'c-hidden');
    expect((await ready('hidden', 'EndpointUnknown', 'c-hidden')).message).toContain('spec.endpoint');
  });

  test('goes on without the hub', async () => {
    await ask(anna, 'lasting', { user: 'anna' });
    const file = await fileOf('lasting');
    const { controlPlane } = fleet.fleet.hub;
    await controlPlane.stopApiServer();
    try {
      expect((await kubectl(file, 'get', 'nodes')).code).toBe(0);
    } finally {
      await controlPlane.startApiServer();
    }
  });
});

async function ask(by: Person, name: string, spec: ClusterAccess['spec']): Promise<void> {
  const body = { apiVersion: 'paddock.dev/v1alpha1', kind: 'ClusterAccess', metadata: { name }, spec } as const;
  await by.client.create(ClusterAccessResource, HERE, body);
}

const read = (name: string, namespace = 'c-edge-1') => fleet.hub.get(ClusterAccessResource, { namespace, name });

async function ready(name: string, reason: string, namespace?: string): Promise<Condition> {
  return await eventually(
    async () => {
      const found = findCondition((await read(name, namespace)).status?.conditions, 'Ready');
      return found?.reason === reason ? found : undefined;
    },
    { ...WITHIN, what: `ClusterAccess ${name} says ${reason}` },
  );
}

async function issued(name: string): Promise<ClusterAccess> {
  await ready(name, 'Issued');
  return await read(name);
}

async function fileOf(name: string): Promise<string> {
  const { status } = await issued(name);
  const secret = await fleet.hub.get(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' });
  return await saved(secret.data?.kubeconfig);
}

async function saved(kubeconfig = ''): Promise<string> {
  const file = join(folder, `${Math.random()}`);
  await writeFile(file, Buffer.from(kubeconfig, 'base64'), { mode: 0o600 });
  return file;
}

const kubectl = (file: string, ...args: readonly string[]) =>
  fleet.fleet.edge().controlPlane.kubectl(['--kubeconfig', file, ...args]);

/** The token is no good any more: the API server remembers a good one for some seconds. */
async function refused(file: string): Promise<void> {
  await eventually(async () => /Unauthorized|provide credentials/.test((await kubectl(file, 'get', 'nodes')).stderr), {
    ...WITHIN,
    what: 'the token is refused',
  });
}
