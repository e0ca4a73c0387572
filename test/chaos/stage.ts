import {
  ANNOTATION_NAMESPACES,
  ANNOTATION_QUOTA,
  clusterNamespace,
  LABEL_CLUSTER,
  LABEL_PROJECT,
  LABEL_PROJECT_HOME,
  type Project,
  ProjectResource,
  type ProjectSpec,
  projectNamespace,
} from '#api';
import { type Client, type KubeObject, Namespaces } from '#runtime';
import type { Fleet } from '../support/fleet.ts';
import { aProject, base64, ContentBuilder, type ContentKind, ContentTypes } from '../support/objects.ts';

/** On every namespace of a stage, so that they are listed with one request. */
const LABEL_STAGE = 'stage';

export interface SourceOptions {
  /** What its one key holds. */
  readonly value: string;
  readonly immutable?: boolean;
  /** The annotation that narrows delivery. */
  readonly namespaces?: string;
}

/**
 * Projects and namespaces of one run of a scenario, under names that no other run has. It acts as an
 * administrator of hub and downstream would.
 */
export class Stage {
  readonly id: string;
  readonly cluster: string;
  readonly hub: Client;
  readonly downstream: Client;

  constructor(fleet: Fleet, id: string, edge = 1) {
    const site = fleet.edge(edge);
    this.id = id;
    this.cluster = site.name;
    this.hub = fleet.hub.client;
    this.downstream = site.client;
  }

  /** The name of a project that the scenario calls `a`. */
  project(alias: string): string {
    return `${alias}-${this.id}`;
  }

  /** The hub namespace of its shared objects. */
  home(alias: string): string {
    return projectNamespace(this.cluster, this.project(alias));
  }

  /** The downstream namespace that the scenario calls `1`. */
  namespace(number: number): string {
    return `${this.id}-${number}`;
  }

  /** Creates the namespaces `1` to `count`. */
  async createNamespaces(count: number, project?: string): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    await Promise.all(numbers.map(number => this.createNamespace(number, project)));
  }

  /** Creates one, which names the project as its own, whether that exists or not. */
  async createNamespace(number: number, project?: string): Promise<void> {
    const membership = project === undefined ? {} : { [LABEL_PROJECT]: this.project(project) };
    const metadata = { name: this.namespace(number), labels: { [LABEL_STAGE]: this.id, ...membership } };
    await this.downstream.create(Namespaces, {}, { metadata });
  }

  /** Sets labels of a namespace; null removes one. */
  async label(number: number, labels: Readonly<Record<string, string | null>>): Promise<void> {
    await this.downstream.mergePatch(Namespaces, { name: this.namespace(number) }, { metadata: { labels } });
  }

  /** Has the namespace ask for another share of its project's quota. */
  async override(number: number, amounts: Readonly<Record<string, string>>): Promise<void> {
    const annotations = { [ANNOTATION_QUOTA]: JSON.stringify(amounts) };
    await this.downstream.mergePatch(Namespaces, { name: this.namespace(number) }, { metadata: { annotations } });
  }

  /** Makes the namespace a member of another project, or of none. */
  async move(number: number, project: string | null): Promise<void> {
    await this.label(number, { [LABEL_PROJECT]: project === null ? null : this.project(project) });
  }

  /** The project's namespace beforehand, as GitOps makes it that applies all at once. */
  async createHome(alias: string): Promise<void> {
    const labels = { [LABEL_CLUSTER]: this.cluster, [LABEL_PROJECT_HOME]: this.project(alias) };
    await this.hub.create(Namespaces, {}, { metadata: { name: this.home(alias), labels } });
  }

  async createProject(alias: string, spec: ProjectSpec = {}): Promise<Project> {
    const project = aProject({ name: this.project(alias), cluster: this.cluster, spec });
    return await this.hub.create(ProjectResource, { namespace: clusterNamespace(this.cluster) }, project);
  }

  /** Merges into the project's spec. */
  async changeProject(alias: string, spec: ProjectSpec): Promise<void> {
    const key = { namespace: clusterNamespace(this.cluster), name: this.project(alias) };
    await this.hub.mergePatch(ProjectResource, key, { spec });
  }

  async deleteProject(alias: string): Promise<void> {
    await this.hub.delete(ProjectResource, { namespace: clusterNamespace(this.cluster), name: this.project(alias) });
  }

  async findProject(alias: string): Promise<Project | undefined> {
    const key = { namespace: clusterNamespace(this.cluster), name: this.project(alias) };
    return await this.hub.find(ProjectResource, key);
  }

  async share(project: string, kind: ContentKind, name: string, source: SourceOptions): Promise<void> {
    const { value, immutable, namespaces } = source;
    const plain = new ContentBuilder({ kind, name, data: { value }, ...(immutable ? { immutable } : {}) }).shared();
    const narrowed = namespaces === undefined ? plain : plain.forNamespaces(namespaces);
    const namespace = this.home(project);
    await this.hub.create(ContentTypes[kind], { namespace }, narrowed.build(namespace));
  }

  /** Changes fields of a shared object: its value, the annotation that narrows delivery. */
  async change(project: string, kind: ContentKind, name: string, change: Partial<SourceOptions>): Promise<void> {
    const { value, namespaces } = change;
    const patch = {
      ...(value === undefined ? {} : { data: { value: kind === 'Secret' ? base64(value) : value } }),
      ...(namespaces === undefined ? {} : { metadata: { annotations: { [ANNOTATION_NAMESPACES]: namespaces } } }),
    };
    await this.hub.mergePatch(ContentTypes[kind], { namespace: this.home(project), name }, patch);
  }

  async unshare(project: string, kind: ContentKind, name: string): Promise<void> {
    await this.hub.delete(ContentTypes[kind], { namespace: this.home(project), name });
  }

  /** The stage's namespaces, in the order of their numbers. */
  async namespaces(): Promise<readonly KubeObject[]> {
    const { items } = await this.downstream.list(Namespaces, { labelSelector: `${LABEL_STAGE}=${this.id}` });
    return [...items].sort((a, b) => numberOf(a) - numberOf(b));
  }
}

function numberOf({ metadata }: KubeObject): number {
  return Number(metadata?.name?.split('-').at(-1));
}
