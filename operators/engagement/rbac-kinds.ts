import type { KubeObject, ResourceType } from '#runtime';

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[] | undefined;
  readonly resources?: readonly string[] | undefined;
  readonly resourceNames?: readonly string[] | undefined;
  readonly nonResourceURLs?: readonly string[] | undefined;
}

/** One who is bound, as RBAC names it. */
export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}

export interface RoleObject extends KubeObject {
  readonly rules?: readonly PolicyRule[];
  readonly aggregationRule?: {
    readonly clusterRoleSelectors: readonly {
      readonly matchLabels: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly { readonly key: string; readonly operator: 'Exists' }[];
    }[];
  };
}

export interface BindingObject extends KubeObject {
  readonly roleRef: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[];
}

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
/** A label of this prefix and a template's name puts rules into that template's ClusterRole. */
export const AGGREGATE_PREFIX = 'aggregate.paddock.dev/';

function rbac<T extends KubeObject>(kind: string, plural: string, namespaced: boolean): ResourceType<T> {
  return { group: RBAC_GROUP, version: 'v1', kind, plural, namespaced };
}

export const ClusterRoles = rbac<RoleObject>('ClusterRole', 'clusterroles', false);
export const ClusterRoleBindings = rbac<BindingObject>('ClusterRoleBinding', 'clusterrolebindings', false);
export const Roles = rbac<RoleObject>('Role', 'roles', true);
export const RoleBindings = rbac<BindingObject>('RoleBinding', 'rolebindings', true);
