import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource } from '#api';
import { ApiError, type KubeObject } from '#runtime';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { givenTwoSources, twoSourcesPicture } from '../chaos/given.ts';
import { untilPicture } from '../chaos/picture.ts';
import { Stage } from '../chaos/stage.ts';
import { AgentFleet } from '../support/agent-fleet.ts';
import { agentKubeconfig, type RunningAgent } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { adminClient } from '../support/fleet.ts';
import { agentGoneFromHub, contentsOf, Deployments, INSTALLED, installed, Roles } from './agent-installation.ts';
import { ClusterHistory } from './deleted-clusters.ts';

jest.setTimeout(240_000);

const COUNT = 2;
const WITHIN = { timeoutMs: 60_000 };

let agents: AgentFleet;
let history: ClusterHistory;
let cluster: Cluster;
let agent: RunningAgent;

beforeAll(async () => {
  agents = await AgentFleet.start();
  history = await ClusterHistory.start(agents.fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await agents?.stop();
}, 60_000);

async function given(id: string): Promise<Stage> {
  const stage = new Stage(agents.fleet, id);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  return stage;
}

/** Waits until the agent has logged one of these. */
async function says(...words: readonly string[]): Promise<void> {
  await eventually(() => agent.logged.some(line => words.some(each => line.includes(each))), {
    ...WITHIN,
    what: `the agent says ${words.join(' or ')}`,
  });
}

test('an agent that is not heard from is waited for until cleanupTimeout; then what was left is told', async () => {
  ({ cluster, agent } = await agents.join({ cleanupTimeout: '10s' }));
  const stage = await given('left');
  const before = await contentsOf(stage);
  await agent.stop();
  await agents.fleet.connected('edge-1', 'Unknown'); // no heartbeat of it is on its way any more

  await agents.fleet.hub.client.delete(ClusterResource, { name: 'edge-1' });

  const last = await history.gone(cluster);
  expect(last).toMatchObject({ status: 'False', reason: 'CleanupTimedOut' });
  const left = `${2 * COUNT} copies in ${COUNT} namespaces of project a-left, ConfigMap paddock-system/claim`;
  expect(last?.message).toContain(left);
  const reasons = history.cleaned(cluster).map(({ reason }) => reason);
  expect(reasons[0]).toBe('WaitingForAgent');
  expect(reasons).not.toContain('Cleaning');
  expect(await history.notes('edge-1', 'CleanupTimedOut')).toContain(last?.message);
  await agentGoneFromHub(agents.fleet, 'edge-1');
  expect(await contentsOf(stage)).toEqual(before);
  expect(await installed(agents.edge)).toEqual(INSTALLED);
});

test('back again, the agent is refused and says what to do; the new manifest of the same name is all that it takes', async () => {
  agent = agents.startAgent();
  await says('the hub refuses this agent');
  await says('apply the agent.yaml');
  expect(await installed(agents.edge)).toEqual(INSTALLED);

  const again = await agents.create();
  await agents.install();

  await expect(agent.ended).rejects.toThrow('the agent starts anew'); // as the kubelet makes it
  agent = agents.startAgent();
  await agents.ready(again);
  expect((await agents.edge.client.get(ConfigMaps, CLAIM)).data).toMatchObject({ cluster: again.metadata.uid });
  cluster = again;
});

test('the right to remove itself gives an agent no other', async () => {
  const { edge } = agents;
  const client = adminClient(agentKubeconfig(edge));
  const here = { namespace: 'paddock-system', name: 'paddock-agent' };
  const other = { namespace: 'kube-system', name: 'other' };
  const admin = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
  try {
    const attempts = [
      client.mergePatch<KubeObject>(Roles, here, { rules: [admin] }),
      client.mergePatch<KubeObject>(Deployments, here, { spec: { replicas: 0 } }),
      client.delete(Roles, other),
      client.delete(Deployments, other),
    ];
    const codes = (await Promise.allSettled(attempts)).map(result =>
      result.status === 'rejected' && result.reason instanceof ApiError ? result.reason.code : result.status,
    );
    expect(codes).toEqual(attempts.map(() => 403));
    expect(await installed(edge)).toEqual(INSTALLED);
  } finally {
    await client.transport.close();
  }
});

test('the API is uninstalled in the hub: the agent lets go and touches nothing', async () => {
  const stage = await given('kept');
  const before = await contentsOf(stage);
  const { controlPlane } = agents.fleet.hub;

  const { code, stderr } = await controlPlane.kubectl(['delete', 'crd', 'clusters.paddock.dev', '--timeout=60s']);

  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.anything() });
  // it has asked for orders, or has not even heard of the deletion
  await says('the hand-back can not go on now', 'watch interrupted');
  expect(await contentsOf(stage)).toEqual(before);
  expect(await installed(agents.edge)).toEqual(INSTALLED);
  await agent.stop();
  agent = agents.startAgent();
  await says('the hub does not answer');
  expect(await contentsOf(stage)).toEqual(before);
  expect(await installed(agents.edge)).toEqual(INSTALLED);
});
