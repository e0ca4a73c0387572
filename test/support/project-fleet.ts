import { ProjectResource, type ProjectSpec } from '#api';
import type { Client } from '#runtime';
import { type Fleet, type Site, startFleet } from './fleet.ts';
import { aProject } from './objects.ts';
import type { RunningOperators, Write } from './operators.ts';
import { ProjectUnderTest } from './project-under-test.ts';

/** A hub and one connected cluster with the cluster and project operators running, each with its own rights. */
export class ProjectFleet {
  readonly fleet: Fleet;
  readonly cluster: string;
  /** The downstream; the hub itself for a local cluster. */
  readonly site: Site;
  #projectOperator: RunningOperators;
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
    await fleet.importCluster(fleet.edge(), { name: cluster });
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

  get downstream(): Client {
    return this.site.client;
  }

  /** What the project operator wrote since the fleet started, also before a restart. */
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

  /** Stops the project operator, does what is given meanwhile, and starts a new one. */
  async whileDown(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    await this.#projectOperator.stop();
    await meanwhile();
    this.#projectOperator = this.#startProjectOperator();
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
    await this.fleet.stop();
  }

  #startProjectOperator(): RunningOperators {
    const running = this.fleet.start(['project']);
    this.#writes.push(running.writes);
    return running;
  }
}
