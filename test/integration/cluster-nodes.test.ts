import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { inBatches } from '../support/cluster-objects.ts';
import { aNode, nodeConditions } from '../support/nodes.ts';
import { CountedCluster, NAME } from './counted-cluster.ts';

let cluster: CountedCluster;

beforeAll(async () => {
  cluster = await CountedCluster.start();
}, 120_000);

afterAll(async () => {
  await cluster?.stop();
});

describe('a cluster without nodes', () => {
  test('is well, and says that it has none', async () => {
    const condition = await cluster.clusters.becomes(NAME, 'NodesReady', { status: 'True', reason: 'NodesReady' });

    expect(condition.message).toContain('the cluster has no nodes');
    const { nodes, capacity } = await cluster.shows({ nodes: { total: 0 } });
    expect(nodes).toEqual({ total: 0, ready: 0, controlPlane: 0, etcd: 0, worker: 0 });
    expect(capacity).toEqual({ cpu: '0', memory: '0', pods: '0' });
  });

  test('is what the operator may look at in the hub itself', async () => {
    await cluster.fleet.importLocal();

    await cluster.clusters.becomes('local', 'NodesReady', { status: 'True' });

    expect((await cluster.clusters.get('local')).status?.requested).toEqual({ cpu: '0', memory: '0', pods: '0' });
    await cluster.clusters.remove('local');
  });
});

