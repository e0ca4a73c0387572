import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ClusterStatus } from '#api';
import { type KubeObject, Quantity, type ResourceType } from '#runtime';
import { startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { inBatches } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { adminClient, Fleet, type Site, startFleet } from '../support/fleet.ts';
import { aNode, aPod, type NodeObject, NodeType, nodeConditions, PodType } from '../support/nodes.ts';
import type { RunningOperators } from '../support/operators.ts';
import { ClusterFixture } from './cluster-fixture.ts';

const NAME = 'edge-1';
const POD_NAMESPACE = 'default';
const ServiceAccounts: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

let fleet: Fleet;
let edge: Site;
let clusters: ClusterFixture;
let operator: RunningOperators;

beforeAll(async () => {
  const [{ hub }, site] = await Promise.all([startFleet({ downstreams: 0 }), startEdge()]);
  edge = site;
  fleet = new Fleet(hub, [edge]);
  clusters = new ClusterFixture(hub);
  operator = fleet.start(['cluster']);
  await clusters.createPushed(NAME);
  await clusters.putKubeconfig(NAME, edge.controlPlane.adminKubeconfig);
  await clusters.becomes(NAME, 'Ready', { status: 'True' });
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
});

/** A downstream whose nodes nobody but the test declares dead, and whose Pods nobody collects. */
async function startEdge(): Promise<Site> {
  const controlPlane = await startControlPlane({ name: NAME, controllerManager: false });
  const client = adminClient(controlPlane.adminKubeconfig);
  await client.create(ServiceAccounts, { namespace: POD_NAMESPACE }, { metadata: { name: 'default' } });
  return { name: NAME, controlPlane, client };
}

const addNode = (node: NodeObject) => edge.client.create(NodeType, {}, node);
const patchStatus = (name: string, conditions: ReturnType<typeof nodeConditions>) =>
  edge.client.mergePatch(NodeType, { name }, { status: { conditions } }, { subresource: 'status' });
const patchNode = (name: string, spec: NonNullable<NodeObject['spec']>) =>
  edge.client.mergePatch(NodeType, { name }, { spec });
const podKey = (name: string) => ({ namespace: POD_NAMESPACE, name });
const addPod = (pod: ReturnType<typeof aPod>) => edge.client.create(PodType, { namespace: POD_NAMESPACE }, pod);

/** Writes of the Cluster's status since that many writes. */
const statusWrites = (since: number) =>
  operator.writes.slice(since).filter(({ path }) => path.endsWith(`/${NAME}/status`)).length;

/** Waits until the operator has probed the cluster so often, two seconds apart. */
async function probed(times: number, meanwhile: () => Promise<unknown> = async () => undefined): Promise<void> {
  const start = await readyzCount();
  const probe = async () => {
    await meanwhile();
    return (await readyzCount()) >= start + times;
  };
  await eventually(probe, { timeoutMs: 30_000, what: `${times} probes` });
}

/** How many writes there were so far, those included whose answer is on its way. */
async function settledWrites(): Promise<number> {
  await probed(1);
  return operator.writes.length;
}

/** Waits until the status has these fields, and returns it. */
async function shows(wanted: object, timeoutMs = 30_000): Promise<ClusterStatus> {
  let last: ClusterStatus = {};
  const probe = async () => {
    last = (await clusters.get(NAME)).status ?? {};
    expect(last).toMatchObject(wanted);
  };
  await eventuallyPasses(probe, { timeoutMs, what: `the status shows ${JSON.stringify(wanted)}` });
  return last;
}

describe('a cluster without nodes', () => {
  test('is well, and says that it has none', async () => {
    const condition = await clusters.becomes(NAME, 'NodesReady', { status: 'True', reason: 'NodesReady' });

    expect(condition.message).toContain('the cluster has no nodes');
    const { nodes, capacity } = await shows({ nodes: { total: 0 } });
    expect(nodes).toEqual({ total: 0, ready: 0, controlPlane: 0, etcd: 0, worker: 0 });
    expect(capacity).toEqual({ cpu: '0', memory: '0', pods: '0' });
  });

  test('is what the operator may look at in the hub itself', async () => {
    await fleet.importLocal();

    await clusters.becomes('local', 'NodesReady', { status: 'True' });

    expect((await clusters.get('local')).status?.requested).toEqual({ cpu: '0', memory: '0', pods: '0' });
    await clusters.remove('local');
  });
});

describe('nodes', () => {
  test('that join are counted by role', async () => {
    await addNode(aNode('control', { roles: ['control-plane', 'etcd'] }));
    await addNode(aNode('work-1'));
    await addNode(aNode('work-2', { roles: ['worker'] }));

    const status = await shows({ nodes: { total: 3, ready: 3 } });

    expect(status.nodes).toEqual({ total: 3, ready: 3, controlPlane: 1, etcd: 1, worker: 2 });
    expect(status.capacity).toEqual({ cpu: '12', memory: '48Gi', pods: '330' });
    expect(status.allocatable).toEqual(status.capacity);
    const message = 'all nodes are ready and none is under pressure';
    expect(await clusters.condition(NAME, 'NodesReady')).toMatchObject({ status: 'True', message });
  });

  test('that only send heartbeats, or are tainted, cause no write in the hub', async () => {
    const start = await settledWrites();
    let beats = 0;
    const beat = () => {
      beats += 1;
      return nodeConditions({}, new Date(Date.now() + beats * 10_000));
    };
    await patchNode('work-1', { taints: [{ key: 'example.com/gpu', effect: 'NoSchedule' }] });

    await probed(2, () => Promise.all(['control', 'work-1', 'work-2'].map(name => patchStatus(name, beat()))));

    expect(beats).toBeGreaterThan(20);
    expect(operator.writes.slice(start)).toEqual([]);
    await patchNode('work-1', { unschedulable: true });
    await shows({ allocatable: { cpu: '8' } });
    await settledWrites();
    expect(statusWrites(start)).toBe(1); // so the heartbeats were seen, as what they are
  });

  test('that are cordoned count as capacity and are not allocatable', async () => {
    expect(await shows({ allocatable: { cpu: '8', memory: '32Gi', pods: '220' } })).toMatchObject({
      nodes: { total: 3, ready: 3 },
      capacity: { cpu: '12', memory: '48Gi', pods: '330' },
    });

    await patchNode('work-1', { unschedulable: false });

    await shows({ allocatable: { cpu: '12', memory: '48Gi', pods: '330' } });
  });

  test('that fail are named with reasons, and the Cluster stays Ready', async () => {
    await patchStatus('work-1', nodeConditions({ Ready: 'Unknown' }));
    await patchStatus('work-2', nodeConditions({ DiskPressure: 'True', NetworkUnavailable: 'True' }));

    const unhealthy = [
      { name: 'work-1', reasons: ['NotReady'] },
      { name: 'work-2', reasons: ['DiskPressure', 'NetworkUnavailable'] },
    ];
    await shows({ nodes: { total: 3, ready: 2, unhealthy } });

    const condition = await clusters.becomes(NAME, 'NodesReady', { status: 'False', reason: 'NodesUnhealthy' });
    expect(condition.message).toContain('2 of 3 nodes are unhealthy: work-1 (NotReady), work-2 (DiskPressure');
    expect((await clusters.condition(NAME, 'Ready'))?.status).toBe('True');
  });

  test('that recover leave no trace, and nothing is written again', async () => {
    const start = await settledWrites();
    await patchStatus('work-2', nodeConditions());
    await shows({ nodes: { unhealthy: [{ name: 'work-1' }] } });
    await patchStatus('work-1', nodeConditions());

    await clusters.becomes(NAME, 'NodesReady', { status: 'True' });
    await probed(2);

    expect((await clusters.get(NAME)).status?.nodes).not.toHaveProperty('unhealthy');
    expect(statusWrites(start)).toBe(2);
  });

  test('that are removed count no more', async () => {
    await edge.client.delete(NodeType, { name: 'work-2' });

    await shows({ nodes: { total: 2, worker: 1 }, capacity: { cpu: '8', memory: '32Gi', pods: '220' } });
  });
});

describe('requests', () => {
  test('are what the scheduler reserves for Pods that are on nodes and not finished', async () => {
    const node = 'work-1';
    await addPod(aPod('plain', { node, requests: { cpu: '100m', memory: '64Mi' } }));
    const sidecar = { name: 'proxy', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '50m' } } };
    const init = { name: 'init', image: 'i', resources: { requests: { cpu: '1', memory: '32Mi' } } };
    const initContainers = [sidecar, init];
    await addPod(aPod('init', { node, requests: { cpu: '200m', memory: '64Mi' }, spec: { initContainers } }));
    const resources = { requests: { cpu: '300m', memory: '128Mi' } };
    await addPod(aPod('level', { node, requests: { cpu: '10m' }, spec: { resources } }));
    await addPod(aPod('pending', { node: '', requests: { cpu: '64' } }));

    await shows({ requested: { cpu: '1450m', memory: '256Mi', pods: '3' } });
  });

  test('go with Pods that finish or are deleted, ten seconds later at most', async () => {
    const finished = { status: { phase: 'Succeeded' } };
    await edge.client.mergePatch(PodType, podKey('plain'), finished, { subresource: 'status' });
    await edge.client.mergePatch(PodType, podKey('init'), { status: { phase: 'Running' } }, { subresource: 'status' });
    await shows({ requested: { cpu: '1350m', memory: '192Mi', pods: '2' } });

    const query = 'gracePeriodSeconds=0';
    for (const name of ['init', 'level'])
      await edge.client.transport.request({
        method: 'DELETE',
        path: `/api/v1/namespaces/${POD_NAMESPACE}/pods/${name}?${query}`,
      });

    await shows({ requested: { cpu: '0', memory: '0', pods: '0' } });
  });
});

