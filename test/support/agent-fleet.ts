import { type Cluster, ClusterResource } from '#api';
import { CLAIM, ConfigMaps, claimOwner } from '../../operators/engagement/claim.ts';
import { applyManifest, createAgentCluster, manifestOf, type RunningAgent, startAgent } from './agents.ts';
import { eventually } from './eventually.ts';
import { type Fleet, type Site, startFleet } from './fleet.ts';

/** For the namespace of the one before to go, on both sides; a busy machine included. */
const WITHIN = { timeoutMs: 60_000 };
/** Times that a test need not wait long for. */
export const QUICK = { interval: '2s', timeout: '6s' };

/** A hub with its operators, and a downstream `edge-1` that an agent connects, again and again. */
export class AgentFleet {
  readonly fleet: Fleet;
  readonly edge: Site;
  readonly #agents = new Set<RunningAgent>();

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
    this.edge = fleet.edge(1);
  }

  static async start(): Promise<AgentFleet> {
    const fleet = await startFleet();
    fleet.start(['cluster']);
    fleet.start(['project']);
    return new AgentFleet(fleet);
  }

  /** Starts the agent of what is installed downstream. */
  startAgent(identity?: string): RunningAgent {
    const agent = startAgent(this.edge, identity === undefined ? {} : { identity });
    this.#agents.add(agent);
    return agent;
  }

  /** Creates Cluster `edge-1` by agent, once the one before is gone. */
  async create(spec: Partial<Cluster['spec']> = {}): Promise<Cluster> {
    return await createAgentCluster(this.fleet, 'edge-1', { heartbeat: QUICK, ...spec });
  }

  /** Applies the Cluster's manifest, again until namespace paddock-system of the one before is gone. */
  async install(): Promise<void> {
    const manifest = await manifestOf(this.fleet, 'edge-1');
    await eventually(() => applyManifest(this.edge, manifest).then(() => true), {
      ...WITHIN,
      what: 'the manifest is applied',
    });
  }

  /** A Cluster that is connected and Ready, and its agent. */
  async join(
    spec: Partial<Cluster['spec']> = {},
    identity?: string,
  ): Promise<{ cluster: Cluster; agent: RunningAgent }> {
    const cluster = await this.create(spec);
    await this.install();
    const agent = this.startAgent(identity);
    await this.ready(cluster);
    return { cluster, agent };
  }

  /** Waits until the Cluster is Ready, and its agent has claimed what it works on: that comes last. */
  async ready({ metadata }: Cluster): Promise<void> {
    const { name = '', uid } = metadata;
    await eventually(
      async () => {
        const found = await this.fleet.hub.client.get(ClusterResource, { name });
        const isReady = found.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
        const owner = claimOwner(await this.edge.client.find(ConfigMaps, CLAIM));
        return found.metadata.uid === uid && isReady && owner?.cluster === uid;
      },
      { ...WITHIN, what: `Cluster ${name} is Ready, and its agent has claimed the cluster` },
    );
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#agents].map(agent => agent.stop()));
    await this.fleet.stop();
  }
}
