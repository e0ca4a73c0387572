import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterAccessResource, RoleTemplateBindingResource } from '#api';
import { findCondition, isConditionTrue, type KubeObject } from '#runtime';
import {
  type BindingObject,
  ClusterRoleBindings,
  ClusterRoles,
  RoleBindings,
  type RoleObject,
} from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { accessOfSecret, accountName } from '../../operators/rbac/account.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import { crashPoints } from '../support/crash-points.ts';
import { type Crash, untilKilledOrDone } from '../support/crashes.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import { OperatorProcesses } from '../support/operator-process.ts';

const TIMEOUT_MS = 30_000;
const ALL_MS = 1_800_000;
const POINTS = crashPoints(4);
const read = (resource: string) => ({ verbs: ['list'], apiGroups: [''], resources: [resource] });

let fleet: AccessFleet;
let processes: OperatorProcesses;
beforeAll(async () => {
  [fleet, processes] = await Promise.all([AccessFleet.start(), OperatorProcesses.prepare()]);
  await fleet.template('nodes', { context: 'Cluster', rules: [read('nodes')] });
  await fleet.template('volumes', { context: 'Cluster', rules: [read('persistentvolumes')] });
  await fleet.template('pods', {
    context: 'Project',
    rules: [read('pods'), { verbs: ['manage-namespaces'], apiGroups: ['paddock.dev'], resources: ['projects'] }],
    hubRules: [read('configmaps')],
  });
  await fleet.project('team', ['team-1', 'team-2']);
}, 120_000);
afterAll(async () => {
  await processes?.stop();
  await fleet?.stop();
});

/** Everything of ours that gives access, a line each, and the bindings with what they say. */
async function picture(): Promise<string[]> {
  const marked = { labelSelector: 'paddock.dev/owner' };
  const users = { ...marked, namespace: 'paddock-users' };
  const [roles, clusterBindings, bindings, hubBindings, templateBindings, accounts, anchors, secrets, accesses] =
    await Promise.all([
      fleet.downstream.list(ClusterRoles, marked),
      fleet.downstream.list(ClusterRoleBindings, marked),
      fleet.downstream.list(RoleBindings, marked),
      fleet.hub.list(RoleBindings, { ...marked, namespace: 'p-edge-1--team' }),
      fleet.hub.list(RoleTemplateBindingResource),
      fleet.downstream.list(ServiceAccounts, users),
      fleet.downstream.list(Secrets, users),
      fleet.hub.list(Secrets, { ...marked, namespace: 'c-edge-1' }),
      fleet.hub.list(ClusterAccessResource),
    ]);
  const uids = new Map(accesses.items.map(({ metadata }) => [metadata.uid ?? '', metadata.name ?? '']));
  const ofAccess =
    (what: string) =>
    ({ metadata }: KubeObject) =>
      `${what} of access ${uids.get(accessOfSecret(metadata?.name ?? '')) ?? 'nobody'}`;
  const role = ({ metadata, rules, aggregationRule }: RoleObject) =>
    metadata?.name?.startsWith('paddock-user:')
      ? `role to be ${(rules ?? []).flatMap(({ resourceNames = [] }) => resourceNames).join()}`
      : `${metadata?.name} ${aggregationRule ? 'aggregates' : (rules ?? []).flatMap(({ resources }) => resources).join()}`;
  const binding = ({ metadata, subjects }: BindingObject) =>
    metadata?.name?.startsWith('paddock-user:')
      ? `bound to be ${nameOf(metadata.name)}`
      : `${metadata?.namespace ?? ''}/${metadata?.name} ${(subjects ?? []).map(({ name }) => name).join()}`;
  return [
    ...roles.items.map(role),
    ...[...clusterBindings.items, ...bindings.items, ...hubBindings.items.filter(isNotAgents)].map(binding),
    ...templateBindings.items.map(
      ({ metadata, status }) =>
        `${metadata.name} ${metadata.deletionTimestamp ? 'going' : isConditionTrue(status?.conditions, 'Ready') ? `ready ${status?.observedGeneration === metadata.generation}` : 'not ready'}`,
    ),
    ...accounts.items.map(({ metadata }) => `account ${nameOf(metadata?.name)}`),
    ...anchors.items.map(ofAccess('anchor')),
    ...secrets.items.filter(({ metadata }) => metadata?.name?.startsWith('access-')).map(ofAccess('kubeconfig')),
    ...accesses.items.map(
      ({ metadata, status }) =>
        `access ${metadata.name} ${metadata.deletionTimestamp ? 'going' : findCondition(status?.conditions, 'Ready')?.reason}`,
    ),
  ]
    .filter(line => !line.includes('policy-probe')) // who works here makes none of that
    .sort();
}

