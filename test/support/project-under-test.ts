import {
  clusterNamespace,
  LABEL_PROJECT,
  type Project,
  ProjectResource,
  type ProjectStatus,
  projectNamespace,
} from '#api';
import { type Condition, Events, findCondition, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { find, inBatches, WITHIN_MS } from './cluster-objects.ts';
import { eventually, eventuallyPasses } from './eventually.ts';
import { aNamespace, type ContentBuilder, type ContentObject, ContentTypes } from './objects.ts';
import type { ProjectFleet } from './project-fleet.ts';

interface ProjectEvent extends KubeObject {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly series?: { readonly count: number };
}

const EventType: ResourceType<ProjectEvent> = Events;

type Fields = Readonly<Record<string, string>>;
type Patch = Readonly<Record<string, unknown>>;

/** One Project as its users see it: they share objects in the hub and look at namespaces downstream. */
export class ProjectUnderTest {
  readonly fleet: ProjectFleet;
  readonly name: string;
  readonly cluster: string;

  constructor(fleet: ProjectFleet, name: string, cluster: string) {
    this.fleet = fleet;
    this.name = name;
    this.cluster = cluster;
  }

  get key(): { namespace: string; name: string } {
    return { namespace: clusterNamespace(this.cluster), name: this.name };
  }

  /** Its namespace in the hub. */
  get home(): string {
    return projectNamespace(this.cluster, this.name);
  }

  async read(): Promise<Project> {
    return await this.fleet.hub.get(ProjectResource, this.key);
  }

  async change(patch: Patch): Promise<void> {
    await this.fleet.hub.mergePatch(ProjectResource, this.key, patch);
  }

  async delete(): Promise<void> {
    await this.fleet.hub.delete(ProjectResource, this.key);
  }

  async gone(): Promise<void> {
    const find = () => this.fleet.hub.find(ProjectResource, this.key);
    await eventually(async () => !(await find()), { timeoutMs: WITHIN_MS, what: `Project ${this.name} is gone` });
  }

  /** Creates member namespaces. */
  async members(names: readonly string[], labels: Fields = {}): Promise<void> {
    const { downstream } = this.fleet;
    await inBatches(names, name => downstream.create(Namespaces, {}, aNamespace(name, { project: this.name, labels })));
  }

  /** Makes an existing namespace a member; it leaves the project it was in. */
  async attach(namespace: string): Promise<void> {
    await this.fleet.downstream.mergePatch(
      Namespaces,
      { name: namespace },
      { metadata: { labels: { [LABEL_PROJECT]: this.name } } },
    );
  }

  /** Creates the object in the project's namespace with the label that shares it. */
  async share(...objects: ContentBuilder[]): Promise<void> {
    const { hub } = this.fleet;
    for (const object of objects) {
      const source = object.shared().build(this.home);
      await hub.create(ContentTypes[object.kind], { namespace: this.home }, source);
    }
  }

  async changeSource({ kind, name }: ContentBuilder, patch: Patch): Promise<void> {
    await this.fleet.hub.mergePatch(ContentTypes[kind], { namespace: this.home, name }, patch);
  }

  async deleteSource({ kind, name }: ContentBuilder): Promise<void> {
    await this.fleet.hub.delete(ContentTypes[kind], { namespace: this.home, name });
  }

  /** Deletes the source and creates another under its name, as tools do with what can't be changed. */
  async recreateSource(object: ContentBuilder): Promise<void> {
    await this.deleteSource(object);
    await this.share(object);
  }

  /** Waits until the copy exists in the namespace and `holds`; returns it. */
  async copy(
    object: ContentBuilder,
    namespace: string,
    holds: (copy: ContentObject) => unknown = () => true,
  ): Promise<ContentObject> {
    const read = () => find(this.fleet.downstream, object, namespace);
    return await eventually(
      async () => {
        const copy = await read();
        return copy && !copy.metadata?.deletionTimestamp && holds(copy) ? copy : undefined;
      },
      { timeoutMs: WITHIN_MS, what: `${object.kind} ${namespace}/${object.name} is there as it should be (${holds})` },
    );
  }

  /** Waits until the namespace has no object of this kind and name. */
  async noCopy(object: ContentBuilder, namespace: string): Promise<void> {
    const read = () => find(this.fleet.downstream, object, namespace);
    await eventually(async () => !(await read()), {
      timeoutMs: WITHIN_MS,
      what: `${object.kind} ${namespace}/${object.name} is gone`,
    });
  }

  /**
   * Shares one more object and waits for its copies. What came before it was seen before it, so what was not
   * written by then is not written because of that.
   */
  async settle(namespaces: readonly string[], marker: ContentBuilder): Promise<void> {
    await this.share(marker);
    for (const namespace of namespaces) await this.copy(marker, namespace);
  }

  /** The Events about it with this reason. */
  async events(reason: string): Promise<ProjectEvent[]> {
    const { items } = await this.fleet.hub.list(EventType, { namespace: this.key.namespace });
    return items.filter(
      event => event.regarding.kind === 'Project' && event.regarding.name === this.name && event.reason === reason,
    );
  }

  /** Waits for an Event with this reason whose note names the namespace. */
  async event(reason: string, namespace: string): Promise<ProjectEvent> {
    return await eventually(
      async () => (await this.events(reason)).find(({ note }) => note.split(/[\s:,]+/).includes(namespace)),
      { timeoutMs: WITHIN_MS, what: `an Event ${reason} on Project ${this.name} names namespace ${namespace}` },
    );
  }

  async condition(type: string, status: Condition['status'], reason?: string): Promise<Condition> {
    return await eventually(
      async () => {
        const condition = findCondition((await this.read()).status?.conditions, type);
        return condition?.status === status && (reason === undefined || condition.reason === reason)
          ? condition
          : undefined;
      },
      { timeoutMs: WITHIN_MS, what: `Project ${this.name} has ${type}=${status} ${reason ?? ''}` },
    );
  }

  /** Waits until the status passes the assertion. */
  async status(assertion: (status: ProjectStatus) => void): Promise<void> {
    await eventuallyPasses(async () => assertion((await this.read()).status ?? {}), {
      timeoutMs: WITHIN_MS,
      what: `Project ${this.name} has the status expected`,
    });
  }
}
