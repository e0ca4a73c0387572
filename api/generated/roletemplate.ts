// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.
import type { ResourceType } from '#runtime';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import type { Condition } from './condition.ts';

/**
 * A RoleTemplate says once, in the hub, what a role may do in every cluster (rules) and in the hub namespaces
 * of the cluster or project (hubRules). RoleTemplateBindings give it to people. Its name has at most 40
 * characters. Only one who holds the verb escalate on roletemplates creates it or changes what it allows.
 */
export interface RoleTemplate {
  apiVersion: 'paddock.dev/v1alpha1';
  kind: 'RoleTemplate';
  metadata: ObjectMeta;
  spec: RoleTemplateSpec;
  status?: RoleTemplateStatus;
}
/**
 * What the role may do, downstream and in the hub.
 */
export interface RoleTemplateSpec {
  /**
   * Name for people, in any language; at most 256 bytes. Example: Payments on call.
   */
  displayName?: string;
  /**
   * What the role is for, in any language; at most 4096 bytes. Example: Reads logs at night.
   */
  description?: string;
  /**
   * Where the role is given: Cluster, in a whole cluster, by bindings of scope cluster or global; Project, in
   * the namespaces of a project, by bindings of scope project.
   */
  context: 'Cluster' | 'Project';
  /**
   * What may be done downstream. In a Project, rules on projects.paddock.dev hold for that project, with the
   * verbs manage-namespaces, create-in-project and update-pod-security.
   */
  rules?: RoleTemplateRules[];
  /**
   * What may be done in the hub, in namespace c-<cluster> where context is Cluster and in p-<cluster>--<project>
   * where it is Project. ServiceAccounts do not get it.
   */
  hubRules?: RoleTemplateHubRules[];
  /**
   * RoleTemplates of the same context whose rules and hubRules this one includes; none that has a
   * clusterRoleRef, and no cycles. Example: [project-read-only].
   */
  inherits?: string[];
  /**
   * Name of a ClusterRole that exists in the clusters and is bound in place of rules. Example: view.
   */
  clusterRoleRef?: string;
  /**
   * Whether new bindings of the RoleTemplate are refused; those that exist stay. false by default.
   */
  locked?: boolean;
}
/**
 * What may be done with some resources, as a rule of a ClusterRole says it.
 */
export interface RoleTemplateRules {
  /**
   * What may be done, such as get, list, watch, create, update, patch and delete; * stands for all.
   */
  verbs: string[];
  /**
   * API groups of the resources; "" is the core group, * stands for all.
   */
  apiGroups?: string[];
  /**
   * Resources by their plural, such as pods, or pods/log for a subresource; * stands for all.
   */
  resources?: string[];
  /**
   * Names of objects that the rule is limited to; without any it holds for all.
   */
  resourceNames?: string[];
  /**
   * Paths of the API server that are no resources, such as /healthz or /metrics/*; only where context is
   * Cluster.
   */
  nonResourceURLs?: string[];
}
/**
 * What may be done with some resources, as a rule of a ClusterRole says it.
 */
export interface RoleTemplateHubRules {
  /**
   * What may be done, such as get, list, watch, create, update, patch and delete; * stands for all.
   */
  verbs: string[];
  /**
   * API groups of the resources; "" is the core group, * stands for all.
   */
  apiGroups: string[];
  /**
   * Resources by their plural, such as pods, or pods/log for a subresource; * stands for all.
   */
  resources: string[];
  /**
   * Names of objects that the rule is limited to; without any it holds for all.
   */
  resourceNames?: string[];
}
/**
 * What was found about the RoleTemplate, written by the operators.
 */
export interface RoleTemplateStatus {
  /**
   * The metadata.generation that the status describes.
   */
  observedGeneration?: number;
  /**
   * Number of RoleTemplateBindings that name it, or inherit from it by another RoleTemplate.
   */
  bindings?: number;
  /**
   * Ready, and, while they are True, Reconciling, Stalled (a cycle, an unknown or unfit RoleTemplate in
   * inherits) and Paused.
   */
  conditions?: Condition[];
}

/** Where {@link RoleTemplate} objects live in the API. */
export const RoleTemplateResource: ResourceType<RoleTemplate> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'RoleTemplate',
  plural: 'roletemplates',
  namespaced: false,
};