describe('nodes', () => {
  test('that join are counted by role', async () => {
    await cluster.addNode(aNode('control', { roles: ['control-plane', 'etcd'] }));
    await cluster.addNode(aNode('work-1'));
    await cluster.addNode(aNode('work-2', { roles: ['worker'] }));

    const status = await cluster.shows({ nodes: { total: 3, ready: 3 } });

    expect(status.nodes).toEqual({ total: 3, ready: 3, controlPlane: 1, etcd: 1, worker: 2 });
    expect(status.capacity).toEqual({ cpu: '12', memory: '48Gi', pods: '330' });
    expect(status.allocatable).toEqual(status.capacity);
    const message = 'all nodes are ready and none is under pressure';
    expect(await cluster.clusters.condition(NAME, 'NodesReady')).toMatchObject({ status: 'True', message });
  });

  test('that only send heartbeats, or are tainted, cause no write in the hub', async () => {
    const start = await cluster.settledWrites();
    let beats = 0;
    const beat = () => {
      beats += 1;
      return nodeConditions({}, new Date(Date.now() + beats * 10_000));
    };
    await cluster.patchNode('work-1', { taints: [{ key: 'example.com/gpu', effect: 'NoSchedule' }] });

    await cluster.probed(2, () =>
      Promise.all(['control', 'work-1', 'work-2'].map(name => cluster.patchConditions(name, beat()))),
    );

    expect(beats).toBeGreaterThanOrEqual(3);
    expect(cluster.statusWrites(start)).toBe(0);
    await cluster.patchNode('work-1', { unschedulable: true });
    await cluster.shows({ allocatable: { cpu: '8' } });
    await cluster.settledWrites();
    expect(cluster.statusWrites(start)).toBe(1); // so the heartbeats were seen, as what they are
  });

  test('that are cordoned count as capacity and are not allocatable', async () => {
    expect(await cluster.shows({ allocatable: { cpu: '8', memory: '32Gi', pods: '220' } })).toMatchObject({
      nodes: { total: 3, ready: 3 },
      capacity: { cpu: '12', memory: '48Gi', pods: '330' },
    });

    await cluster.patchNode('work-1', { unschedulable: false });

    await cluster.shows({ allocatable: { cpu: '12', memory: '48Gi', pods: '330' } });
  });

  test('that fail are named with reasons, and the Cluster stays Ready', async () => {
    await cluster.patchConditions('work-1', nodeConditions({ Ready: 'Unknown' }));
    await cluster.patchConditions('work-2', nodeConditions({ DiskPressure: 'True', NetworkUnavailable: 'True' }));

    const unhealthy = [
      { name: 'work-1', reasons: ['NotReady'] },
      { name: 'work-2', reasons: ['DiskPressure', 'NetworkUnavailable'] },
    ];
    await cluster.shows({ nodes: { total: 3, ready: 2, unhealthy } });

    const condition = await cluster.clusters.becomes(NAME, 'NodesReady', { status: 'False', reason: 'NodesUnhealthy' });
    expect(condition.message).toContain('2 of 3 nodes are unhealthy: work-1 (NotReady), work-2 (DiskPressure');
    expect((await cluster.clusters.condition(NAME, 'Ready'))?.status).toBe('True');
  });

  test('that recover leave no trace, and nothing is written again', async () => {
    const start = await cluster.settledWrites();
    await cluster.patchConditions('work-2', nodeConditions());
    await cluster.shows({ nodes: { unhealthy: [{ name: 'work-1' }] } });
    await cluster.patchConditions('work-1', nodeConditions());

    await cluster.clusters.becomes(NAME, 'NodesReady', { status: 'True' });
    await cluster.probed(2);

    expect((await cluster.clusters.get(NAME)).status?.nodes).not.toHaveProperty('unhealthy');
    expect(cluster.statusWrites(start)).toBe(2);
  });

  test('that are removed count no more', async () => {
    await cluster.removeNode('work-2');

    await cluster.shows({ nodes: { total: 2, worker: 1 }, capacity: { cpu: '8', memory: '32Gi', pods: '220' } });
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
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingadmissionpolicies, validatingadmissionpolicybindings]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: narrow}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: narrow}]
`;

  test('makes NodesReady Unknown, with what to do, and keeps what was seen', async () => {
    await cluster.edge.controlPlane.kubectl(['apply', '-f', '-'], { input: RIGHTS });
    await cluster.useKubeconfig(cluster.edge.controlPlane.kubeconfigFor({ user: 'narrow' }));

    const unknown = await cluster.clusters.becomes(
      NAME,
      'NodesReady',
      { status: 'Unknown', reason: 'Forbidden' },
      60_000,
    );

    expect(unknown.message).toContain('grant the connection’s user list and watch on nodes');
    expect((await cluster.clusters.get(NAME)).status).toMatchObject({ nodes: { total: 2 }, capacity: { cpu: '8' } });
    expect((await cluster.clusters.condition(NAME, 'Ready'))?.status).toBe('True');
  }, 90_000);

  test('is no more when another takes its place', async () => {
    await cluster.useKubeconfig(cluster.edge.controlPlane.adminKubeconfig);

    await cluster.clusters.becomes(NAME, 'NodesReady', { status: 'True', reason: 'NodesReady' });
  });
});

test('a cluster that goes away keeps its nodes as they were', async () => {
  const { status } = await cluster.clusters.get(NAME);
  await cluster.losesHeartbeatAfter('4s');
  await cluster.edge.controlPlane.stopApiServer();
  await cluster.clusters.becomes(NAME, 'Connected', { status: 'Unknown', reason: 'HeartbeatLost' });

  const away = (await cluster.clusters.get(NAME)).status;
  expect(away?.nodes).toEqual(status?.nodes);
  expect(away?.requested).toEqual(status?.requested);
  expect(await cluster.clusters.condition(NAME, 'NodesReady')).toMatchObject({ status: 'True' });

  await cluster.edge.controlPlane.startApiServer();
  await cluster.clusters.becomes(NAME, 'Ready', { status: 'True' });
});

test('5,000 nodes, many of them bad, make a small status with a write a second at most', async () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `node-${'x'.repeat(40)}-${index}`);
  const bad = { Ready: 'False', DiskPressure: 'True', MemoryPressure: 'True', PIDPressure: 'True' };
  const start = await cluster.settledWrites();
  const startedAt = performance.now();

  const conditions = (index: number) => (index % 10 === 0 ? { conditions: bad } : {});
  await inBatches([...names.entries()], ([index, name]) => cluster.addNode(aNode(name, conditions(index))));
  const status = await cluster.shows({ nodes: { total: 5_002, ready: 4_502 } }, 60_000);

  const seconds = (performance.now() - startedAt) / 1_000;
  expect(cluster.statusWrites(start)).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  expect(status.nodes?.unhealthy).toHaveLength(50);
  expect(status.capacity).toEqual({ cpu: '20008', memory: '80032Gi', pods: '550220' });
  expect(JSON.stringify(await cluster.clusters.get(NAME)).length).toBeLessThan(64 * 1024);
}, 180_000);
