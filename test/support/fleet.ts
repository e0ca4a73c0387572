import { type Cluster, ClusterResource, clusterNamespace, LABEL_CLUSTER } from '#api';
import { Client, findCondition, type KubeObject, Namespaces, type ResourceType, Transport } from '#runtime';
import { type ControlPlane, startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import type { OperatorName } from '../../operators/run.ts';
import { eventually } from './eventually.ts';
import { credentialsOf, type RunningOperators, type StartOperatorsOptions, startOperators } from './operators.ts';

/** A control plane with an administrator's client. */
export interface Site {
  readonly name: string;
  readonly controlPlane: ControlPlane;
  readonly client: Client;
}

export interface FleetOptions {
  /** How many downstreams, named `edge-1`… [1]. */
  readonly downstreams?: number;
  /** Added to the command line of the downstreams' API servers. */
  readonly downstreamFlags?: readonly string[];
}

/** A Cluster has no default projects unless its spec says so: a test sees the Projects that it made. */
export interface ImportOptions {
  readonly name?: string;
  readonly spec?: Partial<Cluster['spec']>;
}

export const SecretType: ResourceType<SecretObject> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

export interface SecretObject extends KubeObject {
  type?: string;
  immutable?: boolean;
  data?: Record<string, string>;
}

/** A hub with our CRDs and rights, and downstreams; operators are started by the test, as the users they run as. */
export class Fleet {
  readonly hub: Site;
  readonly downstreams: readonly Site[];
  readonly #running = new Set<RunningOperators>();

  constructor(hub: Site, downstreams: readonly Site[]) {
    this.hub = hub;
    this.downstreams = downstreams;
  }

  /** The downstream named `edge-<n>`. */
  edge(n = 1): Site {
    const site = this.downstreams[n - 1];
    if (!site) throw new Error(`the fleet has no edge-${n}`);
    return site;
  }

  /** Starts operators in this process, as their service accounts; stopped with the fleet at the latest. */
  start(
    operators: readonly OperatorName[] = ['cluster', 'project'],
    options: Omit<StartOperatorsOptions, 'operators' | 'kubeconfig'> = {},
  ): RunningOperators {
    const [only] = operators;
    const kubeconfig = operators.length === 1 && only ? this.operatorKubeconfig(only) : this.severalKubeconfig();
    const running = startOperators({ ...options, operators, kubeconfig });
    this.#running.add(running);
    return running;
  }

  /** A kubeconfig of the hub with the rights that manifests/rbac gives the operator. */
  operatorKubeconfig(operator: OperatorName): string {
    return this.hub.controlPlane.kubeconfigFor({
      user: `system:serviceaccount:paddock-system:paddock-${operator}`,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:paddock-system', 'system:authenticated'],
    });
  }

  /**
   * A kubeconfig of the hub for several operators in one process. No single account has all their rights, so it has the
   * administrator's; policies tell our operators by their names, so it has the name of one.
   */
  severalKubeconfig(): string {
    const user = 'system:serviceaccount:paddock-system:paddock-cluster';
    return this.hub.controlPlane.kubeconfigFor({ user, groups: ['system:masters', 'system:authenticated'] });
  }

  /** Deletes a namespace of a cluster or project, as nobody but our operators may while its Cluster stands. */
  async deleteHubNamespace(name: string): Promise<void> {
    const client = adminClient(this.severalKubeconfig());
    try {
      await client.delete(Namespaces, { name });
    } finally {
      await client.transport.close();
    }
  }

  /** Creates a Cluster for a downstream, with its kubeconfig Secret, as a user with GitOps would. */
  async importCluster(site: Site, options: ImportOptions & { kubeconfig?: string } = {}): Promise<Cluster> {
    const { name = site.name, kubeconfig = site.controlPlane.adminKubeconfig, spec = {} } = options;
    return await importKubeconfig(this.hub.client, name, kubeconfig, spec);
  }

  /** Makes the hub a cluster of its own. */
  async importLocal({ name = 'local', spec }: ImportOptions = {}): Promise<Cluster> {
    return await this.hub.client.create(
      ClusterResource,
      {},
      {
        apiVersion: 'paddock.dev/v1alpha1',
        kind: 'Cluster',
        metadata: { name },
        spec: { connection: { local: {} }, defaultProjects: false, ...spec },
      },
    );
  }

  /** Waits until the Cluster has the condition Connected with this status. */
  async connected(name: string, status: 'True' | 'False' | 'Unknown' = 'True', timeoutMs = 30_000): Promise<Cluster> {
    return await eventually(
      async () => {
        const cluster = await this.hub.client.get(ClusterResource, { name });
        return findCondition(cluster.status?.conditions, 'Connected')?.status === status ? cluster : undefined;
      },
      { timeoutMs, what: `Cluster ${name} has Connected=${status}` },
    );
  }

  /** Ends operators and control planes. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#running].map(running => running.stop()));
    await Promise.allSettled(
      [this.hub, ...this.downstreams].map(async ({ client, controlPlane }) => {
        await client.transport.close();
        await controlPlane.stop();
      }),
    );
  }
}

/** Creates a Cluster, its namespace and its kubeconfig Secret. */
export async function importKubeconfig(
  hub: Client,
  name: string,
  kubeconfig: string,
  spec: Partial<Cluster['spec']> = {},
): Promise<Cluster> {
  const namespace = clusterNamespace(name);
  await hub.create(Namespaces, {}, { metadata: { name: namespace, labels: { [LABEL_CLUSTER]: name } } });
  const data = { kubeconfig: Buffer.from(kubeconfig).toString('base64') };
  await hub.create(SecretType, { namespace }, { metadata: { name }, data });
  const connection = { kubeconfig: { secretRef: { name } } };
  return await hub.create(
    ClusterResource,
    {},
    {
      apiVersion: 'paddock.dev/v1alpha1',
      kind: 'Cluster',
      metadata: { name },
      spec: { connection, defaultProjects: false, ...spec },
    },
  );
}

/** Starts the control planes side by side and installs the hub. */
export async function startFleet({ downstreams = 1, downstreamFlags = [] }: FleetOptions = {}): Promise<Fleet> {
  const names = Array.from({ length: downstreams }, (_, index) => `edge-${index + 1}`);
  const sites = [startSite('hub'), ...names.map(name => startSite(name, downstreamFlags))];
  const [hub, ...others] = await Promise.all(sites);
  if (!hub) throw new Error('no hub');
  const fleet = new Fleet(hub, others);
  try {
    await installManifests(hub.controlPlane);
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  return fleet;
}

/** One control plane and its administrator. */
export async function startSite(name: string, apiServerFlags: readonly string[] = []): Promise<Site> {
  const controlPlane = await startControlPlane({ name, apiServerFlags });
  return { name, controlPlane, client: adminClient(controlPlane.adminKubeconfig) };
}

/** A client of our own library, writing as field manager `test`. */
export function adminClient(kubeconfig: string): Client {
  return new Client(new Transport({ credentials: credentialsOf(kubeconfig) }), { fieldManager: 'test' });
}
