// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.
import type { ResourceType } from '#runtime';
import type { LabelSelector, ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import type { Condition } from './condition.ts';

/**
 * A Project groups namespaces of one cluster and gives the group quotas, limits, isolation, pod security and
 * shared Secrets and ConfigMaps. It lives in the hub, in namespace c-<cluster>; a namespace of that cluster
 * joins it by the label paddock.dev/project with the Project's name. The name is a DNS label of at most 30
 * characters without "--".
 */
export interface Project {
  apiVersion: 'paddock.dev/v1alpha1';
  kind: 'Project';
  metadata: ObjectMeta;
  spec: ProjectSpec;
  status?: ProjectStatus;
}
/**
 * What the Project gives its namespaces, and asks of them. All of it is optional.
 */
export interface ProjectSpec {
  /**
   * Name for people, in any language; at most 256 bytes. Example: Payments.
   */
  displayName?: string;
  /**
   * What the Project is for, in any language; at most 4096 bytes. Example: Card and bank payments, team blue.
   */
  description?: string;
  resourceQuota?: ProjectResourceQuota;
  containerDefaults?: ProjectContainerDefaults;
  networkIsolation?: ProjectNetworkIsolation;
  podSecurity?: ProjectPodSecurity;
  /**
   * Labels kept on every namespace of the Project, over what was there; they go when they are taken out here.
   * Keys under kubernetes.io/, pod-security.kubernetes.io/ and paddock.dev/, and app.kubernetes.io/managed-by,
   * are refused. Example: {cost-center: "4711"}.
   */
  namespaceLabels?: {
    [k: string]: string;
  };
  /**
   * Annotations kept on every namespace of the Project, over what was there; they go when they are taken out
   * here. The same keys are refused as in namespaceLabels; at most 32 of them, each value at most 4096 bytes.
   * Example: {example.com/owner: team-blue}.
   */
  namespaceAnnotations?: {
    [k: string]: string;
  };
  /**
   * Most namespaces that the Project serves. Those beyond it, by order of joining, get no rights and no copies,
   * but pod security, isolation and a share of 0 of the quota; the condition Ready names them. Creating a
   * namespace in a Project that is full is refused within 5 seconds. Default: 100.
   */
  namespaceLimit?: number;
  /**
   * What happens to the member namespaces when the Project is deleted. Retain detaches them; Delete deletes
   * those that were made after the Project or were seen to join it, with all they hold. Others are detached and
   * named in an Event; default, kube-* and paddock-* are always detached. Only one who may delete Projects here
   * sets Delete. Default: Retain.
   */
  deletionPolicy?: 'Retain' | 'Delete';
}
/**
 * Quota of the whole group, dealt out to its namespaces. hard and namespaceDefault are given both, with the
 * same keys, or neither.
 */
export interface ProjectResourceQuota {
  /**
   * What all namespaces of the Project may have together. Keys are those of a ResourceQuota that Kubernetes
   * counts (cpu, memory, pods, requests.*, limits.*, services.*, count/<resource>.<group>, hugepages-<size>,
   * <class>.storageclass.storage.k8s.io/*, requests.<domain>/<resource>), except those of what Paddock keeps in
   * every namespace (ResourceQuotas, LimitRanges, NetworkPolicies, RoleBindings); values are Kubernetes
   * quantities. Not on Project system. It can't be lowered under status.quota.allocated. Example: {pods: "100",
   * requests.cpu: "20"}.
   */
  hard?: {
    [k: string]: number | string;
  };
  /**
   * What each namespace gets of hard, unless its annotation paddock.dev/quota says otherwise. Same keys as hard,
   * each at most hard's value. Raising it reaches every namespace without the annotation; what does not fit into
   * hard is not given. Example: {pods: "10", requests.cpu: "2"}.
   */
  namespaceDefault?: {
    [k: string]: number | string;
  };
}
/**
 * Requests and limits of containers that name none, kept as a LimitRange in every namespace. A request is at
 * most its limit.
 */
export interface ProjectContainerDefaults {
  requests?: ProjectContainerDefaultsRequests;
  limits?: ProjectContainerDefaultsLimits;
}
/**
 * What a container requests by default. Example: {cpu: 100m, memory: 128Mi}.
 */
export interface ProjectContainerDefaultsRequests {
  /**
   * CPU, in cores or millicores. Example: 500m.
   */
  cpu?: number | string;
  /**
   * Memory, in bytes with a suffix. Example: 128Mi.
   */
  memory?: number | string;
}
/**
 * What a container is limited to by default. Example: {cpu: "1", memory: 512Mi}.
 */
export interface ProjectContainerDefaultsLimits {
  /**
   * CPU, in cores or millicores. Example: 500m.
   */
  cpu?: number | string;
  /**
   * Memory, in bytes with a suffix. Example: 128Mi.
   */
  memory?: number | string;
}
/**
 * Keeps traffic out of the Project's namespaces that does not come from the Project itself, Project system, or
 * allowFrom, with a NetworkPolicy in every namespace. Without it no NetworkPolicy is made.
 */
export interface ProjectNetworkIsolation {
  /**
   * Whether the Project is isolated. Default: true where networkIsolation is written; false keeps allowFrom for
   * later.
   */
  enabled?: boolean;
  /**
   * Who else may send traffic to the Project's Pods; at most 64 entries, each with exactly one source.
   */
  allowFrom?: ProjectNetworkIsolationAllowFrom[];
}
/**
 * One source of traffic: exactly one of project, namespaceSelector or cidr.
 */
export interface ProjectNetworkIsolationAllowFrom {
  /**
   * Another Project of the same cluster, by name: all its namespaces. Example: shared.
   */
  project?: string;
  /**
   * Namespaces of the cluster by their labels, whatever their Project. {} selects all namespaces.
   */
  namespaceSelector?: LabelSelector;
  /**
   * A range of addresses, IPv4 or IPv6. Example: 10.0.0.0/8.
   */
  cidr?: string;
}
/**
 * Pod Security Standards of the Project's namespaces, kept as pod-security.kubernetes.io labels. A level that
 * is not given sets no label. In each namespace, and for each of enforce, audit and warn, the stricter of the
 * namespace's own level and this one is in force; a namespace that leaves the Project keeps the levels that
 * were.
 */
export interface ProjectPodSecurity {
  /**
   * Pods that break this level are refused.
   */
  enforce?: 'privileged' | 'baseline' | 'restricted';
  /**
   * Pods that break this level are noted in the audit log.
   */
  audit?: 'privileged' | 'baseline' | 'restricted';
  /**
   * Whoever makes a Pod that breaks this level is warned.
   */
  warn?: 'privileged' | 'baseline' | 'restricted';
  /**
   * Version of the standards, for all three levels: latest or a minor version of Kubernetes. Not given, it is
   * the latest, and the namespace's own where its own level is the same. Example: v1.34.
   */
  version?: string;
}
/**
 * What Paddock has done for the Project. Written by Paddock alone.
 */
export interface ProjectStatus {
  /**
   * The metadata.generation that this status was computed from.
   */
  observedGeneration?: number;
  /**
   * Namespace of the hub for the Project's shared Secrets and ConfigMaps, p-<cluster>--<project>. Example:
   * p-edge-1--payments.
   */
  namespace?: string;
  namespaces?: ProjectStatusNamespaces;
  quota?: ProjectStatusQuota;
  shared?: ProjectStatusShared;
  /**
   * Ready, QuotaReady, SharedReady, PolicyReady, and, while they are True, Reconciling, Stalled and Paused.
   */
  conditions?: Condition[];
}
/**
 * The Project's member namespaces on the cluster.
 */
export interface ProjectStatusNamespaces {
  /**
   * Number of member namespaces, without Terminating ones.
   */
  total?: number;
  /**
   * Their names, at most 100 of them.
   */
  names?: string[];
}
/**
 * The ledger of the quota. A share is written here before its ResourceQuota is, so what namespaces have
 * together never passes hard. It goes when spec.resourceQuota goes.
 */
export interface ProjectStatusQuota {
  /**
   * What all namespaces may have together, as last seen in the spec.
   */
  hard?: {
    [k: string]: number | string;
  };
  /**
   * What namespaces have been given, summed. Never more than spec.resourceQuota.hard.
   */
  allocated?: {
    [k: string]: number | string;
  };
  /**
   * What namespaces use of it, summed from their ResourceQuotas.
   */
  used?: {
    [k: string]: number | string;
  };
  /**
   * Counts the changes of the ledger. ResourceQuotas carry it in annotation paddock.dev/quota-revision: what one
   * is to have less is given on when it was written under the revision that says so.
   */
  revision?: number;
  /**
   * What each namespace has been given, by name; at most 1,000 namespaces, and 512 KiB of names and resources.
   */
  namespaces?: {
    [k: string]: {
      [k: string]: number | string;
    };
  };
}
/**
 * The Secrets and ConfigMaps that the Project shares, and their copies in its namespaces.
 */
export interface ProjectStatusShared {
  /**
   * Number of objects shared.
   */
  objects?: number;
  /**
   * Number of copies that exist and are right.
   */
  copies?: number;
  /**
   * Number of copies that are yet to be made or corrected.
   */
  pending?: number;
  /**
   * Copies that can't be made, at most 20 named. Everything else proceeds.
   */
  conflicts?: ProjectStatusSharedConflicts[];
}
/**
 * A copy that can't be made.
 */
export interface ProjectStatusSharedConflicts {
  /**
   * Namespace that the copy was meant for.
   */
  namespace: string;
  /**
   * Kind of the shared object.
   */
  kind: 'Secret' | 'ConfigMap';
  /**
   * Name of the shared object.
   */
  name: string;
  /**
   * Why: Conflict (an object of that name that is not Paddock's is there), Refused (such objects are not
   * shared), InvalidSelector or InvalidLeaveOut (an annotation of the shared object can't be used), TooMany (a
   * Project shares at most 500 objects and 8 MiB), or TooLarge, Invalid or Forbidden (the cluster's API server
   * refuses the copy).
   */
  reason: string;
}

/** Where {@link Project} objects live in the API. */
export const ProjectResource: ResourceType<Project> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'Project',
  plural: 'projects',
  namespaced: true,
};
