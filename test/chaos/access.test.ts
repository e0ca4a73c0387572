import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ClusterAccessResource, ClusterResource, RoleTemplateBindingResource } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accountName, accountRoleName } from '../../operators/rbac/account.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { QUICK } from '../support/agent-fleet.ts';
import { eventually, untilStill } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { type ProxiedSite, proxied } from './proxied.ts';

const READ_PODS = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };
const READ_NODES = { verbs: ['list'], apiGroups: [''], resources: ['nodes'] };

let fleet: AccessFleet;
let edge: ProxiedSite;
beforeAll(async () => {
  const throughProxy = async (site: Site) => {
    edge = await proxied(site);
    return edge.kubeconfig;
  };
  fleet = await AccessFleet.start(throughProxy, { heartbeat: QUICK });
  await fleet.template('nodes', { context: 'Cluster', rules: [READ_NODES] });
  await fleet.template('volumes', { context: 'Cluster', rules: [{ ...READ_NODES, resources: ['persistentvolumes'] }] });
  await fleet.template('pods', { context: 'Project', rules: [READ_PODS] });
  await fleet.project('team', ['team-1', 'team-2']);
}, 120_000);
afterAll(async () => {
  await edge?.proxy.stop();
  await fleet?.stop();
});

/** What the rbac operators wrote downstream from now on. */
function writesFrom(start: number): string[] {
  return fleet.rbac.writes
    .slice(start)
    .filter(({ path }) => /rolebindings|clusterroles|serviceaccounts/.test(path) && !/namespaces\/[cp]-/.test(path))
    .map(({ method, path }) => `${method} ${decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))}`);
}

async function mayNot(person: Person, deed: string, namespace?: string): Promise<void> {
  expect(await person.may(deed, namespace)).toBe(false);
}

describe('a cluster that is not reached while access changes', () => {
  let [anna, bert, cora]: Person[] = [];
  beforeEach(async () => {
    [anna, bert, cora] = ['anna', 'bert', 'cora'].map(name => fleet.person(name));
  });
  afterEach(() => edge.proxy.thaw());

  test.each([
    ['and the operator goes on', false],
    ['and the operator is started anew', true],
  ])(
    'gives up what was revoked before it is given anything: %s',
    async (_what, restarted) => {
      if (!anna || !bert || !cora) throw new Error('three people were made');
      const nodes = await fleet.bind('nodes', 'nodes', [user('anna'), user('bert')]);
      const pods = await fleet.bind('pods', 'pods', [user('anna')], { project: 'team' });
      await fleet.until(true, anna, 'list pods', 'team-2');
      for (const binding of [nodes, pods]) await binding.condition('Ready', 'True');
      edge.proxy.freeze();
      await fleet.connected('Unknown');

      const change = async () => {
        await nodes.subjects(user('bert'), user('cora'));
        await pods.delete();
      };
      if (restarted) await fleet.whileDown(change);
      else await change();
      const volumes = await fleet.bind('volumes', 'volumes', [user('cora')]);
      for (const binding of [nodes, pods]) {
        const pending = await binding.condition('RevocationPending', 'True');
        expect(pending.message).toContain('edge-1');
        await binding.status(({ clusters }) => expect(clusters).toEqual({ total: 1, bound: 0, pending: ['edge-1'] }));
      }
      await volumes.condition('Ready', 'False', 'ClusterNotConnected');
      expect((await volumes.read()).status?.conditions?.map(({ type }) => type)).not.toContain('RevocationPending');
      const start = fleet.rbac.writes.length;
      edge.proxy.thaw();

      await pods.gone();
      await fleet.until(true, cora, 'list persistentvolumes');
      await fleet.until(true, cora, 'list nodes');
      await mayNot(anna, 'list nodes');
      for (const namespace of ['team-1', 'team-2']) await mayNot(anna, 'list pods', namespace);
      expect(await bert.may('list nodes')).toBe(true);
      await nodes.condition('Ready', 'True');
      expect((await nodes.read()).status?.conditions?.map(({ type }) => type)).not.toContain('RevocationPending');
      const writes = writesFrom(start);
      const account = accountName('anna');
      const accountRole = accountRoleName(account);
      const ofAnna = [`DELETE ${accountRole}`, `DELETE ${accountRole}`, `DELETE ${account}`];
      const revocations = ['PATCH paddock:nodes', 'DELETE paddock:pods', 'DELETE paddock:pods', ...ofAnna];
      const granted = writes.findIndex(write => write.startsWith('POST'));
      expect(granted).toBeGreaterThan(0);
      for (const write of revocations) {
        const count = (list: readonly string[]) => list.filter(each => each === write).length;
        expect(count(writes.slice(0, granted))).toBeGreaterThanOrEqual(count(revocations));
      }
      for (const binding of [nodes, volumes]) {
        await binding.delete();
        await binding.gone();
      }
    },
    120_000,
  );
});

