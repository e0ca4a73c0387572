import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource, clusterNamespace, LABEL_PROJECT } from '#api';
import { findCondition, Namespaces } from '#runtime';
import { applyManifest, createAgentCluster, manifestOf, type RunningAgent, startAgent } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SecretType, startFleet } from '../support/fleet.ts';
import { aNode, NodeType } from '../support/nodes.ts';

let fleet: Fleet;
let agent: RunningAgent | undefined;
let first: string;

beforeAll(async () => {
  fleet = await startFleet();
  fleet.start(['cluster']);
  fleet.start(['project']);
}, 60_000);

afterAll(async () => {
  await agent?.stop();
  await fleet?.stop();
});

const cluster = () => fleet.hub.client.get(ClusterResource, { name: 'remote-1' });

test('a Cluster by agent waits with a manifest, and says how it is applied', async () => {
  await createAgentCluster(fleet, 'remote-1', {
    heartbeat: { interval: '2s', timeout: '6s' },
    defaultProjects: true,
  });

  first = await manifestOf(fleet, 'remote-1');

  const waiting = await eventually(
    async () => {
      const { status } = await cluster();
      return status?.registration && findCondition(status.conditions, 'Connected') ? status : undefined;
    },
    { timeoutMs: 20_000, what: 'the status names the registration' },
  );
  expect(waiting.registration?.secretRef).toEqual({ name: 'registration' });
  expect(Date.parse(waiting.registration?.expiresAt ?? '') - Date.now()).toBeGreaterThan(23 * 3600_000);
  const connected = findCondition(waiting.conditions, 'Connected');
  expect(connected).toMatchObject({ status: 'Unknown', reason: 'WaitingForAgent' });
  expect(connected?.message).toContain('kubectl -n c-remote-1 get secret registration');
}, 60_000);

test('the manifest is all that it takes', async () => {
  await applyManifest(fleet.edge(), first);
  agent = startAgent(fleet.edge());

  const connected = await fleet.connected('remote-1');

  expect(connected.status?.agent).toEqual({ version: 'v0.0.0-test', replicas: 1 });
  // with its first heartbeat the agent can't know yet whether it may claim and guard the cluster
  await eventually(async () => findCondition((await cluster()).status?.conditions, 'Ready')?.status === 'True', {
    timeoutMs: 20_000,
    what: 'the Cluster is Ready',
  });
}, 60_000);

test('the token of the manifest dies when it was used', async () => {
  const key = { namespace: clusterNamespace('remote-1'), name: 'registration' };
  await eventually(
    async () => (await fleet.hub.client.find(SecretType, key))?.metadata?.annotations?.['paddock.dev/spent'] === 'Used',
    { timeoutMs: 20_000, what: 'the registration is spent' },
  );
  expect((await cluster()).status?.registration).toBeUndefined();
});

test('what the agent sees in its cluster is in the status, and follows', async () => {
  const { client } = fleet.edge();
  await client.create(NodeType, {}, aNode('node-1'));
  await client.mergePatch(NodeType, { name: 'node-1' }, { status: aNode('node-1').status }, { subresource: 'status' });

  const { status } = await eventually(
    async () => {
      const now = await cluster();
      return now.status?.nodes?.ready === 1 ? now : undefined;
    },
    { timeoutMs: 20_000, what: 'the node is counted' },
  );

  expect(status).toMatchObject({
    version: 'v1.34.4',
    distribution: 'kubernetes',
    apiServer: { url: fleet.edge().controlPlane.url },
    nodes: { total: 1, ready: 1 },
    capacity: { cpu: '4', pods: '110' },
  });
  expect(findCondition(status?.conditions, 'NodesReady')?.status).toBe('True');
  const { managedFields } = (await cluster()).metadata;
  expect(managedFields?.map(({ manager }) => manager)).toContain('paddock-agent-cluster');

  await client.delete(NodeType, { name: 'node-1' });
  await eventually(async () => (await cluster()).status?.nodes?.total === 0, {
    timeoutMs: 20_000,
    what: 'the node is counted no more',
  });
});

test('its default projects have their namespaces', async () => {
  const projectOf = async (name: string) =>
    (await fleet.edge().client.get(Namespaces, { name })).metadata?.labels?.[LABEL_PROJECT];
  await eventually(
    async () => (await projectOf('default')) === 'default' && (await projectOf('kube-system')) === 'system',
    {
      timeoutMs: 20_000,
      what: 'default and kube-system are in their projects',
    },
  );
});
