// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.
import type { ResourceType } from '#runtime';
import type { LabelSelector, ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import type { Condition } from './condition.ts';

/**
 * A RoleTemplateBinding gives a RoleTemplate to users, groups and service accounts, in a cluster, in a project
 * or in all clusters that a selector names. It lives in c-<cluster>, in p-<cluster>--<project> or, with scope
 * global, in paddock-system. Only one who holds the verb bind on the RoleTemplate in that namespace writes it.
 * Deleted, it stays until each cluster has confirmed that the role is gone.
 */
export interface RoleTemplateBinding {
  apiVersion: 'paddock.dev/v1alpha1';
  kind: 'RoleTemplateBinding';
  metadata: ObjectMeta;
  spec: RoleTemplateBindingSpec;
  status?: RoleTemplateBindingStatus;
}
/**
 * Who has which role, and where.
 */
export interface RoleTemplateBindingSpec {
  /**
   * The RoleTemplate. It can't be changed: make another binding. Example: project-member.
   */
  roleTemplateName: string;
  /**
   * Who has the role, 1 to 500 users, groups and service accounts.
   */
  subjects: RoleTemplateBindingSubjects[];
  scope: RoleTemplateBindingScope;
}
/**
 * One who has the role.
 */
export interface RoleTemplateBindingSubjects {
  /**
   * User, Group or ServiceAccount; the last is one of the cluster.
   */
  kind: 'User' | 'Group' | 'ServiceAccount';
  /**
   * Name as the API server knows it; at most 253 characters. Example: alice@example.com.
   */
  name: string;
  /**
   * Namespace of a ServiceAccount, and of nobody else. Example: ci.
   */
  namespace?: string;
}
/**
 * Where the role is had. It can't be changed: make another binding.
 */
export interface RoleTemplateBindingScope {
  cluster?: RoleTemplateBindingScopeCluster;
  project?: RoleTemplateBindingScopeProject;
  global?: RoleTemplateBindingScopeGlobal;
}
/**
 * A whole cluster. The binding lives in c-<cluster>.
 */
export interface RoleTemplateBindingScopeCluster {
  /**
   * Name of the Cluster.
   */
  name: string;
}
/**
 * All namespaces of a project. The binding lives in c-<cluster> or p-<cluster>--<project>.
 */
export interface RoleTemplateBindingScopeProject {
  /**
   * Name of the Cluster that the project is of.
   */
  cluster: string;
  /**
   * Name of the Project.
   */
  name: string;
}
/**
 * All clusters that a selector names, now and later. The binding lives in paddock-system.
 */
export interface RoleTemplateBindingScopeGlobal {
  /**
   * Clusters by the labels of their Cluster objects. {} selects all clusters.
   */
  clusterSelector: LabelSelector;
}
/**
 * What was found about the binding, written by the operators.
 */
export interface RoleTemplateBindingStatus {
  /**
   * The metadata.generation that the status describes.
   */
  observedGeneration?: number;
  clusters?: RoleTemplateBindingStatusClusters;
  /**
   * Ready, and, while they are True, RevocationPending, ForeignRules, Reconciling, Stalled and Paused.
   */
  conditions?: Condition[];
}
/**
 * The clusters that the binding is for.
 */
export interface RoleTemplateBindingStatusClusters {
  /**
   * Number of clusters that the binding is for.
   */
  total?: number;
  /**
   * Number of them in which the binding is in force as it stands.
   */
  bound?: number;
  /**
   * Names of those that have not confirmed the binding as it stands, or its end; at most 100.
   */
  pending?: string[];
}

/** Where {@link RoleTemplateBinding} objects live in the API. */
export const RoleTemplateBindingResource: ResourceType<RoleTemplateBinding> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'RoleTemplateBinding',
  plural: 'roletemplatebindings',
  namespaced: true,
};
