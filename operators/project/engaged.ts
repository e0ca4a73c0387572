import {
  ANNOTATION_QUOTA,
  type Cluster as ClusterObject,
  DEFAULT_PROJECT,
  ownerLabel,
  type Project,
  SYSTEM_PROJECT,
} from '#api';
import {
  type Client,
  type Cluster,
  Controller,
  hasFinalizer,
  type Informer,
  type KubeObject,
  type Logger,
  MAX_IN_FLIGHT,
  Recorder,
} from '#runtime';
import { isTerminating, type MemberNamespace, membershipOf } from '../engagement/membership.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import { NamespaceLimits } from '../membership/namespace-limits.ts';
import { type Conflict, Conflicts } from './conflicts.ts';
import { DefaultProjects, defaultProjectOf } from './default-projects.ts';
import { FINALIZER } from './deletion.ts';
import { FormerGrants } from './former-grants.ts';
import { FullProjects } from './full-projects.ts';
import { type Copy, LAZY_KINDS } from './kinds.ts';
import { isProjectCopy, Members, ownerProject } from './members.ts';
import { memberProjectKey, type NamespaceScope, reconcileNamespace } from './namespace.ts';
import { OutgrownDefaults } from './outgrown-defaults.ts';
import { Places } from './places.ts';
import { kindsOf, type Plans, projectKeyOf, projectKeysOf, projectsOf } from './plans.ts';
import type { Shares } from './quota-round.ts';
import { Quotas } from './quotas.ts';
import { deletionTold } from './status-parts.ts';
import { SeenJoining } from './taking-along.ts';
import { UnknownProjects } from './unknown-projects.ts';

export interface EngagedOptions {
  readonly cluster: Cluster;
  /** Writes the ledgers of quotas to the hub. */
  readonly hubClient: Client;
  readonly fieldManager: string;
  readonly plans: Plans;
  readonly deletions: Pick<Verdicts<Project>, 'verdict'>;
  /** The Clusters of the hub. */
  readonly clusters: Informer<ClusterObject>;
  /** Namespaces of project `system` beside those of Kubernetes. */
  readonly systemNamespaces: readonly string[];
  readonly hub: string;
  readonly log: Logger;
  /** What the project's status says may have changed. */
  readonly changed: (projectKey: string) => void;
  /** A namespace of the project was looked at; for events. */
  readonly observed: (observation: Observation) => void;
  /** A namespace was detached from its deleted project and not deleted, in doubt; for events. */
  readonly kept: (namespace: string, project: Project) => void;
  /** A project's quota was dealt out; for events. */
  readonly dealt: (project: Project, shares: Shares) => void;
}

/** What one look at a namespace brought. */
export interface Observation {
  readonly cluster: string;
  readonly namespace: string;
  readonly project: Project | undefined;
  readonly found: readonly Conflict[];
  readonly resolved: readonly Conflict[];
}

/** For so long the policies of a cluster are waited for before its namespaces are looked at, ms. */
const READ_MS = 5_000;

/**
 * Every event of an outage is one more failure, so the delay is soon the longest; and nothing tells when the API
 * server is back, so the longest must be short enough to wait for.
 */
export const BACKOFF_MS = [5, 30_000] as const;

/**
 * The project operator's work on one engaged cluster: a controller over the downstream's namespaces, each
 * brought to what its project wants in it.
 */
export class EngagedProjects {
  readonly members: Members;
  readonly conflicts: Conflicts;
  readonly quotas: Quotas;
  readonly limits: NamespaceLimits;
  readonly #full: FullProjects;
  readonly #options: EngagedOptions;
  readonly #controller: Controller;
  readonly #joining = new SeenJoining();
  readonly #formerGrants: FormerGrants;
  #settled = false;