test('at rest and after a restart nothing is written', async () => {
  const nodes = await fleet.bind('rest-nodes', 'nodes', [user('anna')]);
  const pods = await fleet.bind('rest-pods', 'pods', [user('anna')], { project: 'team' });
  for (const binding of [nodes, pods]) await binding.condition('Ready', 'True');
  await untilStill(() => fleet.rbac.writes.length);

  await fleet.whileDown(async () => undefined);
  await nodes.annotate({ looked: 'at' });
  const marker = await fleet.bind('rest-marker', 'volumes', [user('bert')]);
  await marker.condition('Ready', 'True');
  await untilStill(() => fleet.rbac.writes.length);

  // of the role three objects, of the account three, a finalizer and a status
  const ofMarker = fleet.rbac.writes.filter(({ method, path }) => method === 'POST' || path.includes('rest-marker'));
  expect(ofMarker).toHaveLength(8);
  expect(
    fleet.rbac.writes.filter(
      write => !ofMarker.includes(write) && !/templates\/volumes|paddock%3Aaccess%3Acreate/.test(write.path),
    ),
  ).toEqual([]);
  for (const binding of [nodes, pods, marker]) {
    await binding.delete();
    await binding.gone();
  }
});

const DERIVED: readonly ResourceType[] = [ClusterRoleBindings, RoleBindings, ClusterRoles];

/** Everything of ours that gives access downstream. */
async function derived(): Promise<string[]> {
  const lists = await Promise.all(
    DERIVED.map(type => fleet.downstream.list<KubeObject>(type, { labelSelector: 'paddock.dev/owner' })),
  );
  return lists
    .flatMap(({ items }) => items.map(({ metadata }) => `${metadata?.namespace ?? ''}/${metadata?.name}`))
    .sort();
}

test('a hub from which the kind RoleTemplateBinding is removed, and put back, takes nothing from anybody', async () => {
  const binding = await fleet.bind('kept', 'pods', [user('dora')], { project: 'team' });
  await binding.condition('Ready', 'True');
  const before = await derived();
  const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/roletemplatebindings.paddock.dev';
  const { transport } = fleet.hub;
  const {
    metadata: _metadata,
    status: _status,
    ...crd
  } = JSON.parse((await transport.request({ method: 'GET', path: definition })).body);

  await transport.request({ method: 'DELETE', path: definition });
  await eventually(async () => (await transport.request({ method: 'GET', path: definition })).status === 404, {
    timeoutMs: 30_000,
    what: 'the kind is removed',
  });
  await untilStill(() => fleet.rbac.writes.length);
  expect(await derived()).toEqual(before);
  const body = JSON.stringify({ ...crd, metadata: { name: 'roletemplatebindings.paddock.dev' } });
  const headers = { 'content-type': 'application/json' };
  await transport.request({ method: 'POST', path: definition.slice(0, definition.lastIndexOf('/')), body, headers });
  const again = await eventually(
    async () => await fleet.bind('kept', 'pods', [user('dora'), user('emil')], { project: 'team' }),
    { timeoutMs: 30_000, what: 'the kind is served again' },
  );

  await fleet.until(true, fleet.person('emil'), 'list pods', 'team-1');
  expect(await fleet.person('dora').may('list pods', 'team-1')).toBe(true);
  await again.delete();
  await again.gone();
  expect(await fleet.person('dora').may('list pods', 'team-1')).toBe(false);
}, 120_000);

test('a cluster that is handed back keeps no access of ours', async () => {
  await fleet.bind('last-nodes', 'nodes', [user('fred')]);
  await fleet.bind('last-pods', 'pods', [user('fred')], { project: 'team' });
  await fleet.until(true, fleet.person('fred'), 'list nodes');
  await fleet.until(true, fleet.person('fred'), 'list pods', 'team-1');
  await fleet.access('freds', { user: 'fred' });
  const users = { namespace: 'paddock-users', labelSelector: 'paddock.dev/owner' };
  await eventually(async () => (await fleet.downstream.list(Secrets, users)).items.length === 1, {
    timeoutMs: 20_000,
    what: 'his kubeconfig hangs on a Secret',
  });

  await fleet.hub.delete(ClusterResource, { name: 'edge-1' });

  await eventually(async () => !(await fleet.hub.find(ClusterResource, { name: 'edge-1' })), {
    timeoutMs: 60_000,
    what: 'the Cluster is gone',
  });
  expect(await derived()).toEqual([]);
  await mayNot(fleet.person('fred'), 'list nodes');
  expect((await fleet.downstream.list(ServiceAccounts, users)).items).toEqual([]);
  await eventually(async () => !(await fleet.downstream.find(Namespaces, { name: users.namespace })), {
    timeoutMs: 30_000,
    what: 'the namespace of accounts is gone',
  });
  await eventually(async () => (await fleet.hub.list(ClusterAccessResource)).items.length === 0, {
    timeoutMs: 20_000,
    what: 'the ClusterAccess went with its namespace',
  });
  const bindings = async () => (await fleet.hub.list(RoleTemplateBindingResource)).items;
  await eventually(async () => (await bindings()).length === 0, {
    timeoutMs: 20_000,
    what: 'its bindings went with its namespaces',
  });
}, 120_000);
