import {
  type Cluster as ClusterObject,
  DEFAULT_PROJECT,
  isReservedNamespace,
  LABEL_PROJECT,
  SYSTEM_PROJECT,
} from '#api';
import { type Client, type Informer, isConflict, Namespaces } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import { type DefaultLabel, membershipManager } from '../engagement/namespace-fields.ts';

/** Kubernetes' own: a closed list, since whoever may create namespaces finds a name for every pattern. */
const KUBERNETES_NAMESPACES: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Which namespaces of one downstream belong to a project by their name, while they name none themselves. */
export class DefaultProjects {
  readonly #cluster: string;
  readonly #clusters: Informer<ClusterObject>;
  readonly #system: readonly string[];

  /** `systemNamespaces` are the names beside those of Kubernetes. */
  constructor(cluster: string, clusters: Informer<ClusterObject>, systemNamespaces: readonly string[]) {
    this.#cluster = cluster;
    this.#clusters = clusters;
    this.#system = systemNamespaces;
  }

  /** The project that a namespace without a project label is to be labelled with; undefined for none. */
  of({ metadata }: MemberNamespace): string | undefined {
    const { name = '', labels } = metadata ?? {};
    if (labels?.[LABEL_PROJECT] !== undefined) return undefined;
    const project = defaultProjectOf(name, this.#system);
    return project !== undefined && this.#wanted ? project : undefined;
  }

  /**
   * The managers of Paddock that hold the label of a namespace that is in project `system` by its name alone, although
   * no rule has the name there: earlier versions labelled all `kube-*`. Undefined for every other namespace.
   */
  outgrown({ metadata, defaultLabel }: MemberNamespace): DefaultLabel | undefined {
    const { name = '', labels } = metadata ?? {};
    const isInSystem = labels?.[LABEL_PROJECT] === SYSTEM_PROJECT;
    if (!isInSystem || !name.startsWith('kube-') || defaultProjectOf(name, this.#system) === SYSTEM_PROJECT)
      return undefined;
    return defaultLabel;
  }

  get #wanted(): boolean {
    const object = this.#clusters.get({ name: this.#cluster });
    return object !== undefined && !object.metadata.deletionTimestamp && object.spec.defaultProjects !== false;
  }
}

/** The default project for a namespace of this name, whatever its labels. */
export function defaultProjectOf(namespace: string, systemNamespaces: readonly string[]): string | undefined {
  if (isReservedNamespace(namespace)) return undefined;
  if (namespace === 'default') return DEFAULT_PROJECT;
  return [...KUBERNETES_NAMESPACES, ...systemNamespaces].includes(namespace) ? SYSTEM_PROJECT : undefined;
}

/**
 * Labels a namespace with its default project, under a manager of its own, so that it can be told from a label that
 * people set. A label that somebody else sets at the same time stays: this one is refused then.
 */
export async function labelByDefault(
  client: Client,
  { metadata }: MemberNamespace,
  project: string,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', uid = '' } = metadata ?? {};
  const intent = { metadata: { name, uid, labels: { [LABEL_PROJECT]: project } } };
  try {
    const fieldManager = membershipManager(client.fieldManager);
    await client.apply(Namespaces, intent, { signal, fieldManager, force: false });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
