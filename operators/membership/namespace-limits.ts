import { clusterNamespace, type Project } from '#api';
import { type Informer, type KubeObject, keyString, type Watched } from '#runtime';
import { isTerminating, type MemberNamespace, membershipOf, membersOf } from '../engagement/membership.ts';
import type { JoiningOrder } from './joining-order.ts';
import { namespaceLimitOf, orderOfJoining } from './namespace-limit.ts';

export interface NamespaceLimitsOptions {
  readonly cluster: string;
  readonly namespaces: Informer<MemberNamespace>;
  /** Those of other clusters may be among them. */
  readonly projects: Watched<Project>;
  /** The namespace is beyond the limit of its project now, or no longer. */
  readonly changed: (namespace: string) => void;
  /** A project is full now, or no longer. */
  readonly fullChanged?: () => void;
}

/**
 * Which namespaces of one cluster are beyond the limits of their projects. It keeps up with namespaces and Projects while
 * it follows them; a namespace that comes, changes or goes costs O(log n) of its project's, as somebody who fills a cluster
 * with namespaces of one project would otherwise hold up everybody else.
 */
export class NamespaceLimits {
  readonly #options: NamespaceLimitsOptions;
  /** Of each project that namespaces name, those that are not on their way out. */
  readonly #orders = new Map<string, JoiningOrder<KubeObject>>();
  /** The number of all. One on its way out counts until it is gone: a finalizer keeps it for as long as somebody likes. */
  readonly #counts = new Map<string, number>();
  readonly #full = new Map<string, number>();

  constructor(options: NamespaceLimitsOptions) {
    this.#options = options;
  }

  /** The members of a project that are beyond its limit. */
  beyond(project: string): ReadonlySet<string> {
    return this.#orders.get(project)?.beyond ?? NONE;
  }

  /** The limits of the projects that have as many namespaces as they may, by name. */
  get full(): ReadonlyMap<string, number> {
    return this.#full;
  }

  /** Counts from now on, until the signal aborts. */
  follow(signal: AbortSignal): void {
    const { cluster, namespaces, projects } = this.#options;
    const home = clusterNamespace(cluster);
    const recount = ({ metadata }: Project) => {
      if (metadata.namespace === home) this.#recount(metadata.name ?? '');
    };
    const unsubscribe = [
      projects.subscribe({
        applied: (project, old) => {
          const isSame = old && namespaceLimitOf(old) === namespaceLimitOf(project);
          if (!isSame || old.metadata.uid !== project.metadata.uid) recount(project);
        },
        deleted: recount,
      }),
      namespaces.subscribe({
        applied: (namespace, old) => this.#namespaceChanged(namespace, old),
        deleted: namespace => this.#namespaceChanged(undefined, namespace),
      }),
    ];
    signal.addEventListener(
      'abort',
      () => {
        for (const end of unsubscribe) end();
      },
      { once: true },
    );
  }

  #namespaceChanged(now: MemberNamespace | undefined, old: MemberNamespace | undefined): void {
    const [to, from] = [membershipOf(now), membershipOf(old)];
    if (from !== undefined && from !== to) this.#count(from, -1);
    if (to !== undefined && from !== to) this.#count(to, 1);
    const isMember = now !== undefined && to !== undefined && !isTerminating(now);
    if (old && from !== undefined && !(isMember && from === to)) this.#leave(from, old.metadata?.name ?? '');
    if (!isMember) return;
    const order = this.#orders.get(to) ?? orderOfJoining([], this.#project(to));
    this.#orders.set(to, order);
    this.#tell(order.set(now));
  }

  #leave(project: string, name: string): void {
    const order = this.#orders.get(project);
    if (!order) return;
    const flipped = order.delete(name);
    if (order.size === 0) this.#orders.delete(project);
    this.#tell(flipped);
  }

  #count(project: string, change: 1 | -1): void {
    const count = (this.#counts.get(project) ?? 0) + change;
    if (count > 0) this.#counts.set(project, count);
    else this.#counts.delete(project);
    this.#setFull(project);
  }

  /** The Project is another, or has another limit. */
  #recount(name: string): void {
    const before = this.beyond(name);
    const members = membersOf(this.#options.namespaces, name);
    if (members.length > 0) this.#orders.set(name, orderOfJoining(members, this.#project(name)));
    else this.#orders.delete(name);
    const now = this.beyond(name);
    this.#setFull(name);
    this.#tell([
      ...[...now].filter(namespace => !before.has(namespace)),
      ...[...before].filter(namespace => !now.has(namespace)),
    ]);
  }

  #tell(flipped: readonly string[]): void {
    for (const namespace of flipped) this.#options.changed(namespace);
  }

  #setFull(name: string): void {
    const project = this.#project(name);
    const count = this.#counts.get(name) ?? 0;
    const limit = project && count >= namespaceLimitOf(project) ? namespaceLimitOf(project) : undefined;
    if (this.#full.get(name) === limit) return;
    if (limit === undefined) this.#full.delete(name);
    else this.#full.set(name, limit);
    this.#options.fullChanged?.();
  }

  #project(name: string): Project | undefined {
    return this.#options.projects.get(keyString({ namespace: clusterNamespace(this.#options.cluster), name }));
  }
}

const NONE: ReadonlySet<string> = new Set();