  constructor(options: EngagedOptions) {
    this.#options = options;
    const { cluster, plans, deletions, hub, log } = options;
    this.members = new Members(cluster);
    this.#formerGrants = new FormerGrants(cluster.client);
    this.conflicts = new Conflicts(cluster, namespace => this.#controller.add(namespace));
    this.limits = new NamespaceLimits({
      cluster: cluster.name,
      namespaces: this.members.namespaces,
      projects: plans.projects,
      changed: namespace => this.#limitChanged(namespace),
      fullChanged: () => this.#full.changed(),
    });
    this.#full = new FullProjects({
      cluster,
      client: cluster.client.as(options.fieldManager),
      clusters: options.clusters,
      full: () => this.limits.full,
      hub,
      log,
      backoffMs: BACKOFF_MS,
    });
    this.quotas = new Quotas({
      cluster,
      client: options.hubClient,
      plans,
      members: this.members,
      limits: this.limits,
      log,
      backoffMs: BACKOFF_MS,
      changed: namespace => this.#controller.add(namespace),
      dealt: (project, shares) => {
        options.dealt(project, shares);
        options.changed(projectKeyOf(project) ?? '');
      },
    });
    const client = cluster.client.as(options.fieldManager);
    const recorder = new Recorder({ client, log, controller: 'paddock.dev/project', instance: options.fieldManager });
    const scope: NamespaceScope = {
      cluster,
      client,
      plans,
      deletions,
      defaults: new DefaultProjects(cluster.name, options.clusters, options.systemNamespaces),
      outgrown: new OutgrownDefaults(client, recorder),
      unknown: new UnknownProjects(cluster, options.fieldManager, log),
      hub,
      members: this.members,
      conflicts: this.conflicts,
      formerGrants: this.#formerGrants,
      places: new Places(),
      quotas: this.quotas,
      joining: this.#joining,
      kept: options.kept,
      limits: this.limits,
      report: (namespace, project, conflicts) => this.#report(namespace, project, conflicts),
    };
    this.#controller = new Controller({
      name: `project-namespaces`,
      log: log.child({ cluster: cluster.name }),
      concurrency: MAX_IN_FLIGHT,
      reconcile: (name, context) => reconcileNamespace(scope, name, context),
      // those of one project hold up no other's
      groupOf: name => membershipOf(this.members.namespaces.get({ name })) ?? '',
      backoffMs: BACKOFF_MS,
    });
  }

  get cluster(): Cluster {
    return this.#options.cluster;
  }

  /** Every namespace has been looked at once since the cluster was engaged. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Namespaces wait to be looked at, or are. */
  get isBusy(): boolean {
    return !this.#controller.queue.idle;
  }

  /** The project's members that are there, and none of its copies is left anywhere else. */
  isFreeOf(project: Project): boolean {
    const { name = '' } = project.metadata;
    const owner = ownerLabel('project', name);
    return this.#settled && this.members.of(name).length === 0 && !this.members.hasCopies(owner, this.#options.hub);
  }

  /**
   * Starts when both sides have been read completely; until then events only gather. Ends with the cluster, or
   * earlier when `stop` aborts.
   */
  start(stop: AbortSignal): void {
    const { cluster, plans } = this.#options;
    const ends = AbortSignal.any([cluster.signal, stop]);
    this.#watchHub();
    this.#watchDownstream();
    this.limits.follow(ends);
    const read = async () => {
      await Promise.all([plans.whenSynced(ends), this.members.whenSynced(ends)]);
      await this.#readPolicies(ends);
    };
    void read().then(
      () => {
        this.#addAll();
        this.#full.start(ends);
        this.quotas.start(ends);
        this.#controller.start(ends);
        return this.#settle(ends);
      },
      () => undefined, // let go before it was read
    );
  }

  /**
   * Policies that there are, or that projects ask for, are read before anything is done; but not waited for longer than
   * a moment, since the cluster may not allow to read them.
   */
  async #readPolicies(ends: AbortSignal): Promise<void> {
    const { cluster, plans } = this.#options;
    await this.members.findLazy(ends);
    for (const project of projectsOf(plans, cluster.name))
      for (const kind of kindsOf(plans.get(project))) this.members.watch(kind);
    const moment = AbortSignal.any([ends, AbortSignal.timeout(READ_MS)]);
    await this.members.whenSynced(moment).catch(() => ends.throwIfAborted());
  }

  async stopped(): Promise<void> {
    await Promise.all([this.#controller.stopped(), this.quotas.stopped(), this.#full.stopped()]);
  }

  #addAll(): void {
    for (const namespace of this.members.namespaces.list())
      this.#controller.add(namespace.metadata?.name ?? '', { priority: 'background' });
  }

  #watchHub(): void {
    const { cluster, clusters, plans } = this.#options;
    const members = (project: Project) => this.#namespacesOf(projectKeyOf(project));
    this.#controller.watches(plans.projects, members, { predicate: specChanged });
    this.#controller.watches(
      clusters,
      object => (object.metadata.name === cluster.name ? this.#defaultMembers() : []),
      {
        predicate: (object, old) => object.spec.defaultProjects !== old?.spec.defaultProjects,
      },
    );
    const unsubscribe = plans.subscribe(key => {
      for (const name of this.#namespacesOf(key)) this.#controller.add(name);
    });
    const ended = () => {
      unsubscribe();
      this.#changedAll();
    };
    cluster.signal.addEventListener('abort', ended, { once: true });
  }

  #watchDownstream(): void {
    const { members } = this;
    this.#controller.watches(members.namespaces, namespace => [namespace.metadata?.name ?? ''], { ownWrites: false });
    const tell = (...namespaces: (MemberNamespace | undefined)[]) => {
      for (const namespace of namespaces) this.#changed(namespace);
    };
    members.namespaces.subscribe({
      applied: (now, old, { initial }) => {
        const named = membershipOf(now);
        const project = named === undefined ? undefined : this.#options.plans.project(this.cluster.name, named);
        this.#joining.observe(now, old, { initial, project });
        if (!initial && !old && named !== undefined) this.#formerGrants.created(now.metadata?.name ?? '', named);
        tell(now, old);
        if (isClaimChanged(now, old)) this.#deal(now, old);
      },
      deleted: old => {
        this.#joining.forget(old);
        tell(old);
        this.#deal(old);
      },
    });
    this.quotas.follow();
    members.follow((informer, kind) => {
      // one that was a copy until somebody gave it to another owner is a copy to restore
      const predicate = (copy: Copy, old: Copy | undefined) => isProjectCopy(copy) || (!!old && isProjectCopy(old));
      this.#controller.watches(informer, copy => [copy.metadata?.namespace ?? ''], { predicate, ownWrites: false });
      const changed = ({ metadata }: KubeObject) => {
        const project = ownerProject(metadata?.labels);
        if (project !== undefined) this.#options.changed(`c-${this.cluster.name}/${project}`);
        this.#changed(members.namespaces.get({ name: metadata?.namespace ?? '' }));
      };
      informer.subscribe({ applied: changed, deleted: changed });
      // of the others it is waited for before the start
      if (!LAZY_KINDS.includes(kind)) return;
      void informer.whenSynced(this.cluster.signal).then(
        () => this.#addAll(),
        () => undefined, // let go before it was read
      );
    });
  }

  #namespacesOf(projectKey: string | undefined): string[] {
    const [home = '', project = ''] = projectKey?.split('/') ?? [];
    if (home !== `c-${this.cluster.name}`) return [];
    const members = this.members.of(project).map(namespace => namespace.metadata?.name ?? '');
    return project === DEFAULT_PROJECT || project === SYSTEM_PROJECT
      ? [...members, ...this.#defaultMembers(project)]
      : members;
  }

  /** The namespaces that name no project and are the given one's by default; without one, any's. */
  #defaultMembers(project?: string): string[] {
    return this.members
      .of('')
      .map(namespace => namespace.metadata?.name ?? '')
      .filter(name => {
        const byDefault = defaultProjectOf(name, this.#options.systemNamespaces);
        return byDefault !== undefined && (project ?? byDefault) === byDefault;
      });
  }

  #report(name: string, project: Project | undefined, conflicts: readonly Conflict[]): void {
    const { found, resolved } = this.conflicts.set(name, conflicts);
    if (found.length > 0 || resolved.length > 0) this.#changed(this.members.namespaces.get({ name }));
    this.#options.observed({ cluster: this.cluster.name, namespace: name, project, found, resolved });
  }

  #changed(namespace: MemberNamespace | undefined): void {
    const key = memberProjectKey(this.cluster.name, namespace);
    if (key !== undefined) this.#options.changed(key);
  }

  /** A namespace that its project's limit includes now, or no longer: it is given other things, and another share. */
  #limitChanged(name: string): void {
    const namespace = this.members.namespaces.get({ name });
    this.#controller.add(name);
    this.#changed(namespace);
    this.#deal(namespace);
  }

  /** Has the quotas of these namespaces' projects dealt out. */
  #deal(...namespaces: (MemberNamespace | undefined)[]): void {
    for (const project of new Set(namespaces.map(membershipOf)))
      if (project !== undefined && this.#options.plans.project(this.cluster.name, project)?.spec.resourceQuota)
        this.quotas.add(project);
  }

  #changedAll(): void {
    for (const key of projectKeysOf(this.#options.plans, this.cluster.name)) this.#options.changed(key);
  }

  async #settle(ends: AbortSignal): Promise<void> {
    await this.quotas.whenIdle();
    await this.#controller.queue.whenIdle();
    if (ends.aborted) return;
    this.#settled = true;
    this.#changedAll();
  }
}

/** Whether a namespace is to have another share than before. */
function isClaimChanged(namespace: MemberNamespace, old: MemberNamespace | undefined): boolean {
  const override = ({ metadata }: MemberNamespace) => metadata?.annotations?.[ANNOTATION_QUOTA];
  return (
    !old ||
    membershipOf(namespace) !== membershipOf(old) ||
    override(namespace) !== override(old) ||
    isTerminating(namespace) !== isTerminating(old)
  );
}

/** What members are given depends on the spec, on deletion, finalizer and annotations; not on what was seen of it. */
function specChanged(project: Project, old: Project | undefined): boolean {
  if (!old) return true;
  const { generation, deletionTimestamp, annotations, uid } = project.metadata;
  return (
    uid !== old.metadata.uid ||
    generation !== old.metadata.generation ||
    deletionTimestamp !== old.metadata.deletionTimestamp ||
    hasFinalizer(project, FINALIZER) !== hasFinalizer(old, FINALIZER) ||
    deletionTold(project) !== deletionTold(old) ||
    JSON.stringify(annotations) !== JSON.stringify(old.metadata.annotations)
  );
}
