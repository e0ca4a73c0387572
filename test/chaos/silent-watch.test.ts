import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findCondition, type WatcherTimings } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';
import type { Person } from '../support/person.ts';
import { type ProxiedSite, proxied } from './proxied.ts';

/** One second stands for a minute of the default timings. */
const MINUTE_MS = 1_000;
const TIMINGS: Partial<WatcherTimings> = { idleMs: 3 * MINUTE_MS, watchSeconds: [5, 10] };
const RULES = (resource: string) => [{ verbs: ['list'], apiGroups: [''], resources: [resource] }];

let fleet: AccessFleet;
let edge: ProxiedSite;
beforeAll(async () => {
  const throughProxy = async (site: Site) => {
    edge = await proxied(site);
    return edge.kubeconfig;
  };
  // the cluster operator asks over connections of its own, which must not make an outage of it
  fleet = await AccessFleet.start(throughProxy, { heartbeat: { interval: '5s', timeout: '5m' } });
  await fleet.rbac.stop();
  fleet.rbac = fleet.fleet.start(['rbac'], { timings: TIMINGS });
  await fleet.template('nodes', { context: 'Cluster', rules: RULES('nodes') });
  await fleet.template('pods', { context: 'Project', rules: RULES('pods') });
  await fleet.project('team', ['team-1', 'team-2']);
}, 120_000);
afterAll(async () => {
  await edge?.proxy.stop();
  await fleet?.stop();
});

/** A write over a silent connection is given up after 30 s of real time, and there may be several such connections. */
async function until(may: boolean, person: Person, deed: string, namespace?: string): Promise<void> {
  const what = `${person.name} ${may ? 'may' : 'may not'} ${deed}`;
  await eventually(async () => (await person.may(deed, namespace)) === may, { timeoutMs: 150_000, what });
}

test('what is edited and deleted while watches are silent for 70 minutes is as it was, and nothing was engaged anew', async () => {
  const [anna, mallory] = [fleet.person('anna'), fleet.person('mallory')];
  const bindings = [
    await fleet.bind('nodes', 'nodes', [user('anna')]),
    await fleet.bind('pods', 'pods', [user('anna')], { project: 'team' }),
  ];
  for (const binding of bindings) await binding.condition('Ready', 'True');
  const before = await fleet.connected('True');

  edge.proxy.silence();
  const open = edge.proxy.totalConnections;
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'mallory' }];
  await fleet.downstream.mergePatch(RoleBindings, { namespace: 'team-1', name: 'paddock:pods' }, { subjects });
  await fleet.downstream.delete(RoleBindings, { namespace: 'team-2', name: 'paddock:pods' });
  await fleet.downstream.mergePatch(ClusterRoles, { name: 'paddock:pods:rules' }, { rules: RULES('secrets') });
  await fleet.downstream.delete(ClusterRoles, { name: 'paddock:nodes' });
  await fleet.downstream.delete(ClusterRoleBindings, { name: 'paddock:nodes' });
  expect(await mallory.may('list secrets', 'team-1')).toBe(true);

  await until(true, anna, 'list nodes');
  for (const namespace of ['team-1', 'team-2']) await until(true, anna, 'list pods', namespace);
  await until(false, mallory, 'list secrets', 'team-1');
  expect(await mallory.may('list pods', 'team-1')).toBe(false);

  expect(edge.proxy.totalConnections).toBeGreaterThan(open);
  const after = await fleet.connected('True');
  const transition = ({ status }: typeof after) => findCondition(status?.conditions, 'Connected')?.lastTransitionTime;
  expect(transition(after)).toBe(transition(before));
  for (const binding of bindings) await binding.delete();
  for (const binding of bindings) await binding.gone();
}, 240_000);

test('watches that stay silent for 70 minutes whenever they are opened, then do not: the same', async () => {
  const anna = fleet.person('anna');
  const binding = await fleet.bind('later', 'nodes', [user('anna')]);
  await binding.condition('Ready', 'True');

  edge.proxy.freeze();
  await fleet.downstream.delete(ClusterRoleBindings, { name: 'paddock:nodes' });
  await delay(70 * MINUTE_MS); // the silence itself is what is looked at
  expect(await anna.may('list nodes')).toBe(false);
  edge.proxy.cut(); // what was held back never comes
  edge.proxy.thaw();

  await until(true, anna, 'list nodes');
  await binding.delete();
  await binding.gone();
}, 300_000);