describe('quantities', () => {
  test('are canonical as the API server makes them', async () => {
    const odd = ['1.5', '1500m', '0.1', '1e3', '12E1', '1000', '1024', '1536', '1Ki', '0.5Gi', '1500Mi', '1000000Ki'];
    const more = ['2048Mi', '1.5Gi', '1G', '1500M', '123456789', '1Ti', '0.1Ki', '100u', '5n', '0.1n', '1000000n'];
    const texts = [...odd, ...more];
    // a field that holds the quantity as it is; in resource lists the server rounds up to thousandths besides
    const volumes = texts.map((sizeLimit, index) => ({ name: `v-${index}`, emptyDir: { sizeLimit } }));
    await edge.client.create(
      PodType,
      { namespace: POD_NAMESPACE },
      aPod('odd', { node: '', requests: {}, spec: { volumes } }),
    );

    const { spec } = await edge.client.get(PodType, podKey('odd'));

    const sizes = spec?.volumes?.map(({ emptyDir }) => emptyDir?.sizeLimit).filter(size => size !== undefined);
    expect(sizes).toEqual(texts.map(text => Quantity.parse(text).toString()));
  });

  test('add up exactly, whatever they are written in', async () => {
    const sizes = ['1.5Gi', '1500M', '1e9', '123456789', '1025Ki', '100m'].map(memory => ({
      cpu: '100m',
      memory,
      pods: '1e3',
    }));
    const names = sizes.map((_, index) => `odd-${index}`);
    await Promise.all(sizes.map((size, index) => addNode(aNode(`odd-${index}`, { size }))));

    const { capacity } = await shows({ nodes: { total: 2 + sizes.length } });

    const bytes = 32 * 1024 ** 3 + 1.5 * 1024 ** 3 + 1.5e9 + 1e9 + 123_456_789 + 1025 * 1024;
    expect(capacity).toEqual({ cpu: '8600m', memory: `${bytes}100m`, pods: '6220' });
    await Promise.all(names.map(name => edge.client.delete(NodeType, { name })));
    await shows({ nodes: { total: 2 } });
  });
});

