import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource, ProjectResource } from '#api';
import { Namespaces } from '#runtime';
import { ClusterRoleBindings, ClusterRoles } from '../../operators/cluster/registration/kinds.ts';
import { applyManifest, createAgentCluster, manifestOf, type RunningAgent, startAgent } from '../support/agents.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { ClusterHistory, hubNamespacesGone } from './deleted-clusters.ts';
import { DerivedByAgent, INSTALLED, installed } from './derived-by-agent.ts';

jest.setTimeout(180_000);

const WITHIN = { timeoutMs: 60_000 };
const HEARTBEAT = { interval: '2s', timeout: '6s' };

let fleet: Fleet;
let edge: Site;
let history: ClusterHistory;
const agents = new Set<RunningAgent>();

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

test('Clean: the agent takes everything that is ours, then itself, and ends', async () => {
  const { cluster, agent } = await joined('remote-1');
  const derived = await DerivedByAgent.create(fleet, edge, cluster, 'clean-1');
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