/** The rights of an agent are not the matter here. */
const isNotAgents = ({ metadata }: KubeObject) => metadata?.name !== 'paddock-agent';

/** Whose account this is, or what belongs to it. */
function nameOf(name = ''): string {
  return PEOPLE.find(person => name.endsWith(accountName(person))) ?? name;
}

const PEOPLE = ['anna', 'bert', 'cora', 'dora'];
const accountsOf = (...people: readonly string[]) =>
  people.flatMap(name => [`account ${name}`, `bound to be ${name}`, `role to be ${name}`]);

async function untilPicture(wanted: readonly string[]): Promise<void> {
  const what = 'everything is as it should be';
  await eventuallyPasses(async () => expect(await picture()).toEqual(wanted), { timeoutMs: TIMEOUT_MS, what });
}

const BEGIN = [
  ...accountsOf('anna', 'bert'),
  'access annas Issued',
  'access berts Issued',
  'anchor of access annas',
  'anchor of access berts',
  'kubeconfig of access annas',
  'kubeconfig of access berts',
  '/paddock:nodes anna,bert',
  '/paddock:pods:project:team anna',
  'nodes ready true',
  'p-edge-1--team/paddock:pods anna',
  'paddock:nodes aggregates',
  'paddock:nodes:rules nodes',
  'paddock:pods aggregates',
  'paddock:pods:project:team projects',
  'paddock:pods:rules pods',
  'pods ready true',
  'team-1/paddock:pods anna',
  'team-2/paddock:pods anna',
].sort();

const END = [
  ...accountsOf('bert', 'cora', 'dora'),
  'access annas NoLongerBound',
  'access doras Issued',
  'anchor of access doras',
  'kubeconfig of access doras',
  '/paddock:nodes bert,cora',
  '/paddock:volumes dora',
  'nodes ready true',
  'paddock:nodes aggregates',
  'paddock:nodes:rules nodes',
  'paddock:volumes aggregates',
  'paddock:volumes:rules persistentvolumes',
  'volumes ready true',
].sort();

async function runWithDeathAt(write: number): Promise<Crash> {
  const nodes = await fleet.bind('nodes', 'nodes', [user('anna'), user('bert')]);
  const pods = await fleet.bind('pods', 'pods', [user('anna')], { project: 'team' });
  for (const name of ['anna', 'bert']) await fleet.access(`${name}s`, { user: name });
  await untilPicture(BEGIN);
  await fleet.stopWorker();
  await nodes.subjects(user('bert'), user('cora'));
  await pods.delete();
  const volumes = await fleet.bind('volumes', 'volumes', [user('dora')]);
  await fleet.hub.delete(ClusterAccessResource, { namespace: 'c-edge-1', name: 'berts' });
  await fleet.access('doras', { user: 'dora' });
  const mortal = fleet.startMortalWorker(processes, write);
  const isDone = async () => (await picture()).join() === END.join();
  const crash = await untilKilledOrDone(mortal, { write, isDone, timeoutMs: TIMEOUT_MS });
  fleet.startWorker();
  await untilPicture(END);
  await removeAll([nodes, volumes]);
  return crash;
}

async function removeAll(bindings: readonly Binding[]): Promise<void> {
  for (const name of ['annas', 'doras']) await fleet.hub.delete(ClusterAccessResource, { namespace: 'c-edge-1', name });
  for (const binding of bindings) await binding.delete();
  for (const binding of bindings) await binding.gone();
  await untilPicture([]);
}

test(
  `who works on the cluster, killed at ${POINTS.description}, comes to the same end, with nothing left over, when it is started again`,
  async () => {
    expect(await POINTS.untilCompleted(runWithDeathAt)).toBeGreaterThanOrEqual(24);
  },
  ALL_MS,
);
