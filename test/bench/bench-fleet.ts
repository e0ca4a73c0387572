import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABEL_PROJECT, type Project, ProjectResource } from '#api';
import { type Client, Namespaces } from '#runtime';
import { bundle } from '../../hack/bundle/bundle.ts';
import type { OperatorName } from '../../operators/run.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { OperatorProcess } from './operator-process.ts';

export const CLUSTER = 'edge-1';
export const PROJECT = 'payments';
export const HOME = `p-${CLUSTER}--${PROJECT}`;

/** A hub, one downstream and the bundled operators, with one project of so many namespaces. */
export interface BenchFleet {
  readonly fleet: Fleet;
  /** The operator of this name. */
  operator(name: OperatorName): OperatorProcess;
  readonly project: OperatorProcess;
  readonly namespaces: readonly string[];
  stop(): Promise<void>;
}

export async function startBenchFleet(
  count: number,
  log: (line: string) => void,
  names: readonly OperatorName[] = ['cluster', 'project'],
): Promise<BenchFleet> {
  await bundle();
  const dir = mkdtempSync(join(tmpdir(), 'paddock-bench-'));
  const fleet = await startFleet();
  const operators = new Map<OperatorName, OperatorProcess>();
  const stop = async () => {
    await Promise.allSettled([...operators.values()].map(operator => operator.stop()));
    await fleet.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (const name of names) {
      const file = join(dir, `${name}.kubeconfig`);
      writeFileSync(file, fleet.operatorKubeconfig(name), { mode: 0o600 });
      operators.set(name, await OperatorProcess.start(name, file));
    }
    const operator = (name: OperatorName) => {
      const found = operators.get(name);
      if (!found) throw new Error(`no operator ${name}`);
      return found;
    };
    const project = operator('project');
    await fleet.importCluster(fleet.edge());
    await fleet.connected(CLUSTER);
    log(`creating ${count} namespaces`);
    const namespaces = Array.from({ length: count }, (_, index) => `bench-${index}`);
    await createNamespaces(fleet.edge().client, namespaces);
    await fleet.hub.client.create(
      ProjectResource,
      { namespace: `c-${CLUSTER}` },
      {
        apiVersion: 'paddock.dev/v1alpha1',
        kind: 'Project',
        metadata: { name: PROJECT },
        spec: { namespaceLimit: 10_000 },
      },
    );
    await projectIs(fleet.hub.client, ({ status }) => status?.namespaces?.total === count, 'has its namespaces');
    return { fleet, operator, project, namespaces, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the project is as `holds` wants it. */
export async function projectIs(hub: Client, holds: (project: Project) => boolean, what: string): Promise<void> {
  const key = { namespace: `c-${CLUSTER}`, name: PROJECT };
  await eventually(async () => holds(await hub.get(ProjectResource, key)), {
    timeoutMs: 120_000,
    what: `Project ${PROJECT} ${what}`,
  });
}

export async function createNamespaces(client: Client, names: readonly string[], project = PROJECT): Promise<void> {
  await Promise.all(
    names.map(name => client.create(Namespaces, {}, { metadata: { name, labels: { [LABEL_PROJECT]: project } } })),
  );
}
