import { LABEL_OWNER, ownerLabel, type Project } from '#api';
import { type Client, jsonEqual, type KubeObject, type ResourceType } from '#runtime';
import { isIsolated, NetworkPolicies, POLICY_NAME, ResourceQuotas } from '../engagement/policy-kinds.ts';

/** One of the objects by which a project limits what is made in its namespaces. */
interface Limit extends KubeObject {
  readonly spec?: { readonly hard?: Readonly<Record<string, string>> };
  readonly status?: { readonly hard?: Readonly<Record<string, string>> };
}

/**
 * Whether namespaces have the quota and the isolation that their project asks for. They are set by another operator, in
 * another process. The server is read, once for each namespace, project and set of limits: once they are there, they are
 * kept there, and replaced in place.
 */
export class LimitsInPlace {
  readonly #client: Client;
  /** By namespace: of which project which limits were found there. */
  readonly #found = new Map<string, string>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** What the namespace lacks of its project's limits, for people; undefined when it has them all. */
  async missing(namespace: string, project: Project, signal: AbortSignal): Promise<string | undefined> {
    if (this.areKnown(namespace, project)) return undefined;
    const owner = ownerLabel('project', project.metadata.name ?? '');
    const asked = limitsOf(project);
    const found = await Promise.all(asked.map(({ type }) => this.#isInForce(type, namespace, owner, signal)));
    const lacking = asked.filter((_, index) => !found[index]).map(({ what }) => what);
    if (lacking.length > 0) return lacking.join(' and ');
    this.#found.set(namespace, sought(project));
    return undefined;
  }

  /** The namespace was found to have all of its project's limits, or the project has none. */
  areKnown(namespace: string, project: Project): boolean {
    return limitsOf(project).length === 0 || this.#found.get(namespace) === sought(project);
  }

  /** The namespace is gone, or in another project. */
  forget(namespace: string): void {
    this.#found.delete(namespace);
  }

  /** Kubernetes holds a namespace to a ResourceQuota once its controller has seen it. */
  async #isInForce(type: ResourceType, namespace: string, owner: string, signal: AbortSignal): Promise<boolean> {
    const found: Limit | undefined = await this.#client.find(type, { namespace, name: POLICY_NAME }, { signal });
    const { labels, deletionTimestamp } = found?.metadata ?? {};
    if (!found || labels?.[LABEL_OWNER] !== owner || deletionTimestamp !== undefined) return false;
    return type !== ResourceQuotas || jsonEqual(found.spec?.hard, found.status?.hard);
  }
}

interface Asked {
  readonly type: ResourceType;
  /** For people. */
  readonly what: string;
}

function limitsOf({ spec }: Project): Asked[] {
  const isLimited = Object.keys(spec.resourceQuota?.hard ?? {}).length > 0;
  return [
    ...(isLimited ? [{ type: ResourceQuotas, what: 'quota' }] : []),
    ...(isIsolated(spec) ? [{ type: NetworkPolicies, what: 'isolation' }] : []),
  ];
}

function sought(project: Project): string {
  return [project.metadata.uid, ...limitsOf(project).map(({ what }) => what)].join();
}
