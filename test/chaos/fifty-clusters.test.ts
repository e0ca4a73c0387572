import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource, clusterNamespace, LABEL_SHARED, type Project, ProjectResource, projectNamespace } from '#api';
import { findCondition, isConditionTrue } from '#runtime';
import { ClusterHistory } from '../integration/deleted-clusters.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { type Downstream, Downstreams, kubeconfigOf } from '../support/downstreams.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, importKubeconfig, SecretType, startFleet } from '../support/fleet.ts';
import { aProject, base64 } from '../support/objects.ts';
import type { RunningOperators } from '../support/operators.ts';

const COUNT = 50;
const TEAM = 'team-0';
const SPEC = { heartbeat: { interval: '2s', timeout: '6s' }, cleanupTimeout: '10s' };
/** Each falls silent at another time. */
const VICTIMS = { before: 'site-0', during: 'site-1', after: 'site-2' };
const WITHIN_MS = 90_000;
const SETTLED_MS = 5_000;

let fleet: Fleet;
let downstreams: Downstreams;
let project: RunningOperators;
const proxies = new Map<string, ChaosProxy>();

/** A kubeconfig that goes through a proxy of its own. */
async function proxied(downstream: Downstream): Promise<string> {
  const { hostname, port } = new URL(downstream.server);
  const proxy = await ChaosProxy.start({ targetHost: hostname, targetPort: Number(port) });
  proxies.set(downstream.name, proxy);
  return kubeconfigOf({ ...downstream, server: `https://${hostname}:${proxy.port}` });
}

function proxyOf(name: string): ChaosProxy {
  const proxy = proxies.get(name);
  if (!proxy) throw new Error(`${name} has no proxy`);
  return proxy;
}

const others = () => downstreams.all.map(({ name }) => name).filter(name => !Object.values(VICTIMS).includes(name));

/** Waits until the project of each of these clusters is so. */
async function projectsAre(names: readonly string[], holds: (project: Project) => unknown, what: string) {
  await eventually(
    async () => {
      const { items } = await fleet.hub.client.list(ProjectResource);
      const those = items.filter(({ metadata }) => names.some(name => metadata.namespace === clusterNamespace(name)));
      return those.length === names.length && those.every(holds);
    },
    { timeoutMs: WITHIN_MS, what: `the projects of ${names.length} clusters ${what}` },
  );
}

/** Writes of the project operator to the one member namespace that each cluster has, by method. */
function writesDownstream(from = 0): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { method, path } of project.writes.slice(from))
    if (path.startsWith(`/api/v1/namespaces/${TEAM}-app/`)) counts[method] = (counts[method] ?? 0) + 1;
  return counts;
}

beforeAll(async () => {
  const names = Array.from({ length: COUNT }, (_, index) => `site-${index}`);
  [fleet, downstreams] = await Promise.all([
    startFleet({ downstreams: 0 }),
    Downstreams.start({ names, pods: 5, projects: 1 }),
  ]);
  fleet.start(['cluster']);
  project = fleet.start(['project']);
}, 60_000);

afterAll(async () => {
  await fleet?.stop();
  await Promise.all([...proxies.values()].map(proxy => proxy.stop()));
  await downstreams?.stop();
});

test('one that was silent before and one that falls silent while it is connected keep none of the others waiting', async () => {
  const { client } = fleet.hub;
  for (const each of downstreams.all) {
    const isVictim = Object.values(VICTIMS).includes(each.name);
    const kubeconfig = isVictim ? await proxied(each) : kubeconfigOf(each);
    if (each.name === VICTIMS.before) proxyOf(each.name).freeze();
    await importKubeconfig(client, each.name, kubeconfig, SPEC);
  }
  const during = proxyOf(VICTIMS.during);
  await eventually(() => during.bytesDown > 0, { timeoutMs: WITHIN_MS, what: 'it has said something' });
  during.freeze();

  await Promise.all([...others(), VICTIMS.after].map(name => fleet.connected(name, 'True', WITHIN_MS)));

  const living = [...others(), VICTIMS.after];
  await Promise.all(
    living.map(cluster =>
      client.create(ProjectResource, { namespace: clusterNamespace(cluster) }, aProject({ name: TEAM, cluster })),
    ),
  );
  await projectsAre(living, ({ status }) => isConditionTrue(status?.conditions, 'Ready'), 'are ready');
  for (const cluster of living) {
    const namespace = projectNamespace(cluster, TEAM);
    const metadata = { name: 'token', labels: { [LABEL_SHARED]: 'true' } };
    await client.create(SecretType, { namespace }, { metadata, data: { value: base64('1') } });
  }
  await projectsAre(living, ({ status }) => status?.shared?.copies === 1, 'have their copies');
  // one request for each copy, as if there were no silent ones
  expect(writesDownstream()).toEqual({ POST: living.length });
}, 240_000);

test('one that falls silent later costs the others no request and no write to their Clusters', async () => {
  const { client } = fleet.hub;
  const healthy = async () => {
    const { items } = await client.list(ClusterResource);
    const those = items.filter(({ metadata }) => others().includes(metadata.name ?? ''));
    return new Map(
      those.map(({ metadata, status }) => [metadata.name, { ...status, version: metadata.resourceVersion }]),
    );
  };
  await eventually(
    async () => {
      const { items } = await client.list(ClusterResource);
      const those = items.filter(({ metadata }) => [...others(), VICTIMS.after].includes(metadata.name ?? ''));
      return those.every(({ status }) => status?.requested !== undefined);
    },
    { timeoutMs: WITHIN_MS, what: 'what every cluster that answers has was counted' },
  );
  // these API servers enforce no policy, which is found in rounds that grow longer
  let before = await healthy();
  await eventually(
    async () => {
      const earlier = before;
      await delay(SETTLED_MS);
      before = await healthy();
      return isDeepStrictEqual(before, earlier);
    },
    { timeoutMs: WITHIN_MS, what: 'nothing is written to the Clusters any more' },
  );
  const from = project.writes.length;
  proxyOf(VICTIMS.after).freeze();

  await Promise.all(
    [...others(), VICTIMS.after].map(cluster =>
      client.mergePatch(
        SecretType,
        { namespace: projectNamespace(cluster, TEAM), name: 'token' },
        { data: { value: base64('2') } },
      ),
    ),
  );
  await fleet.connected(VICTIMS.after, 'Unknown', WITHIN_MS);

  await eventually(() => writesDownstream(from).PATCH === others().length, {
    timeoutMs: WITHIN_MS,
    what: 'every other cluster has the new content',
  });
  expect(writesDownstream(from)).toEqual({ PATCH: others().length });
  expect(await healthy()).toEqual(before);
}, 240_000);

test('the dead ones are deleted when their time is up, and the others are as they were', async () => {
  const { client } = fleet.hub;
  const names = Object.values(VICTIMS);
  const history = await ClusterHistory.start(fleet);
  try {
    const deleted = await Promise.all(names.map(name => client.get(ClusterResource, { name })));
    await Promise.all(names.map(name => client.delete(ClusterResource, { name })));
    const last = await Promise.all(deleted.map(cluster => history.gone(cluster, WITHIN_MS)));
    expect(last[names.indexOf(VICTIMS.after)]).toMatchObject({ reason: 'CleanupTimedOut' });
  } finally {
    history.stop();
  }
  const { items } = await client.list(ClusterResource);
  expect(items.map(({ status }) => findCondition(status?.conditions, 'Connected')?.status)).toEqual(
    others().map(() => 'True'),
  );
}, 240_000);
