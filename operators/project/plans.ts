import {
  clusterNamespace,
  LABEL_SHARED,
  type Project,
  ProjectResource,
  parseClusterNamespace,
  parseProjectNamespace,
  projectNamespace,
} from '#api';
import { type Cluster, type Informer, type KubeObject, keyString, Namespaces } from '#runtime';
import { isRefusal, isTemplate, type Refusal, type Template, templateOf } from './desired.ts';
import { homeState } from './home.ts';
import { SHARED_KINDS, type SharedKind, type Source, SourceTypes } from './kinds.ts';

/** What a project wants in its member namespaces, computed from the hub alone. */
export interface Plan {
  readonly project: Project;
  readonly templates: readonly Template[];
  readonly refusals: readonly Refusal[];
}

const BY_NAMESPACE = 'namespace';

/**
 * The projects of the hub and what they share. Plans are computed once and kept until the project, one
 * of its shared objects or its namespace changes.
 */
export class Plans {
  readonly projects: Informer<Project>;
  readonly namespaces: Informer<KubeObject>;
  readonly sources: Readonly<Record<SharedKind, Informer<Source>>>;
  readonly #hub: Cluster;
  readonly #plans = new Map<string, Plan>();

  constructor(hub: Cluster) {
    this.#hub = hub;
    this.projects = hub.cache.informer(ProjectResource);
    this.namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    const shared = { labelSelector: `${LABEL_SHARED}=true` };
    this.sources = {
      Secret: hub.cache.informer(SourceTypes.Secret, shared),
      ConfigMap: hub.cache.informer(SourceTypes.ConfigMap, shared),
    };
    for (const informer of Object.values(this.sources))
      informer.addIndex(BY_NAMESPACE, object => [object.metadata?.namespace ?? '']);
    this.#forgetOnChange(this.projects, projectKeyOf);
    this.#forgetOnChange(this.namespaces, namespace => homeProjectKey(namespace.metadata?.name ?? ''));
    for (const informer of Object.values(this.sources)) this.#forgetOnChange(informer, sourceProjectKey);
  }

  /** Everything that decides what should exist has been read and can be read now; absence counts. */
  get known(): boolean {
    const informers = [this.projects, this.namespaces, ...Object.values(this.sources)];
    return informers.every(informer => informer.known);
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    const informers = [this.projects, this.namespaces, ...Object.values(this.sources)];
    await Promise.all(informers.map(informer => informer.whenSynced(signal)));
  }

  project(cluster: string, name: string): Project | undefined {
    return this.projects.get({ namespace: clusterNamespace(cluster), name });
  }

  /** The plan of a project that exists. */
  get(project: Project): Plan {
    const key = projectKeyOf(project) ?? '';
    const cached = this.#plans.get(key);
    if (cached && cached.project === project) return cached;
    const plan = this.#compute(project);
    this.#plans.set(key, plan);
    return plan;
  }

  /**
   * Whether what the plan does not name may be removed: the hub was read completely and the project's
   * namespace, where its shared objects live, is in good order.
   */
  complete(project: Project): boolean {
    const cluster = parseClusterNamespace(project.metadata.namespace ?? '') ?? '';
    const home = this.namespaces.get({ name: projectNamespace(cluster, project.metadata.name ?? '') });
    return this.known && homeState(home, cluster, project.metadata.name ?? '') === 'ours';
  }

  #compute(project: Project): Plan {
    const cluster = parseClusterNamespace(project.metadata.namespace ?? '') ?? '';
    const { name = '', uid = '' } = project.metadata;
    const home = projectNamespace(cluster, name);
    // a namespace of that name which is somebody else's shares nothing with this project
    const isForeign = homeState(this.namespaces.get({ name: home }), cluster, name) === 'foreign';
    const results = (isForeign ? [] : SHARED_KINDS).flatMap(kind =>
      this.sources[kind]
        .byIndex(BY_NAMESPACE, home)
        .filter(source => !source.metadata?.deletionTimestamp)
        .map(source => templateOf(kind, source, { project: name, projectUid: uid, cluster, hub: this.#hub.uid })),
    );
    return {
      project,
      templates: results.filter(isTemplate),
      refusals: results.filter(isRefusal),
    };
  }

  #forgetOnChange<T extends KubeObject>(informer: Informer<T>, keyOf: (object: T) => string | undefined): void {
    const forget = (object: T) => this.#plans.delete(keyOf(object) ?? '');
    informer.subscribe({ applied: forget, deleted: forget });
  }
}

/** `c-<cluster>/<project>`; undefined outside of a cluster's namespace. */
export function projectKeyOf(project: Project): string | undefined {
  const { namespace = '', name = '' } = project.metadata;
  return parseClusterNamespace(namespace) === undefined ? undefined : keyString({ namespace, name });
}

/** The key of the project that an object of a project's namespace belongs to. */
export function sourceProjectKey(object: KubeObject): string | undefined {
  return homeProjectKey(object.metadata?.namespace ?? '');
}

/** The key of the project that has this namespace. */
export function homeProjectKey(namespace: string): string | undefined {
  const parsed = parseProjectNamespace(namespace);
  return parsed && keyString({ namespace: clusterNamespace(parsed.cluster), name: parsed.project });
}
