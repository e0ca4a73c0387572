import type { Informer } from '#runtime';
import { type MemberNamespace, membershipOf, membersOf } from '../engagement/membership.ts';
import { hasPodSecurity } from '../engagement/pod-security.ts';
import type { Obstacle } from './binding-status.ts';
import type { Place } from './grants.ts';
import { POD_SECURITY_MISSING } from './refusals.ts';
import type { HubSays } from './says.ts';

/**
 * The namespaces of a cluster that lack the pod security of their project. Nobody is given a role in one before it is
 * there: who may make Pods in it could make ones that reach the host.
 */
export class Exposure {
  readonly #cluster: string;
  readonly #namespaces: Informer<MemberNamespace>;
  readonly #says: HubSays;

  constructor(cluster: string, namespaces: Informer<MemberNamespace>, says: HubSays) {
    this.#cluster = cluster;
    this.#namespaces = namespaces;
    this.#says = says;
  }

  /** The namespace has not the pod security of its project. */
  has(name: string): boolean {
    const namespace = this.#namespaces.get({ name });
    const member = membershipOf(namespace);
    const project = member === undefined ? undefined : this.#says.project(this.#cluster, member);
    return namespace !== undefined && project !== undefined && !hasPodSecurity(namespace, project.spec);
  }

  /** What bindings of the place wait for while namespaces of it are exposed. */
  obstacle({ cluster, project }: Place): Obstacle | undefined {
    if (project === undefined) return undefined;
    const names = membersOf(this.#namespaces, project).map(({ metadata }) => metadata?.name ?? '');
    const [first, ...more] = names.filter(name => this.has(name)).sort();
    if (first === undefined) return undefined;
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    return {
      reason: POD_SECURITY_MISSING,
      message: `namespace ${first} of cluster ${cluster} does not have the pod security of Project ${project} yet${others}: the project operator sets it, and nobody is given a role there before`,
    };
  }
}
