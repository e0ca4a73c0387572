import type { RawRequest } from './raw.ts';

/** Who is to have a role in which namespaces. */
export interface Grants {
  readonly users: readonly string[];
  readonly namespaces: readonly string[];
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const LABELS = { 'app.kubernetes.io/managed-by': 'paddock', 'bench.exa/owner': 'x', 'bench.exa/cluster': 'edge-1' };
const UID = '00000000-0000-0000-0000-000000000000';
const ANNOTATIONS = { 'bench.exa/owner-uid': UID, 'bench.exa/hub': UID };
const RULES = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }];

/**
 * The objects that the operator makes of these grants, under other names and with marks of the same length that are not
 * its own: two roles, a RoleBinding for each namespace, and an account with role and binding for each user.
 */
export function rawRequests({ users, namespaces }: Grants, role: string): Record<'creates' | 'deletes', RawRequest[]> {
  const subjects = users.map(name => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }));
  const name = `raw:${role}`;
  const roleRef = (to: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: to });
  const objects: { readonly at: string; readonly name: string; readonly body: object }[] = [
    { at: `${RBAC}/clusterroles`, name: `${name}:rules`, body: { rules: RULES } },
    { at: `${RBAC}/clusterroles`, name, body: { rules: RULES } },
    ...namespaces.map(namespace => ({
      at: `${RBAC}/namespaces/${namespace}/rolebindings`,
      name,
      body: { roleRef: roleRef(name), subjects },
    })),
    ...users.flatMap(user => {
      const account = `u-${user}`;
      const own = `raw-user:${account}`;
      const rules = [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: [user] }];
      const subject = { kind: 'ServiceAccount', name: account, namespace: 'raw-users' };
      return [
        { at: '/api/v1/namespaces/raw-users/serviceaccounts', name: account, body: {} },
        { at: `${RBAC}/clusterroles`, name: own, body: { rules } },
        { at: `${RBAC}/clusterrolebindings`, name: own, body: { roleRef: roleRef(own), subjects: [subject] } },
      ];
    }),
  ];
  const contentType = 'application/json';
  return {
    creates: objects.map(({ at, name, body }) => ({
      method: 'POST',
      path: `${at}?fieldManager=raw`,
      contentType,
      body: JSON.stringify({ metadata: { name, labels: LABELS, annotations: ANNOTATIONS }, ...body }),
    })),
    deletes: objects.map(({ at, name }) => ({
      method: 'DELETE',
      path: `${at}/${encodeURIComponent(name)}`,
      contentType,
    })),
  };
}
