import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource, ProjectResource } from '#api';
import { type KubeObject, Namespaces } from '#runtime';
import { ClusterRoleBindings, ClusterRoles } from '../../operators/cluster/registration/kinds.ts';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { applyManifest, createAgentCluster, manifestOf, type RunningAgent, startAgent } from '../support/agents.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { ClusterHistory, hubNamespacesGone } from './deleted-clusters.ts';
import { DERIVED, DerivedByAgent, INSTALLED, installed } from './derived-by-agent.ts';

jest.setTimeout(180_000);

const WITHIN = { timeoutMs: 60_000 };
const HEARTBEAT = { interval: '2s', timeout: '6s' };

let fleet: Fleet;
let edge: Site;
let history: ClusterHistory;
let derived: DerivedByAgent | undefined;
const agents = new Set<RunningAgent>();

interface Rules extends KubeObject {
  readonly rules?: readonly { readonly verbs: readonly string[] }[];
}

beforeAll(async () => {
  fleet = await startFleet();
  edge = fleet.edge(1);
  fleet.start(['cluster']);
  fleet.start(['project']);
  history = await ClusterHistory.start(fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await Promise.allSettled([...agents].map(agent => agent.stop()));
  await fleet?.stop();
}, 60_000);

function start(): RunningAgent {
  const agent = startAgent(edge);
  agents.add(agent);
  return agent;
}

/** A Cluster by agent that is connected, and its agent. */
async function joined(name: string, spec: Partial<Cluster['spec']> = {}) {
  const cluster = await createAgentCluster(fleet, name, { heartbeat: HEARTBEAT, ...spec });
  const manifest = await manifestOf(fleet, name);
  // namespace paddock-system of the one before may be going
  await eventually(() => applyManifest(edge, manifest).then(() => true), {
    ...WITHIN,
    what: 'the manifest is applied',
  });
  const agent = start();
  await fleet.connected(name, 'True', WITHIN.timeoutMs);
  await installedIs(INSTALLED);
  return { cluster, agent };
}

async function installedIs(wanted: readonly string[]): Promise<void> {
  await eventuallyPasses(async () => expect(await installed(edge)).toEqual(wanted), {
    ...WITHIN,
    what: `the agent has on its cluster: ${wanted.join(', ') || 'nothing'}`,
  });
}

const remove = (name: string) => fleet.hub.client.delete(ClusterResource, { name });

/** Nothing that let an agent of this cluster into the hub is left. */
async function hubRightsGone(name: string): Promise<void> {
  await hubNamespacesGone(fleet.hub, name);
  const { client } = fleet.hub;
  await eventually(
    async () => {
      const left = await Promise.all([
        client.find(ClusterRoles, { name: `paddock:agent:${name}` }),
        client.find(ClusterRoleBindings, { name: `paddock:agent:${name}` }),
        client.find(ClusterRoleBindings, { name: `paddock:agent:${name}:hub` }),
      ]);
      return left.every(object => object === undefined);
    },
    { ...WITHIN, what: `no right of the agent of ${name} is left in the hub` },
  );
}

const claim = () => edge.client.find(ConfigMaps, CLAIM);

test('a Cluster that no agent has joined goes at once', async () => {
  const never = await createAgentCluster(fleet, 'never');
  await manifestOf(fleet, 'never');

  await remove('never');

  expect(await history.gone(never)).toMatchObject({ status: 'True', reason: 'NothingDerived' });
  await hubRightsGone('never');
});

test('Clean: the agent takes everything that is ours, then itself, and ends', async () => {
  const { cluster, agent } = await joined('remote-1');
  derived = await DerivedByAgent.create(fleet, edge, cluster, 'clean-1');
  await fleet.hub.client.create(
    ProjectResource,
    { namespace: 'c-remote-1' },
    { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', metadata: { name: 'a' }, spec: {} },
  );

  await remove('remote-1');

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  expect(await derived.present()).toEqual([]);
  await derived.expectForeignUntouched();
  await agent.ended;
  await installedIs([]);
  await hubRightsGone('remote-1');
  expect(await fleet.hub.client.find(Namespaces, { name: 'paddock-system' })).toBeDefined();
  const reasons = history.cleaned(cluster).map(({ reason }) => reason);
  expect(reasons.filter(reason => ['Cleaning', 'Cleaned'].includes(reason))).toEqual(['Cleaning', 'Cleaned']);
});

test('Orphan: what was derived stays; the claim and the agent go', async () => {
  const { cluster, agent } = await joined('remote-2', { deletionPolicy: 'Orphan' });
  derived = await DerivedByAgent.create(fleet, edge, cluster, 'orphan-1');

  await remove('remote-2');

  expect(await history.gone(cluster)).toMatchObject({ status: 'False', reason: 'Orphaned' });
  expect(history.cleaned(cluster).map(({ reason }) => reason)).not.toContain('Cleaning');
  await agent.ended;
  await installedIs(['Namespace']);
  expect(await derived.present()).toEqual(DERIVED);
  await hubRightsGone('remote-2');
});

test('made again under its name it starts fresh; an agent that is refused something says what, and goes on', async () => {
  const { cluster, agent } = await joined('remote-2');
  expect((await claim())?.data).toMatchObject({ cluster: cluster.metadata.uid });
  const role = await edge.client.get<Rules>(ClusterRoles, { name: 'paddock-agent' });
  const rules = role.rules?.map(rule => ({ ...rule, verbs: rule.verbs.filter(verb => verb !== 'delete') }));
  await edge.client.mergePatch<Rules>(ClusterRoles, { name: 'paddock-agent' }, { rules });

  await remove('remote-2');
  const refused = await eventually(() => history.cleaned(cluster).find(({ reason }) => reason === 'CleanupFailed'), {
    ...WITHIN,
    what: 'the agent is refused',
  });

  expect(refused.message).toContain('cannot delete resource "secrets"');
  await edge.client.mergePatch<Rules>(ClusterRoles, { name: 'paddock-agent' }, { rules: role.rules });
  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  expect(await derived?.present()).toEqual([]);
  await agent.ended;
  await installedIs([]);
  await hubRightsGone('remote-2');
});

test('a cluster that is somebody else’s by its claim is not touched', async () => {
  const { cluster } = await joined('remote-3');
  derived = await DerivedByAgent.create(fleet, edge, cluster, 'foreign-1');
  await edge.client.mergePatch(ConfigMaps, CLAIM, { data: { hub: 'another', cluster: 'x', name: 'theirs' } });

  await remove('remote-3');

  const last = await history.gone(cluster);
  expect(last).toMatchObject({ status: 'False', reason: 'AlreadyClaimed' });
  expect(last?.message).toContain('Cluster theirs of the hub');
  await hubRightsGone('remote-3');
  expect(await derived.present()).toEqual(DERIVED);
  expect(await installed(edge)).toEqual(INSTALLED);
  expect((await claim())?.data).toMatchObject({ name: 'theirs' });
});
