import { expect } from '@jest/globals';
import { ClusterResource, type ClusterStatus } from '#api';
import type { KubeObject, ResourceType } from '#runtime';
import { startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { adminClient, Fleet, type Site, startFleet } from '../support/fleet.ts';
import { type aPod, type NodeCondition, type NodeObject, NodeType, PodType } from '../support/nodes.ts';
import type { RunningOperators } from '../support/operators.ts';
import { ClusterFixture } from './cluster-fixture.ts';

export const NAME = 'edge-1';
const NAMESPACE = 'default';
const ServiceAccounts: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

/** A hub and one connected cluster, edge-1, whose nodes and Pods are the test's alone. */
export class CountedCluster {
  readonly fleet: Fleet;
  readonly edge: Site;
  readonly clusters: ClusterFixture;
  readonly #operator: RunningOperators;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.edge = fleet.edge();
    this.clusters = new ClusterFixture(fleet.hub);
    this.#operator = fleet.start(['cluster']);
  }

  static async start(): Promise<CountedCluster> {
    const [{ hub }, edge] = await Promise.all([startFleet({ downstreams: 0 }), startEdge()]);
    const started = new CountedCluster(new Fleet(hub, [edge]));
    await started.clusters.createPushed(NAME);
    await started.losesHeartbeatAfter('30s'); // a busy machine is no reason for a write
    await started.useKubeconfig(edge.controlPlane.adminKubeconfig);
    await started.clusters.becomes(NAME, 'NodesReady', { status: 'True' });
    return started;
  }

  async stop(): Promise<void> {
    await this.fleet.stop();
  }

  async losesHeartbeatAfter(timeout: string): Promise<void> {
    await this.fleet.hub.client.mergePatch(ClusterResource, { name: NAME }, { spec: { heartbeat: { timeout } } });
  }

  /** Connects by another credential. */
  async useKubeconfig(kubeconfig: string): Promise<void> {
    await this.clusters.putKubeconfig(NAME, kubeconfig);
  }

  addNode(node: NodeObject): Promise<NodeObject> {
    return this.edge.client.create(NodeType, {}, node);
  }

  patchNode(name: string, spec: NonNullable<NodeObject['spec']>): Promise<NodeObject> {
    return this.edge.client.mergePatch(NodeType, { name }, { spec });
  }

  /** What its kubelet does. */
  patchConditions(name: string, conditions: readonly NodeCondition[]): Promise<NodeObject> {
    return this.edge.client.mergePatch(NodeType, { name }, { status: { conditions } }, { subresource: 'status' });
  }

  async removeNode(name: string): Promise<void> {
    await this.edge.client.delete(NodeType, { name });
  }

  addPod(pod: ReturnType<typeof aPod>): Promise<ReturnType<typeof aPod>> {
    return this.edge.client.create(PodType, { namespace: NAMESPACE }, pod);
  }

  getPod(name: string): Promise<ReturnType<typeof aPod>> {
    return this.edge.client.get(PodType, { namespace: NAMESPACE, name });
  }

  async setPhase(name: string, phase: string): Promise<void> {
    const key = { namespace: NAMESPACE, name };
    await this.edge.client.mergePatch(PodType, key, { status: { phase } }, { subresource: 'status' });
  }

  /** At once: no kubelet is there to confirm that the Pod has ended. */
  async removePod(name: string): Promise<void> {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}?gracePeriodSeconds=0`;
    await this.edge.client.transport.request({ method: 'DELETE', path });
  }

  /** Writes of the Cluster's status since there were that many writes. */
  statusWrites(since: number): number {
    return this.#operator.writes.slice(since).filter(({ path }) => path.endsWith(`/${NAME}/status`)).length;
  }

  /** How many writes there were so far, those included whose answer is on its way. */
  async settledWrites(): Promise<number> {
    await this.probed(1);
    return this.#operator.writes.length;
  }

  /** Waits until the operator has probed the cluster so often, two seconds apart. */
  async probed(times: number, meanwhile: () => Promise<unknown> = async () => undefined): Promise<void> {
    const start = await this.#probes();
    const probe = async () => {
      await meanwhile();
      return (await this.#probes()) >= start + times;
    };
    await eventually(probe, { timeoutMs: 30_000, what: `${times} probes` });
  }

  /** Waits until the status has these fields, and returns it. */
  async shows(wanted: object, timeoutMs = 30_000): Promise<ClusterStatus> {
    let last: ClusterStatus = {};
    const probe = async () => {
      last = (await this.clusters.get(NAME)).status ?? {};
      expect(last).toMatchObject(wanted);
    };
    await eventuallyPasses(probe, { timeoutMs, what: `the status shows ${JSON.stringify(wanted)}` });
    return last;
  }

  /** GETs of /readyz that the downstream has answered. */
  async #probes(): Promise<number> {
    const { body } = await this.edge.client.transport.request({ method: 'GET', path: '/metrics' });
    const counts = body.matchAll(/^apiserver_request_total\{[^}]*subresource="\/readyz"[^}]*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}

/** A downstream whose nodes nobody but the test declares dead, and whose Pods nobody collects. */
async function startEdge(): Promise<Site> {
  const controlPlane = await startControlPlane({ name: NAME, controllerManager: false });
  const client = adminClient(controlPlane.adminKubeconfig);
  await client.create(ServiceAccounts, { namespace: NAMESPACE }, { metadata: { name: 'default' } });
  return { name: NAME, controlPlane, client };
}
