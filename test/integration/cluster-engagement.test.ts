import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ClusterResource } from '#api';
import { findCondition, type Lease } from '#runtime';
import { EngagementLeases, engagementKey, hubIdentity, writersOf } from '../../operators/engagement/lease.ts';
import { joinByAgent, superviseAgent } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { BusyProject, Journal } from './one-writer.ts';

const CLUSTER = 'edge-1';
const WITHIN_MS = 90_000;

let fleet: Fleet;
let journal: Journal;
let project: BusyProject;

beforeEach(async () => {
  fleet = await startFleet();
  project = new BusyProject(fleet, { cluster: CLUSTER, site: fleet.edge(), name: 'busy' });
  journal = new Journal(project.namespace);
}, 60_000);

afterEach(async () => {
  await project?.stop();
  await fleet?.stop();
}, 60_000);

const cluster = () => fleet.hub.client.get(ClusterResource, { name: CLUSTER });
const lease = (): Promise<Lease | undefined> => fleet.hub.client.find(EngagementLeases, engagementKey(CLUSTER));
const holder = async () => (await lease())?.spec?.holderIdentity ?? '';

async function untilReady(status: 'True' | 'False', reason: string): Promise<string> {
  const condition = async () => findCondition((await cluster()).status?.conditions, 'Ready');
  const ready = await eventually(
    async () => {
      const now = await condition();
      return now?.status === status && now.reason === reason ? now : undefined;
    },
    { timeoutMs: WITHIN_MS, what: `Ready is ${status}, ${reason}` },
  );
  return ready.message;
}

async function connectBy(connection: Record<string, unknown>): Promise<void> {
  await fleet.hub.client.mergePatch(ClusterResource, { name: CLUSTER }, { spec: { connection } });
}

test('two sets of operators race: one works, the other goes on where it ends, and the hub holds one Lease for both', async () => {
  const operators = ['cluster', 'project'] as const;
  const sets = ['a', 'b'].map(identity => ({
    identity,
    running: fleet.start(operators, { elect: { identity }, afterWrite: journal.of(identity) }),
  }));
  const { metadata } = await fleet.importCluster(fleet.edge());
  await fleet.connected(CLUSTER);
  await project.start();
  await eventually(() => journal.count >= 20, { timeoutMs: WITHIN_MS, what: 'one of them writes' });
  expect(await holder()).toBe(hubIdentity(metadata.uid ?? ''));
  const [first = ''] = journal.turns;
  const second = first === 'a' ? 'b' : 'a';

  await sets.find(({ identity }) => identity === first)?.running.stop();
  await journal.untilWrites(second, 20);

  expect(journal.turns).toEqual([first, second]);
  const after = await lease();
  expect(after?.spec?.holderIdentity).toBe(hubIdentity(metadata.uid ?? ''));
  expect(after?.spec?.leaseTransitions).toBe(0); // it was the hub's all the time
}, 180_000);

test('from kubeconfig to agent and back while a project is written: each in its turn, and the Cluster says whose it is', async () => {
  fleet.start(['cluster']);
  fleet.start(['project'], { afterWrite: journal.of('hub') });
  const { metadata, spec } = await fleet.importCluster(fleet.edge());
  await fleet.connected(CLUSTER);
  await project.start();
  await journal.untilWrites('hub', 20);
  expect(writersOf((await lease()) ?? {})).toEqual(['paddock-project']);

  await connectBy({ kubeconfig: null, agent: {} });
  await joinByAgent(fleet, CLUSTER, fleet.edge());
  const agent = superviseAgent(fleet.edge(), { afterWrite: journal.of('agent') });
  try {
    await journal.untilWrites('agent', 20);
    await untilReady('True', 'Ready');
    expect(await holder()).toMatch(/^agent\//);
    expect(writersOf((await lease()) ?? {})).toEqual([]);

    await connectBy({ agent: null, ...spec.connection });
    expect(await untilReady('False', 'Engaging')).toContain('its agent (');
    await journal.untilWrites('hub', 20);
    await untilReady('True', 'Ready');
    expect(await holder()).toBe(hubIdentity(metadata.uid ?? ''));
    await project.untilFollowed();

    expect(journal.turns).toEqual(['hub', 'agent', 'hub']);
  } finally {
    await agent.stop();
  }
}, 300_000);

test('the cluster operator is away for longer than the lease: nothing is written, and then it goes on', async () => {
  const clusterOperator = fleet.start(['cluster']);
  fleet.start(['project'], { elect: { identity: 'project-0' }, afterWrite: journal.of('hub') });
  const { metadata } = await fleet.importCluster(fleet.edge());
  await fleet.connected(CLUSTER);
  await project.start();
  await journal.untilWrites('hub', 20);

  await clusterOperator.stop();
  await journal.untilWrites('hub', 20); // its absence makes no difference at first
  expect(await holder()).toBe(hubIdentity(metadata.uid ?? ''));
  let [seen, since] = [journal.count, Date.now()];
  await eventually(
    () => {
      if (journal.count !== seen) [seen, since] = [journal.count, Date.now()];
      return Date.now() - since > 5_000;
    },
    { timeoutMs: WITHIN_MS, what: 'the project operator writes no more, whatever changes' },
  );

  fleet.start(['cluster']);
  await project.untilFollowed();
}, 240_000);
