import { createHash } from 'node:crypto';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';

export const GROUP = 'paddock.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/** Namespace of the operators in the hub, and of the agent and policies' parameters downstream. */
export const SYSTEM_NAMESPACE = 'paddock-system';
/** Downstream namespace of people's service accounts. */
export const USERS_NAMESPACE = 'paddock-users';

/** On hub namespaces and on every derived object: the Cluster it belongs to. */
export const LABEL_CLUSTER = 'paddock.dev/cluster';
/** On a downstream namespace, written by its users: the Project it is a member of. */
export const LABEL_PROJECT = 'paddock.dev/project';
/** On a hub namespace `p-<cluster>--<project>`: the Project whose shared objects it holds. */
export const LABEL_PROJECT_HOME = 'paddock.dev/project-home';
/** On every derived object: `<kind>.<name>` of the object it is derived from, see {@link ownerLabel}. */
export const LABEL_OWNER = 'paddock.dev/owner';
/** On every derived object, with the value {@link MANAGED_BY}. Alone it does not make an object ours. */
export const LABEL_MANAGED_BY = 'app.kubernetes.io/managed-by';
export const MANAGED_BY = 'paddock';
/** On derived objects of the hub's side, with the value {@link PLANE_HUB}, so that a `local` clean-up leaves them. */
export const LABEL_PLANE = 'paddock.dev/plane';
export const PLANE_HUB = 'hub';
/** `"true"` on a Secret or ConfigMap in a project namespace shares it with the project's namespaces. */
export const LABEL_SHARED = 'paddock.dev/shared';

/** On every derived object: the uid of the object it is derived from. */
export const ANNOTATION_OWNER_UID = 'paddock.dev/owner-uid';
/** On every derived object: the uid of the hub's kube-system namespace. */
export const ANNOTATION_HUB = 'paddock.dev/hub';
/** On a shared object: a label selector that narrows the namespaces it is copied to. */
export const ANNOTATION_NAMESPACES = 'paddock.dev/namespaces';
/** `"true"` stops the reconciling of an object. */
export const ANNOTATION_PAUSED = 'paddock.dev/paused';
/** On `c-<cluster>`: the uid of the Cluster that was given its default projects, which happens once. */
export const ANNOTATION_DEFAULT_PROJECTS = 'paddock.dev/default-projects';
/** On a member namespace: a JSON object of quantities that takes the place of the project's default share. */
export const ANNOTATION_QUOTA = 'paddock.dev/quota';
/** On a member namespace: the uid of the Project that saw it join. Written by the project operator alone. */
export const ANNOTATION_PROJECT_UID = 'paddock.dev/project-uid';
/** On a ResourceQuota of ours: the revision of the ledger under which it was written. */
export const ANNOTATION_QUOTA_REVISION = 'paddock.dev/quota-revision';

/** The project that a cluster has for namespace `default`, unless its `defaultProjects` is false. */
export const DEFAULT_PROJECT = 'default';
/** The project that a cluster has for the namespaces of Kubernetes itself, unless its `defaultProjects` is false. */
export const SYSTEM_PROJECT = 'system';

/** Longest label value that Kubernetes takes. */
const LABEL_VALUE_LENGTH = 63;
const CLUSTER_NAME_LENGTH = 29;
const PROJECT_NAME_LENGTH = 30;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Whether a Cluster may have this name: a DNS label of at most 29 characters without `--`. */
export function isClusterName(name: string): boolean {
  return name.length <= CLUSTER_NAME_LENGTH && isNamePart(name);
}

/** Whether a Project may have this name: a DNS label of at most 30 characters without `--`. */
export function isProjectName(name: string): boolean {
  return name.length <= PROJECT_NAME_LENGTH && isNamePart(name);
}

function isNamePart(name: string): boolean {
  return DNS_LABEL.test(name) && !name.includes('--');
}

/** The hub namespace of a cluster's objects, `c-<cluster>`. */
export function clusterNamespace(cluster: string): string {
  return `c-${cluster}`;
}

