import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BY_AGENT } from '../support/agents.ts';
import { type ClusterWorker, startMortalWorker } from '../support/cluster-worker.ts';
import { crashPoints } from '../support/crash-points.ts';
import { type Crash, untilKilledOrDone } from '../support/crashes.ts';
import type { Fleet } from '../support/fleet.ts';
import { OperatorProcesses } from '../support/operator-process.ts';
import { givenWorker } from './given.ts';
import { differenceFrom, untilPicture } from './picture.ts';
import { QUOTA_SCENARIOS, type Scenario, SHARING_SCENARIOS } from './scenarios.ts';
import { Stage } from './stage.ts';

/** For one state to be reached; a namespace takes the controller manager some seconds to delete. */
const TIMEOUT_MS = 60_000;
const SCENARIO_MS = 1_800_000;
const POINTS = crashPoints(3);
// by agent those that it does alone: of the others the operator in the hub makes some of the writes
const SCENARIOS = BY_AGENT ? QUOTA_SCENARIOS : [...SHARING_SCENARIOS, ...QUOTA_SCENARIOS];

let fleet: Fleet;
let processes: OperatorProcesses;
let survivor: ClusterWorker;

beforeAll(async () => {
  [{ fleet, worker: survivor }, processes] = await Promise.all([givenWorker(), OperatorProcesses.prepare()]);
}, 120_000);

afterAll(async () => {
  await processes?.stop();
  await survivor?.stop();
  await fleet?.stop();
});

/** Runs the scenario with an operator that dies at its n-th write, then with one that lives. */
async function runWithDeathAt(write: number, scenario: Scenario, stage: Stage): Promise<Crash> {
  await scenario.before(stage);
  if (scenario.begin) await untilPicture(stage, scenario.begin, { timeoutMs: TIMEOUT_MS });
  await survivor.stop();
  await scenario.change(stage);
  const mortal = startMortalWorker(processes, { fleet, operator: 'project', killAtWrite: write });
  const isDone = async () => (await differenceFrom(stage, scenario.end)) === undefined;
  const crash = await untilKilledOrDone(mortal, { write, isDone, timeoutMs: TIMEOUT_MS });
  survivor.start();
  await untilPicture(stage, scenario.end, { timeoutMs: TIMEOUT_MS });
  return crash;
}

describe(`whoever works on a cluster, killed at ${POINTS.description}, comes to the same end when started again`, () => {
  test.each(SCENARIOS)(
    '$name',
    async scenario => {
      const writes = await POINTS.untilCompleted(write => {
        const stage = new Stage(fleet, `s${SCENARIOS.indexOf(scenario)}-${write}`);
        return runWithDeathAt(write, scenario, stage);
      });
      expect(writes).toBeGreaterThanOrEqual(scenario.leastWrites);
    },
    SCENARIO_MS,
  );
});
