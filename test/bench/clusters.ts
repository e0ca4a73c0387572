import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, ClusterResource, clusterNamespace, ProjectResource } from '#api';
import { type Client, isConditionTrue } from '#runtime';
import { bundle } from '../../hack/bundle/bundle.ts';
import { type Downstream, Downstreams, kubeconfigOf } from '../support/downstreams.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, importKubeconfig, startFleet } from '../support/fleet.ts';
import { aProject } from '../support/objects.ts';
import { OperatorProcess } from './operator-process.ts';
import { quantile, round } from './round.ts';
import { serverWrites } from './server-writes.ts';

export interface ClustersOptions {
  readonly count: number;
  readonly kills: number;
  readonly log: (line: string) => void;
}

/** In each cluster. */
const PODS = 500;
const PROJECTS = 50;
const HEARTBEAT = { interval: '2s', timeout: '6s' };
const REST_MS = 120_000;
/** Clusters that are there before, as a part of those that are counted. */
const EARLY = 0.2;
/** Operators at rest have given back what the work before needed when this is over. */
const RETURNED_MS = 60_000;
const READY_MS = 600_000;

/**
 * Many idle clusters, each with Pods and projects: what one more costs in memory and in writes, how long it takes to
 * connect all, and how soon one that dies is noticed. The hub is real; the clusters are small servers over TLS.
 *
 * Memory is a slope: operators that have a few clusters already are given `count` more. What the first ones cost
 * beyond that, code and buffers that are there once, is in `rssMiB`.
 */
export async function clusters({ count, kills, log }: ClustersOptions): Promise<Record<string, unknown>> {
  await bundle();
  const early = Array.from({ length: Math.ceil(count * EARLY) }, (_, index) => `early-${index}`);
  const names = Array.from({ length: count }, (_, index) => `site-${index}`);
  const downstreams = await Downstreams.start({ names: [...early, ...names], pods: PODS, projects: PROJECTS });
  const those = (wanted: readonly string[]) => downstreams.all.filter(({ name }) => wanted.includes(name));
  const fleet = await startFleet({ downstreams: 0 });
  const dir = mkdtempSync(join(tmpdir(), 'paddock-bench-'));
  const operators: OperatorProcess[] = [];
  try {
    for (const name of ['cluster', 'project'] as const) {
      const file = join(dir, `${name}.kubeconfig`);
      writeFileSync(file, fleet.operatorKubeconfig(name), { mode: 0o600 });
      operators.push(await OperatorProcess.start(name, file));
    }
    const rss = () => operators.map(operator => operator.memory().rss);
    await rest(RETURNED_MS);
    const empty = rss();
    log(`connecting ${early.length} clusters`);
    await connectAll(fleet, those(early));
    await createProjects(fleet.hub.client, early);
    await rest(RETURNED_MS);
    const few = rss();
    log(`connecting ${count} more`);
    const secondsToConnectAll = await connectAll(fleet, those(names));
    log(`creating ${PROJECTS} projects in each`);
    await createProjects(fleet.hub.client, names);
    log(`at rest for ${REST_MS / 1000} s`);
    await rest(RETURNED_MS);
    const before = await serverWrites([fleet.hub.controlPlane]);
    await rest(REST_MS);
    const writes = (await serverWrites([fleet.hub.controlPlane])) - before;
    const full = rss();
    const each = full.map((mib, index) => (mib - (few[index] ?? 0)) / count);
    log(`ending ${kills} of them`);
    const seconds = await measureDetection(fleet, downstreams, names.slice(0, kills));
    return {
      clusters: count,
      pods: PODS,
      projects: PROJECTS,
      mibPerCluster: round(each.reduce((sum, mib) => sum + mib, 0)),
      mibPerClusterOfEach: byOperator(each),
      rssMiB: { empty: byOperator(empty), [`with${early.length}`]: byOperator(few), all: byOperator(full) },
      secondsToConnectAll,
      timeoutSeconds: Number.parseInt(HEARTBEAT.timeout, 10),
      detectSeconds: { p50: round(quantile(seconds, 0.5)), p99: round(quantile(seconds, 0.99)) },
      hubWritesPerClusterPerHour: round((writes * (3_600_000 / REST_MS)) / (early.length + count)),
    };
  } finally {
    await Promise.allSettled([...operators.map(operator => operator.stop()), downstreams.stop()]);
    await fleet.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const byOperator = ([cluster = 0, project = 0]: readonly number[]) => ({
  cluster: round(cluster),
  project: round(project),
});

/** From the first Cluster created to the last one connected, s. */
async function connectAll(fleet: Fleet, downstreams: readonly Downstream[]): Promise<number> {
  const { client } = fleet.hub;
  const start = performance.now();
  const spec = { heartbeat: HEARTBEAT };
  await Promise.all(downstreams.map(each => importKubeconfig(client, each.name, kubeconfigOf(each), spec)));
  await all(client, 'connected', ({ status }) => isConditionTrue(status?.conditions, 'Connected'));
  return round((performance.now() - start) / 1000);
}

async function all(client: Client, what: string, holds: (cluster: Cluster) => boolean): Promise<void> {
  const one = async () => {
    await rest(200);
    return (await client.list(ClusterResource)).items.every(holds);
  };
  await eventually(one, { timeoutMs: READY_MS, what: `all clusters are ${what}` });
}

async function createProjects(client: Client, clusterNames: readonly string[]): Promise<void> {
  for (let index = 0; index < PROJECTS; index += 1) {
    const project = (cluster: string) => aProject({ name: `team-${index}`, cluster });
    await Promise.all(
      clusterNames.map(cluster =>
        client.create(ProjectResource, { namespace: clusterNamespace(cluster) }, project(cluster)),
      ),
    );
  }
  const ready = async () => {
    await rest(2_000);
    const { items } = await client.list(ProjectResource);
    return items.every(({ status }) => isConditionTrue(status?.conditions, 'Ready') && status?.namespaces?.total === 1);
  };
  await eventually(ready, { timeoutMs: READY_MS, what: 'all projects are ready' });
}

/** From the death of each server to the status that says so, s. */
async function measureDetection(
  { hub }: Fleet,
  downstreams: Downstreams,
  victims: readonly string[],
): Promise<readonly number[]> {
  const diedAt = new Map<string, number>();
  const noticed = new Map<string, number>();
  const stop = new AbortController();
  const { client } = hub;
  const watching = (async () => {
    while (!stop.signal.aborted && noticed.size < victims.length) {
      const { items } = await client.list(ClusterResource);
      for (const { metadata, status } of items) {
        const name = metadata.name ?? '';
        const died = diedAt.get(name);
        if (died === undefined || noticed.has(name) || isConditionTrue(status?.conditions, 'Connected')) continue;
        noticed.set(name, (performance.now() - died) / 1000);
      }
      await rest(100);
    }
  })();
  try {
    for (const name of victims) {
      await downstreams.kill(name);
      diedAt.set(name, performance.now());
      await rest(500 * Math.random());
    }
    await eventually(async () => noticed.size === victims.length, {
      timeoutMs: 120_000,
      what: `all ${victims.length} are noticed`,
    });
  } finally {
    stop.abort();
    await watching;
  }
  return [...noticed.values()];
}

async function rest(ms: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, ms));
}