/** The cluster of a namespace made by {@link clusterNamespace}; undefined for any other namespace. */
export function parseClusterNamespace(namespace: string): string | undefined {
  if (!namespace.startsWith('c-')) return undefined;
  const cluster = namespace.slice(2);
  return isClusterName(cluster) ? cluster : undefined;
}

/** The hub namespace of a project's shared objects, `p-<cluster>--<project>`. */
export function projectNamespace(cluster: string, project: string): string {
  return `p-${cluster}--${project}`;
}

/** The cluster and project of a namespace made by {@link projectNamespace}; undefined for any other namespace. */
export function parseProjectNamespace(namespace: string): { cluster: string; project: string } | undefined {
  const separator = namespace.indexOf('--', 2);
  if (!namespace.startsWith('p-') || separator < 0) return undefined;
  const cluster = namespace.slice(2, separator);
  const project = namespace.slice(separator + 2);
  return isClusterName(cluster) && isProjectName(project) ? { cluster, project } : undefined;
}

/** Namespaces that are Paddock's by their name and never a project's: `c-*`, `p-*` and `paddock-*`. */
export function isReservedNamespace(namespace: string): boolean {
  return /^(c|p|paddock)-/.test(namespace);
}

/**
 * The value of {@link LABEL_OWNER}: `<kind>.<name>`. Past 63 characters the end is replaced by the first 16 hex digits
 * of the SHA-256 of the whole, so the same owner always gets the same valid label value.
 */
export function ownerLabel(kind: string, name: string): string {
  const value = `${kind}.${name}`;
  if (value.length <= LABEL_VALUE_LENGTH) return value;
  const digest = createHash('sha256').update(value).digest('hex').slice(0, 16);
  return `${value.slice(0, LABEL_VALUE_LENGTH - digest.length - 1)}-${digest}`;
}

/** The field manager of an operator, or of the same operator's controllers in the agent. */
export function fieldManager(operator: string, place: 'hub' | 'agent' = 'hub'): string {
  return place === 'agent' ? `paddock-agent-${operator}` : `paddock-${operator}`;
}

/** The finalizer of an operator. Only hub objects ever carry it. */
export function finalizer(operator: string): string {
  return `${GROUP}/${operator}`;
}

/** Whether {@link ANNOTATION_PAUSED} stops the reconciling of the object. */
export function isPaused(meta: ObjectMeta | undefined): boolean {
  return meta?.annotations?.[ANNOTATION_PAUSED] === 'true';
}

export interface MarksOptions {
  /** What the object is derived from; `kind` as it stands in the label, such as `project` or `RoleTemplate`. */
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string };
  readonly cluster: string;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  /** `hub` for derived objects on the hub's side. */
  readonly plane?: typeof PLANE_HUB;
}

/** The labels and annotations that make a derived object ours. */
export function marks(options: MarksOptions): { labels: Record<string, string>; annotations: Record<string, string> } {
  const { owner, cluster, hub, plane } = options;
  return {
    labels: {
      [LABEL_MANAGED_BY]: MANAGED_BY,
      [LABEL_OWNER]: ownerLabel(owner.kind, owner.name),
      [LABEL_CLUSTER]: cluster,
      ...(plane === undefined ? {} : { [LABEL_PLANE]: plane }),
    },
    annotations: { [ANNOTATION_OWNER_UID]: owner.uid, [ANNOTATION_HUB]: hub },
  };
}

/**
 * Whether an object of a kind and name that Paddock derives is ours to change: it bears the owner label or the
 * owner-uid annotation, of which one may have been stripped. `managed-by` alone is what many copy from a manifest.
 */
export function ownership(meta: ObjectMeta | undefined): 'ours' | 'foreign' {
  const marked = meta?.labels?.[LABEL_OWNER] !== undefined || meta?.annotations?.[ANNOTATION_OWNER_UID] !== undefined;
  return marked ? 'ours' : 'foreign';
}
