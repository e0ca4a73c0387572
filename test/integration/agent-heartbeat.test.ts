import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource, clusterNamespace } from '#api';
import { type Clock, systemClock } from '#runtime';
import { AgentProcess } from '../support/agent-process.ts';
import { agentKubeconfig, applyManifest, createAgentCluster, manifestOf, startAgent } from '../support/agents.ts';
import { ReadyzShim } from '../support/api-shim.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { credentialsOf, type RunningOperators } from '../support/operators.ts';
import { ClusterFixture, FAST } from './cluster-fixture.ts';
import { LeaseType } from './registration-fixture.ts';

const NAME = 'remote-1';
/** For tests in which nothing may be lost, however slow the machine is. */
const PATIENT = { interval: '2s', timeout: '30s' };
const MINUTES = 60_000;

let fleet: Fleet;
let clusters: ClusterFixture;
let operator: RunningOperators;
let agent: AgentProcess;
const processes: AgentProcess[] = [];

beforeAll(async () => {
  fleet = await startFleet();
  clusters = new ClusterFixture(fleet.hub);
  operator = fleet.start(['cluster']);
  await createAgentCluster(fleet, NAME, { heartbeat: FAST });
  await applyManifest(fleet.edge(), await manifestOf(fleet, NAME));
}, 120_000);

afterAll(async () => {
  await Promise.all(processes.map(each => each.remove()));
  await fleet?.stop();
});

function startProcess(identity: string): AgentProcess {
  const started = new AgentProcess(fleet.edge(), identity);
  processes.push(started);
  return started;
}

const lease = async () =>
  await fleet.hub.client.get(LeaseType, { namespace: clusterNamespace(NAME), name: 'heartbeat' });

/** Waits for so many heartbeats; the last of them. */
async function heartbeats(count: number, holder?: string) {
  const seen = new Set([(await lease()).metadata?.resourceVersion]);
  return await eventually(
    async () => {
      const last = await lease();
      if (holder === undefined || last.spec?.holderIdentity === holder) seen.add(last.metadata?.resourceVersion);
      return seen.size > count ? last : undefined;
    },
    { timeoutMs: 60_000, what: `${count} heartbeats of ${holder ?? 'the agent'} arrive` },
  );
}

async function becomes(status: 'True' | 'Unknown' | 'False', reason: string): Promise<void> {
  await clusters.becomes(NAME, 'Connected', { status, reason }, 60_000);
}

const heartbeat = async (times: typeof FAST) =>
  await fleet.hub.client.mergePatch(ClusterResource, { name: NAME }, { spec: { heartbeat: times } });

test('an agent that is frozen is lost, and found again when it goes on', async () => {
  agent = startProcess('first');
  // as a Deployment does: it may end when it wakes up, if it was about to renew its lease when it was frozen
  void agent.exited.then(({ code }) => {
    if (code === 1) agent = startProcess('first again');
  });
  await becomes('True', 'Connected');
  await heartbeats(2);

  agent.freeze();

  await becomes('Unknown', 'HeartbeatLost');
  const { status } = await clusters.get(NAME);
  const lost = await clusters.condition(NAME, 'Connected');
  const silence = Date.parse(lost?.lastTransitionTime ?? '') - Date.parse(status?.lastHeartbeat ?? '');
  expect(silence).toBeGreaterThanOrEqual(3_000); // both are rounded down to seconds
  agent.resume();
  await becomes('True', 'Connected');
}, 90_000);

test('an agent that is killed is lost, and found again when another one starts', async () => {
  await agent.kill();

  await becomes('Unknown', 'HeartbeatLost');
  agent = startProcess('second');
  await becomes('True', 'Connected');
  expect((await heartbeats(1)).spec?.holderIdentity).toBe('second');
}, 90_000);

test('of two replicas one works, and the other takes over from one that is frozen', async () => {
  await heartbeat(PATIENT);
  const standby = startProcess('standby');
  await eventually(() => standby.log().includes('waiting for the lease'), { timeoutMs: 60_000, what: 'it stands by' });
  expect((await heartbeats(2)).spec?.holderIdentity).toBe('second');

  agent.freeze();
  await heartbeats(1, 'standby');
  agent.resume();

  expect((await agent.exited).code).toBe(1); // it has lost the lease, and writes no more
  expect(agent.log()).toContain('lease paddock-agent was lost');
  expect((await heartbeats(2)).spec?.holderIdentity).toBe('standby');
  await standby.kill();
}, 120_000);

test('clocks that are ten minutes apart, and an operator that starts anew, lose no heartbeat and write nothing', async () => {
  let offset = -10 * MINUTES;
  const clock: Clock = { ...systemClock, now: () => Date.now() + offset };
  const skewed = startAgent(fleet.edge(), { identity: 'skewed', clock });
  await heartbeats(2, 'skewed');
  await becomes('True', 'Connected');
  const before = await settled();

  const late = await heartbeats(2);
  expect(Math.abs(Date.parse(late.spec?.renewTime ?? '') - Date.now())).toBeGreaterThan(9 * MINUTES);
  await operator.stop();
  offset = 10 * MINUTES;
  await heartbeats(2);
  operator = fleet.start(['cluster']);
  await clusters.createPushed('later');
  await clusters.becomes('later', 'Connected', { status: 'False', reason: 'KubeconfigMissing' });
  await heartbeats(3);

  expect((await clusters.get(NAME)).metadata.resourceVersion).toBe(before);
  await skewed.stop();
}, 120_000);

/** The version of the Cluster once nothing is written to it any more. */
async function settled(): Promise<string | undefined> {
  return await eventually(
    async () => {
      const before = (await clusters.get(NAME)).metadata.resourceVersion;
      await heartbeats(1);
      return (await clusters.get(NAME)).metadata.resourceVersion === before ? before : undefined;
    },
    { timeoutMs: 60_000, what: 'the Cluster is written no more' },
  );
}

test('an API server that is not ready is told of by its agent, and counts when that lasts', async () => {
  const shim = await ReadyzShim.start(credentialsOf(agentKubeconfig(fleet.edge())));
  const shimmed = startAgent(fleet.edge(), { identity: 'shimmed', downstream: shim.credentials });
  try {
    await heartbeats(1, 'shimmed');
    await becomes('True', 'Connected');
    await settled();
    const start = Date.now();

    shim.failing = true;

    await becomes('False', 'APIUnhealthy');
    expect(Date.now() - start).toBeGreaterThanOrEqual(20_000);
    expect(shim.failures).toBeGreaterThan(1);
    const { message } = (await clusters.condition(NAME, 'Connected')) ?? {};
    expect(message).toContain('GET /readyz answers 500; failing checks: etcd');
    shim.failing = false;
    await becomes('True', 'Connected');
  } finally {
    await shimmed.stop();
    await shim.stop();
  }
}, 120_000);
