import { clusterNamespace, type Project, parseClusterNamespace } from '#api';
import { type Informer, keyString } from '#runtime';
import { POLICY_NAME } from '../engagement/policy-kinds.ts';
import { type CopyOwner, isTemplate, policyTemplate, type Template, templateOf } from './desired.ts';
import { type GivenKind, POLICY_KINDS, type PolicyKind } from './kinds.ts';
import { limitRangeSpec, networkPolicySpec } from './policies.ts';
import { Selected } from './selected.ts';
import { unread, withinBounds } from './share-bounds.ts';
import type { SharedObjects } from './shared.ts';
import { isRefusal, type Refusal } from './source.ts';

/** What a project wants in its member namespaces, computed from the hub alone. */
export interface Plan {
  readonly project: Project;
  /** What is shared. */
  readonly templates: readonly Template[];
  /** The same by the labels of namespaces. */
  readonly selected: Selected;
  /** The limits and the isolation of every member namespace. */
  readonly policies: readonly Template[];
  readonly refusals: readonly Refusal[];
}

export interface PlansOptions {
  readonly projects: Informer<Project>;
  readonly shared: SharedObjects;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
}

/**
 * The projects of the hub and what they give. What they share is computed once and kept until one of the shared
 * objects or the project's namespace changes, or another project takes the name; their policies until the spec changes.
 */
export class Plans {
  readonly projects: Informer<Project>;
  readonly #options: PlansOptions;
  readonly #plans = new Map<string, Plan>();
  readonly #listeners = new Set<(projectKey: string) => void>();

  constructor(options: PlansOptions) {
    this.#options = options;
    this.projects = options.projects;
    this.projects.subscribe({
      applied: () => undefined,
      deleted: project => this.#plans.delete(projectKeyOf(project) ?? ''),
    });
    options.shared.subscribe(key => {
      this.#plans.delete(key);
      for (const listener of this.#listeners) listener(key);
    });
  }

  /** Told the key of each project that shares something else now, or whose namespace has changed. */
  subscribe(changed: (projectKey: string) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.projects.whenSynced(signal), this.#options.shared.whenSynced(signal)]);
  }

  project(cluster: string, name: string): Project | undefined {
    return this.projects.get({ namespace: clusterNamespace(cluster), name });
  }

  /** The plan of a project that exists. */
  get(project: Project): Plan {
    const key = projectKeyOf(project) ?? '';
    const cached = this.#plans.get(key);
    if (cached && cached.project === project) return cached;
    // spec and status of a project change nothing of what it shares; copies are known to equal these very templates
    const { uid, generation } = project.metadata;
    const before = cached?.project.metadata.uid === uid ? cached : undefined;
    const isSameSpec = before?.project.metadata.generation === generation;
    const plan = {
      project,
      ...(before
        ? { templates: before.templates, selected: before.selected, refusals: before.refusals }
        : this.#share(project)),
      policies: before && isSameSpec ? before.policies : policiesOf(project, this.owner(project)),
    };
    this.#plans.set(key, plan);
    return plan;
  }

  /**
   * Whether what the plan does not name may be removed: the hub was read completely and the project's
   * namespace, where its shared objects live, is in good order.
   */
  complete(project: Project): boolean {
    const { shared } = this.#options;
    return this.projects.known && shared.isKnown(project) && shared.homeState(project) === 'ours';
  }

  #share(project: Project): Pick<Plan, 'templates' | 'selected' | 'refusals'> {
    const { shared } = this.#options;
    const owner = this.owner(project);
    // a namespace of that name which is somebody else's shares nothing with this project
    const objects = shared.homeState(project) === 'foreign' ? [] : shared.of(project);
    const { within, beyond } = withinBounds(objects.filter(({ source }) => !source.metadata?.deletionTimestamp));
    const results = within.map(each =>
      each.source.unkept === undefined ? templateOf(each.kind, each.source, owner) : unread(each),
    );
    const templates = results.filter(isTemplate);
    return { templates, selected: new Selected(templates), refusals: [...results.filter(isRefusal), ...beyond] };
  }

  /** By what all that the project gives is marked. */
  owner({ metadata }: Project): CopyOwner {
    const cluster = parseClusterNamespace(metadata.namespace ?? '') ?? '';
    return { project: metadata.name ?? '', projectUid: metadata.uid ?? '', cluster, hub: this.#options.hub() };
  }
}

function policiesOf({ spec }: Project, owner: CopyOwner): Template[] {
  const specs: Readonly<Record<PolicyKind, object | undefined>> = {
    LimitRange: limitRangeSpec(spec),
    NetworkPolicy: networkPolicySpec(owner.project, spec),
  };
  return POLICY_KINDS.flatMap(kind => {
    const wanted = specs[kind];
    return wanted ? [policyTemplate(kind, POLICY_NAME, wanted, owner)] : [];
  });
}

/** The kinds that a plan puts into every namespace because the project's spec says so. */
export function kindsOf({ project, policies }: Plan): GivenKind[] {
  return [...policies.map(({ kind }) => kind), ...(project.spec.resourceQuota ? (['ResourceQuota'] as const) : [])];
}

/** `c-<cluster>/<project>`; undefined outside of a cluster's namespace. */
export function projectKeyOf(project: Project): string | undefined {
  const { namespace = '', name = '' } = project.metadata;
  return parseClusterNamespace(namespace) === undefined ? undefined : keyString({ namespace, name });
}

/** The keys of a cluster's projects. */
export function projectKeysOf(plans: Plans, cluster: string): string[] {
  return projectsOf(plans, cluster).map(project => projectKeyOf(project) ?? '');
}

/** A cluster's projects. */
export function projectsOf({ projects }: Plans, cluster: string): Project[] {
  return projects.list().filter(({ metadata }) => metadata.namespace === clusterNamespace(cluster));
}
