import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource } from '#api';
import { isNotFound } from '#runtime';
import { agentGoneFromHub, installed, untilInstalled } from '../integration/agent-installation.ts';
import { ClusterHistory } from '../integration/deleted-clusters.ts';
import { AgentFleet } from '../support/agent-fleet.ts';
import { agentKubeconfig } from '../support/agents.ts';
import { crashPoints } from '../support/crash-points.ts';
import type { Crash } from '../support/crashes.ts';
import { eventually } from '../support/eventually.ts';
import type { Fleet } from '../support/fleet.ts';
import { OperatorProcesses } from '../support/operator-process.ts';
import { givenTwoSources, twoSourcesPicture } from './given.ts';
import { alike, type Picture, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 1;
/** Of all agents here: each takes over the Leases of the one before at once, as if it were started again. */
const IDENTITY = 'agent';
const WITHIN = { timeoutMs: 60_000 };
const ALL_MS = 1_800_000;
const POINTS = crashPoints(6);
const HANDED_BACK: Picture = { namespaces: alike(COUNT, { member: 'a', objects: [] }), projects: { a: 'gone' } };

let agents: AgentFleet;
let processes: OperatorProcesses;
let history: ClusterHistory;

beforeAll(async () => {
  [agents, processes] = await Promise.all([AgentFleet.start(), OperatorProcesses.prepare()]);
  history = await ClusterHistory.start(agents.fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await processes?.stop();
  await agents?.stop();
}, 60_000);

/** Deletes a Cluster whose agent dies at its n-th write, then lets another one go on, if there is something left of it. */
async function handBackWithDeathAt(write: number): Promise<Crash> {
  const { fleet, edge } = agents;
  const { cluster, agent } = await agents.join({}, IDENTITY);
  const stage = new Stage(fleet, `w${write}`);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  await agent.stop();
  await fleet.hub.client.delete(ClusterResource, { name: 'edge-1' });

  const mortal = processes.start({
    operators: ['agent'],
    identity: IDENTITY,
    kubeconfig: agentKubeconfig(edge),
    killAtWrite: write,
    maxInFlight: 1, // so that what has been written when it dies is the first n of the writes, and no other
  });
  await eventually(() => !mortal.running, { ...WITHIN, what: `the agent dies at write ${write} or comes to the end` });
  const outcome = mortal.writes().length === write ? 'killed' : 'completed';
  if (outcome === 'completed' && !mortal.log().includes('the cluster was handed back'))
    throw new Error(`the agent died of something else:\n${mortal.log()}`);
  if ((await installed(edge)).includes('ClusterRoleBinding')) await agents.startAgent(IDENTITY).ended;
  // none can tell the hub any more: it knows from before that the cluster is clean, and waits no longer than it was told
  else await shorten(fleet, '10s');

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  await untilPicture(stage, HANDED_BACK, WITHIN);
  await untilInstalled(edge, []);
  await agentGoneFromHub(fleet, 'edge-1');
  return outcome;
}

/** For how long the hub waits; nothing when the Cluster is gone already. */
async function shorten({ hub }: Fleet, cleanupTimeout: string): Promise<void> {
  try {
    await hub.client.mergePatch(ClusterResource, { name: 'edge-1' }, { spec: { cleanupTimeout } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

test(
  `an agent killed at ${POINTS.description} while it hands its cluster back: another one comes to the same end`,
  async () => {
    // two copies, the labels of their namespace, and what its own end takes
    expect(await POINTS.untilCompleted(handBackWithDeathAt)).toBeGreaterThanOrEqual(6);
  },
  ALL_MS,
);
