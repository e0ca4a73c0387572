import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cluster, ClusterResource, clusterNamespace, ProjectResource } from '#api';
import { findCondition, Namespaces } from '#runtime';
import { crashPoints } from '../support/crash-points.ts';
import { type Crash, untilKilledOrDone } from '../support/crashes.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet, startFleet } from '../support/fleet.ts';
import { OperatorProcesses } from '../support/operator-process.ts';
import type { RunningOperators } from '../support/operators.ts';
import { givenTwoSources, twoSourcesPicture } from './given.ts';
import { alike, differenceFrom, type Picture, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 2;
/** For one state to be reached; a namespace takes the controller manager some seconds to delete. */
const WITHIN = { timeoutMs: 60_000 };
const SCENARIO_MS = 1_800_000;
/** A run takes some ten seconds. */
const POINTS = crashPoints(6);
const HANDED_BACK: Picture = { namespaces: alike(COUNT, { member: 'a', objects: [] }), projects: { a: 'gone' } };

let fleet: Fleet;
let processes: OperatorProcesses;
let survivor: RunningOperators;

beforeAll(async () => {
  [fleet, processes] = await Promise.all([startFleet(), OperatorProcesses.prepare()]);
  survivor = fleet.start();
}, 120_000);

afterAll(async () => {
  await processes?.stop();
  await fleet?.stop();
}, 60_000);

/** A Cluster of its own for one run; all of them stand for the same downstream, one after the other. */
class Run {
  readonly name: string;
  readonly stage: Stage;

  constructor(name: string) {
    this.name = name;
    this.stage = new Stage(new Fleet(fleet.hub, [{ ...fleet.edge(1), name }]), name);
  }

  find(): Promise<Cluster | undefined> {
    return fleet.hub.client.find(ClusterResource, { name: this.name });
  }

  async import(): Promise<void> {
    await fleet.importCluster(fleet.edge(1), { name: this.name, spec: { defaultProjects: true } });
  }

  async delete(): Promise<void> {
    await fleet.hub.client.delete(ClusterResource, { name: this.name });
  }

  async isReady(): Promise<boolean> {
    const { items } = await fleet.hub.client.list(ProjectResource, { namespace: clusterNamespace(this.name) });
    const objects = [...items, await this.find()];
    const ready = objects.every(object => findCondition(object?.status?.conditions, 'Ready')?.status === 'True');
    const namespace = await fleet.edge(1).client.get(Namespaces, { name: 'kube-system' });
    return ready && items.length === 2 && namespace.metadata?.labels?.['paddock.dev/project'] === 'system';
  }

  async isGone(): Promise<boolean> {
    if (await this.find()) return false;
    const { items } = await fleet.hub.client.list(Namespaces, { labelSelector: `paddock.dev/cluster=${this.name}` });
    if (items.some(({ metadata }) => !metadata?.deletionTimestamp)) return false;
    const system = await fleet.edge(1).client.find(Namespaces, { name: 'paddock-system' });
    if (system && !system.metadata?.deletionTimestamp) return false;
    const { metadata } = await fleet.edge(1).client.get(Namespaces, { name: 'kube-system' });
    return metadata?.labels?.['paddock.dev/project'] === undefined;
  }
}

interface Scenario {
  readonly name: string;
  readonly before: (run: Run) => Promise<void>;
  /** Made while no operator runs. */
  readonly change: (run: Run) => Promise<void>;
  readonly isDone: (run: Run) => Promise<boolean>;
  readonly after: (run: Run) => Promise<void>;
  readonly leastWrites: number;
}

async function untilDone(run: Run, isDone: (run: Run) => Promise<boolean>): Promise<void> {
  await eventually(() => isDone(run), { ...WITHIN, what: `${run.name} comes to its end` });
}

const isHandedBack = async (run: Run) =>
  (await run.isGone()) && (await differenceFrom(run.stage, HANDED_BACK)) === undefined;

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a Cluster is imported and gets its default projects',
    before: async () => undefined,
    change: run => run.import(),
    isDone: run => run.isReady(),
    after: async run => {
      await run.delete();
      await untilDone(run, () => run.isGone());
    },
    leastWrites: 10,
  },
  {
    name: 'a Cluster with a project is deleted',
    before: async run => {
      await run.import();
      await givenTwoSources(run.stage, COUNT);
      await untilPicture(run.stage, twoSourcesPicture(COUNT), WITHIN);
      await untilDone(run, isReadyWithProject);
    },
    change: run => run.delete(),
    isDone: isHandedBack,
    after: async () => undefined,
    leastWrites: 20,
  },
];

async function isReadyWithProject(run: Run): Promise<boolean> {
  const { metadata } = await fleet.edge(1).client.get(Namespaces, { name: 'kube-system' });
  const ready = findCondition((await run.find())?.status?.conditions, 'Ready');
  return ready?.status === 'True' && metadata?.labels?.['paddock.dev/project'] === 'system';
}

/** Runs the scenario with operators that die at their n-th write, then with some that live. */
async function runWithDeathAt(write: number, scenario: Scenario, run: Run): Promise<Crash> {
  await scenario.before(run);
  await survivor.stop();
  await scenario.change(run);
  const mortal = processes.start({
    operators: ['cluster', 'project'],
    kubeconfig: fleet.severalKubeconfig(),
    killAtWrite: write,
    maxInFlight: 1, // so that what has been written when it dies is the first n of the writes, and no other
  });
  const crash = await untilKilledOrDone(mortal, { ...WITHIN, write, isDone: () => scenario.isDone(run) });
  survivor = fleet.start();
  await untilDone(run, scenario.isDone);
  await scenario.after(run);
  return crash;
}

describe(`operators killed at ${POINTS.description}, come to the same end when they are started again`, () => {
  test.each(SCENARIOS)(
    '$name',
    async scenario => {
      const writes = await POINTS.untilCompleted(write =>
        runWithDeathAt(write, scenario, new Run(`c${SCENARIOS.indexOf(scenario)}-${write}`)),
      );
      expect(writes).toBeGreaterThanOrEqual(scenario.leastWrites);
    },
    SCENARIO_MS,
  );
});
