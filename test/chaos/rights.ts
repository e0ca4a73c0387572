import type { Client } from '#runtime';
import { ClusterRoles, RoleBindings, Roles } from '../../operators/engagement/rbac-kinds.ts';

const OPERATOR = 'paddock-project';

/** Takes a resource out of the project operator's ClusterRole; the result puts it back. */
export async function revoke(hub: Client, resource: string): Promise<() => Promise<void>> {
  const { rules = [] } = await hub.get(ClusterRoles, { name: OPERATOR });
  const fewer = rules
    .map(rule => ({ ...rule, resources: (rule.resources ?? []).filter(name => name !== resource) }))
    .filter(({ resources }) => resources.length > 0);
  await hub.mergePatch(ClusterRoles, { name: OPERATOR }, { rules: fewer });
  return async () => {
    await hub.mergePatch(ClusterRoles, { name: OPERATOR }, { rules });
  };
}

/** Lets the project operator read the Secrets of one namespace, whatever its ClusterRole says. */
export async function allowSecretsIn(hub: Client, namespace: string): Promise<void> {
  const metadata = { name: 'kubeconfig-reader' };
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }];
  await hub.create(Roles, { namespace }, { metadata, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name };
  const subjects = [{ kind: 'ServiceAccount' as const, name: OPERATOR, namespace: 'paddock-system' }];
  await hub.create(RoleBindings, { namespace }, { metadata, roleRef, subjects });
}
