import { fieldManager, ProjectResource, type ProjectSpec } from '#api';
import type { Client } from '#runtime';
import { BY_AGENT, createAgentCluster, joinByAgent, type RunningAgent, superviseAgent } from './agents.ts';
import { type Fleet, type Site, startFleet } from './fleet.ts';
import { aProject } from './objects.ts';
import { type RunningOperators, recordWrites, type Write } from './operators.ts';
import { ProjectUnderTest } from './project-under-test.ts';

/**
 * A hub and one connected cluster with the cluster and project operators running, each with its own rights; where the
 * cluster is connected by agent, the agent also.
 */
export class ProjectFleet {
  readonly fleet: Fleet;
  readonly cluster: string;
  /** The downstream; the hub itself for a local cluster. */
  readonly site: Site;
  #projectOperator: RunningOperators;
  #agent: RunningAgent | undefined;
  readonly #writes: Write[][] = [];

  private constructor(fleet: Fleet, cluster: string, site: Site) {
    this.fleet = fleet;
    this.cluster = cluster;
    this.site = site;
    fleet.start(['cluster']);
    this.#projectOperator = this.#startProjectOperator();
  }

  /** Imports a downstream under a name of the test's choice [edge-1]; resolves once it is connected. */
  static async start({ cluster = 'edge-1' }: { cluster?: string } = {}): Promise<ProjectFleet> {
    const fleet = await startFleet({ downstreams: 1 });
    const started = new ProjectFleet(fleet, cluster, fleet.edge());
    if (BY_AGENT) await started.#join();
    else await fleet.importCluster(fleet.edge(), { name: cluster });
    await fleet.connected(cluster);
    return started;
  }

  /** The hub is its own and only downstream, named `local`. */
  static async startLocal(): Promise<ProjectFleet> {
    const fleet = await startFleet({ downstreams: 0 });
    const started = new ProjectFleet(fleet, 'local', fleet.hub);
    await fleet.importLocal();
    await fleet.connected('local');
    return started;
  }

  get hub(): Client {
    return this.fleet.hub.client;
  }

  /** Whoever works on the downstream writes by this name. */
  get fieldManager(): string {
    return fieldManager('project', BY_AGENT ? 'agent' : 'hub');
  }

  get downstream(): Client {
    return this.site.client;
  }

  /** What the project operator, and the agent, wrote since the fleet started, also before a restart. */
  get writes(): readonly Write[] {
    return this.#writes.flat();
  }

  /** Its writes to Secrets and ConfigMaps of these namespaces. */
  writesTo(namespaces: readonly string[]): Write[] {
    const wanted = new Set(namespaces);
    return this.writes.filter(({ path }) => {
      const [, namespace = ''] = /^\/api\/v1\/namespaces\/([^/]+)\/(?:secrets|configmaps)/.exec(path) ?? [];
      return wanted.has(namespace);
    });
  }

  /** Stops the project operator and the agent, does what is given meanwhile, and starts new ones. */
  async whileDown(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    await Promise.all([this.#projectOperator.stop(), this.#agent?.stop()]);
    await meanwhile();
    this.#projectOperator = this.#startProjectOperator();
    if (this.#agent) this.#agent = this.#startAgent();
  }

  /** Creates a Project and waits until it is taken care of. */
  async project(name: string, spec: ProjectSpec = {}): Promise<ProjectUnderTest> {
    const project = this.named(name);
    await this.create(project, spec);
    await project.condition('Ready', 'True');
    return project;
  }

  /** Creates a Project without waiting for anything. */
  async create({ key, name, cluster }: ProjectUnderTest, spec: ProjectSpec = {}): Promise<void> {
    await this.hub.create(ProjectResource, key, aProject({ name, cluster, spec }));
  }

  /** A Project by its name, whether it exists or not; of this cluster unless another is named. */
  named(name: string, { cluster = this.cluster }: { cluster?: string } = {}): ProjectUnderTest {
    return new ProjectUnderTest(this, name, cluster);
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
    await this.fleet.stop();
  }

  async #join(): Promise<void> {
    await createAgentCluster(this.fleet, this.cluster);
    await joinByAgent(this.fleet, this.cluster, this.site);
    this.#agent = this.#startAgent();
  }

  #startAgent(): RunningAgent {
    const { writes, afterWrite } = recordWrites();
    this.#writes.push(writes);
    return superviseAgent(this.site, { afterWrite });
  }

  #startProjectOperator(): RunningOperators {
    const running = this.fleet.start(['project']);
    this.#writes.push(running.writes);
    return running;
  }
}
