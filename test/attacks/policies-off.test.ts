import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { ClusterAccessResource, ClusterResource } from '#api';
import { type Condition, findCondition } from '#runtime';
import { type ControlPlane, startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import { AccessFleet, type Binding, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';

jest.setTimeout(180_000);

const WITHIN = { timeoutMs: 90_000 };
const NO_POLICIES = ['--disable-admission-plugins=ValidatingAdmissionPolicy'];

let fleet: AccessFleet;
/** The API server of edge-1 that was started last, where that is not the fleet's own. */
let again: ControlPlane | undefined;
let olga: Person;
let binding: Binding;

beforeAll(async () => {
  fleet = await AccessFleet.start(undefined, { downstreamFlags: NO_POLICIES });
}, 180_000);
afterAll(async () => {
  await again?.stopProcesses();
  await fleet?.stop();
});

/** Starts edge-1 anew with these flags: the same cluster at the same address. */
async function restart(apiServerFlags: readonly string[]): Promise<void> {
  const { name, dir } = fleet.fleet.edge().controlPlane;
  await (again ?? fleet.fleet.edge().controlPlane).stopProcesses();
  again = await startControlPlane({ name, dir, apiServerFlags });
}

async function clusterSays(type: string, status: Condition['status'], reason: string): Promise<Condition> {
  const probe = async () => {
    const cluster = await fleet.hub.get(ClusterResource, { name: 'edge-1' });
    const found = findCondition(cluster.status?.conditions, type);
    return found?.status === status && found.reason === reason ? found : undefined;
  };
  return await eventually(probe, { ...WITHIN, what: `Cluster edge-1 has ${type}=${status} ${reason}` });
}

async function clusterEnforces(enforces: boolean): Promise<void> {
  const read = () => fleet.hub.get(ClusterResource, { name: 'edge-1' });
  const probe = async () => (await read()).status?.policiesEnforced === enforces;
  await eventually(probe, { ...WITHIN, what: `Cluster edge-1 has policiesEnforced: ${enforces}` });
}

async function accessSays(name: string, reason: string): Promise<void> {
  const probe = async () => {
    const access = await fleet.hub.get(ClusterAccessResource, { namespace: 'c-edge-1', name });
    return findCondition(access.status?.conditions, 'Ready')?.reason === reason;
  };
  await eventually(probe, { ...WITHIN, what: `ClusterAccess ${name} says ${reason}` });
}

/** What only policies hold to a project; each as a deed and the namespace it is in. */
const GUARDED = [
  ['create namespaces'],
  ['patch namespaces', 'blue-1'],
  ['update namespaces', 'blue-1'],
  ['manage-namespaces projects.paddock.dev blue'],
  ['create-in-project projects.paddock.dev any'],
] as const;

async function holds(person: Person, may: boolean): Promise<void> {
  for (const [deed, namespace] of GUARDED) expect([deed, await person.may(deed, namespace)]).toEqual([deed, may]);
}

async function people(): Promise<string[]> {
  const { items } = await fleet.downstream.list(ServiceAccounts, { namespace: 'paddock-users' });
  return items.map(({ metadata }) => metadata?.name ?? '').filter(name => name.startsWith('u-'));
}

// A project owner made namespaces outside of her project and moved others, on a cluster that was called Ready.
test('an API server without ValidatingAdmissionPolicy: nothing that policies guard is given, and the Cluster says so', async () => {
  await fleet.project('blue', ['blue-1']); // which is Ready: limits and copies need no policy
  olga = fleet.person('olga');
  binding = await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'blue' });
  await fleet.access('olgas', { user: 'olga' });

  const { message } = await clusterSays('Ready', 'False', 'PoliciesNotInstalled');

  expect(message).toMatch(/does not enforce ValidatingAdmissionPolicy.*--disable-admission-plugins.*--runtime-config/);
  await clusterEnforces(false);
  await clusterSays('Connected', 'True', 'Connected');
  await fleet.until(true, olga, 'get secrets', 'blue-1');
  await fleet.until(true, olga, 'get namespaces', 'blue-1');
  const said = await binding.condition('Ready', 'False', 'PoliciesNotInstalled');
  expect(said.message).toContain('see Ready of Cluster edge-1');
  await holds(olga, false);
  await accessSays('olgas', 'PoliciesNotInstalled');
  expect(await people()).toEqual([]);
});

test('started with it the cluster is proven, and everything is given without anybody’s doing', async () => {
  await restart([]);

  await clusterEnforces(true);
  await clusterSays('Ready', 'True', 'Ready');
  for (const [deed, namespace] of GUARDED) await fleet.until(true, olga, deed, namespace);
  await binding.condition('Ready', 'True', 'Bound');
  await accessSays('olgas', 'Issued');
  expect(await people()).toHaveLength(1);
});

test('started without it once more: what is there stays and is taken back, and nobody is added', async () => {
  await restart(NO_POLICIES);
  await clusterEnforces(false);

  const more = await fleet.bind('rita', 'project-owner', [user('rita')], { project: 'blue' });
  await fleet.access('ritas', { user: 'rita' });

  await more.condition('Ready', 'False', 'PoliciesNotInstalled');
  await accessSays('ritas', 'PoliciesNotInstalled');
  await holds(olga, true);
  await holds(fleet.person('rita'), false);
  expect(await people()).toHaveLength(1);
  await binding.delete();
  await binding.gone();
  await holds(olga, false);
});
