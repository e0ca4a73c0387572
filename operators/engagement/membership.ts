import { isReservedNamespace, LABEL_PROJECT } from '#api';
import { type Cluster, type Informer, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { boundedFields } from './bounded-fields.ts';
import {
  type AppliedFields,
  appliedFields,
  type DefaultLabel,
  defaultLabelOf,
  PROJECT_MANAGERS,
} from './namespace-fields.ts';

const MemberNamespaces = Namespaces as ResourceType<MemberNamespace>;
const BY_PROJECT = 'project';
/** Three times as many as Kubernetes supports in a cluster; each is looked at in turn, and counted for its project. */
const MOST_NAMESPACES = 30_000;

/** A downstream namespace as the cache keeps it. */
export interface MemberNamespace extends KubeObject {
  /** The label and annotation keys that were applied to it for a project. */
  readonly applied: AppliedFields;
  /** Who applied them: of a cluster that was connected otherwise before, another than now. */
  readonly appliedBy: readonly string[];
  /** That its membership label is one that Paddock applied for a default project. */
  readonly defaultLabel?: DefaultLabel;
}

/** The project a namespace names; Paddock's own namespaces belong to none whatever they are labelled. */
export function membershipOf(namespace: KubeObject | undefined): string | undefined {
  const { name = '', labels } = namespace?.metadata ?? {};
  if (isReservedNamespace(name)) return undefined;
  return labels?.[LABEL_PROJECT] || undefined;
}

export function isTerminating(object: KubeObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined;
}

/** Namespaces that no deletion policy deletes: they are detached instead. */
export function isProtectedNamespace(name: string): boolean {
  return name === 'default' || name.startsWith('kube-') || name.startsWith('paddock-');
}

/** Keeps of a namespace its metadata and which labels and annotations are ours. */
export function memberNamespaceOf(object: KubeObject): MemberNamespace {
  const {
    managedFields: _fields,
    ownerReferences: _owners,
    finalizers: _finalizers,
    annotations,
    labels,
    ...metadata
  } = object.metadata ?? {};
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...kept } = annotations ?? {};
  const fields = PROJECT_MANAGERS.map(manager => ({ manager, ...appliedFields(object, manager) })).filter(
    each => each.labels.length + each.annotations.length > 0,
  );
  const defaultLabel = defaultLabelOf(object);
  const applied: AppliedFields = {
    labels: fields.flatMap(each => each.labels),
    annotations: fields.flatMap(each => each.annotations),
  };
  return {
    metadata: {
      ...metadata,
      ...(labels ? { labels: boundedFields(labels, applied.labels) } : {}),
      annotations: boundedFields(kept, applied.annotations),
    },
    applied,
    appliedBy: fields.map(({ manager }) => manager),
    ...(defaultLabel ? { defaultLabel } : {}),
  };
}

/** Every namespace of a cluster, as its controllers share it. */
export function memberNamespaces(cluster: Cluster): Informer<MemberNamespace> {
  const namespaces = cluster.cache.informer(MemberNamespaces, {
    metadataOnly: true,
    transform: { name: 'member', apply: memberNamespaceOf },
    mostObjects: MOST_NAMESPACES,
  });
  namespaces.addIndex(BY_PROJECT, namespace => [membershipOf(namespace) ?? '']);
  return namespaces;
}

/** The namespaces that name the project, also those on their way out, of {@link memberNamespaces}. */
export function namespacesOf(namespaces: Informer<MemberNamespace>, project: string): MemberNamespace[] {
  return namespaces.byIndex(BY_PROJECT, project);
}

/** The namespaces that name the project and are not on their way out, of {@link memberNamespaces}. */
export function membersOf(namespaces: Informer<MemberNamespace>, project: string): MemberNamespace[] {
  return namespacesOf(namespaces, project).filter(namespace => !isTerminating(namespace));
}
