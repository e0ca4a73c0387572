import { clusterNamespace, type Project } from '#api';
import { type Informer, keyString, type Watched } from '#runtime';
import {
  isTerminating,
  type MemberNamespace,
  membershipOf,
  membersOf,
  namespacesOf,
} from '../engagement/membership.ts';
import { beyondLimit, hasJoined, namespaceLimitOf } from './namespace-limit.ts';

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
 * it follows them; a project within its limit costs nothing but a count.
 */
export class NamespaceLimits {
  readonly #options: NamespaceLimitsOptions;
  readonly #beyond = new Map<string, ReadonlySet<string>>();
  readonly #full = new Map<string, number>();

  constructor(options: NamespaceLimitsOptions) {
    this.#options = options;
  }

  /** The members of a project that are beyond its limit. */
  beyond(project: string): ReadonlySet<string> {
    return this.#beyond.get(project) ?? NONE;
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
        applied: (namespace, old) => {
          if (!old || this.#isCountedOtherwise(namespace, old)) this.#recountOf(namespace, old);
        },
        deleted: namespace => this.#recountOf(namespace),
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

  #isCountedOtherwise(namespace: MemberNamespace, old: MemberNamespace): boolean {
    const project = membershipOf(namespace);
    if (project !== membershipOf(old) || isTerminating(namespace) !== isTerminating(old)) return true;
    const uid = project === undefined ? undefined : this.#project(project)?.metadata.uid;
    return hasJoined(namespace, uid) !== hasJoined(old, uid);
  }

  #recountOf(...namespaces: (MemberNamespace | undefined)[]): void {
    for (const project of new Set(namespaces.map(membershipOf))) if (project !== undefined) this.#recount(project);
  }

  #recount(name: string): void {
    const { namespaces, changed } = this.#options;
    const project = this.#project(name);
    const members = membersOf(namespaces, name);
    // one on its way out counts until it is gone: a finalizer keeps it for as long as somebody likes
    const count = namespacesOf(namespaces, name).length;
    this.#setFull(name, project && count >= namespaceLimitOf(project) ? namespaceLimitOf(project) : undefined);
    const [before, now] = [this.beyond(name), project ? beyondLimit(members, project) : NONE];
    if (now.size > 0) this.#beyond.set(name, now);
    else this.#beyond.delete(name);
    const flipped = [
      ...[...now].filter(namespace => !before.has(namespace)),
      ...[...before].filter(namespace => !now.has(namespace)),
    ];
    for (const namespace of flipped) changed(namespace);
  }

  #setFull(name: string, limit: number | undefined): void {
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