describe('a credential that may not read nodes', () => {
  const RIGHTS = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: narrow}
rules:
- {nonResourceURLs: [/readyz, /version, /apis], verbs: [get]}
- {apiGroups: [""], resources: [namespaces], verbs: [get, create]}
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: narrow}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: narrow}]
`;

  test('makes NodesReady Unknown, with what to do, and keeps what was seen', async () => {
    await edge.controlPlane.kubectl(['apply', '-f', '-'], { input: RIGHTS });
    await clusters.putKubeconfig(NAME, edge.controlPlane.kubeconfigFor({ user: 'narrow' }));

    const unknown = await clusters.becomes(NAME, 'NodesReady', { status: 'Unknown', reason: 'Forbidden' }, 60_000);

    expect(unknown.message).toContain('grant the connection’s user list and watch on nodes');
    expect((await clusters.get(NAME)).status).toMatchObject({ nodes: { total: 2 }, capacity: { cpu: '8' } });
    expect((await clusters.condition(NAME, 'Ready'))?.status).toBe('True');
  }, 90_000);

  test('is no more when another takes its place', async () => {
    await clusters.putKubeconfig(NAME, edge.controlPlane.adminKubeconfig);

    await clusters.becomes(NAME, 'NodesReady', { status: 'True', reason: 'NodesReady' });
  });
});

test('a cluster that goes away keeps its nodes as they were', async () => {
  const { status } = await clusters.get(NAME);
  await edge.controlPlane.stopApiServer();
  await clusters.becomes(NAME, 'Connected', { status: 'Unknown', reason: 'HeartbeatLost' });

  const away = (await clusters.get(NAME)).status;
  expect(away?.nodes).toEqual(status?.nodes);
  expect(away?.requested).toEqual(status?.requested);
  expect(await clusters.condition(NAME, 'NodesReady')).toMatchObject({ status: 'True' });

  await edge.controlPlane.startApiServer();
  await clusters.becomes(NAME, 'Ready', { status: 'True' });
});

test('5,000 nodes, many of them bad, make a small status with a write a second at most', async () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `node-${'x'.repeat(40)}-${index}`);
  const bad = { Ready: 'False', DiskPressure: 'True', MemoryPressure: 'True', PIDPressure: 'True' };
  const start = operator.writes.length;
  const startedAt = performance.now();

  const conditions = (index: number) => (index % 10 === 0 ? { conditions: bad } : {});
  await inBatches([...names.entries()], ([index, name]) => addNode(aNode(name, conditions(index))));
  const status = await shows({ nodes: { total: 5_002, ready: 4_502 } }, 60_000);

  const seconds = (performance.now() - startedAt) / 1_000;
  expect(statusWrites(start)).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  expect(status.nodes?.unhealthy).toHaveLength(50);
  expect(status.capacity).toEqual({ cpu: '20008', memory: '80032Gi', pods: '550220' });
  expect(JSON.stringify(await clusters.get(NAME)).length).toBeLessThan(64 * 1024);
}, 180_000);

/** GETs of /readyz that the downstream has answered. */
async function readyzCount(): Promise<number> {
  const { body } = await edge.client.transport.request({ method: 'GET', path: '/metrics' });
  const counts = body.matchAll(/^apiserver_request_total\{[^}]*subresource="\/readyz"[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
