import { BY_AGENT, createAgentCluster, joinByAgent } from '../support/agents.ts';
import { ClusterWorker } from '../support/cluster-worker.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import type { RunningOperators } from '../support/operators.ts';
import { alike, type Picture } from './picture.ts';
import type { Stage } from './stage.ts';

/** What {@link givenTwoSources} gives each namespace. */
export const TWO: readonly string[] = ['ConfigMap settings=1 of a', 'Secret token=1 of a'];

/** Project `a` with so many members, a shared Secret and a shared ConfigMap, all applied at once. */
export async function givenTwoSources(stage: Stage, count: number): Promise<void> {
  await stage.createHome('a');
  await stage.createNamespaces(count, 'a');
  await stage.share('a', 'Secret', 'token', { value: '1' });
  await stage.share('a', 'ConfigMap', 'settings', { value: '1' });
  await stage.createProject('a', { namespaceLabels: { team: 'a' } });
}

/** What it comes to. */
export function twoSourcesPicture(count: number): Picture {
  return {
    namespaces: alike(count, { member: 'a', team: 'a', objects: TWO }),
    projects: { a: `ready: ${2 * count} copies of 2 objects` },
  };
}

/** A hub and one connected downstream. The cluster operator runs; the project operator is the test's to start. */
export async function givenConnectedFleet(): Promise<{ fleet: Fleet; clusterOperator: RunningOperators }> {
  const fleet = await startFleet();
  const clusterOperator = fleet.start(['cluster']);
  await fleet.importCluster(fleet.edge());
  await fleet.connected('edge-1');
  return { fleet, clusterOperator };
}

/** A hub and one connected downstream, and who works on it for the project operator. The cluster operator runs. */
export async function givenWorker(): Promise<{ fleet: Fleet; worker: ClusterWorker }> {
  if (!BY_AGENT) {
    const { fleet } = await givenConnectedFleet();
    return { fleet, worker: new ClusterWorker(fleet, 'project') };
  }
  const fleet = await startFleet();
  fleet.start(['cluster']);
  await createAgentCluster(fleet, 'edge-1');
  await joinByAgent(fleet, 'edge-1', fleet.edge());
  const worker = new ClusterWorker(fleet, 'project');
  await fleet.connected('edge-1');
  return { fleet, worker };
}
