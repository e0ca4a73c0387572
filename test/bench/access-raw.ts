import type { RawRequest } from './raw.ts';

/** Who is to have a role in which projects, and so in which namespaces. */
export interface Grants {
  readonly users: readonly string[];
  readonly projects: readonly string[];
  readonly namespaces: readonly string[];
}

/** What is written on a cluster, and how it is taken away again. */
export interface RawRequests {
  readonly creates: readonly RawRequest[];
  readonly deletes: readonly RawRequest[];
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const LABELS = { 'app.kubernetes.io/managed-by': 'paddock', 'bench.exa/owner': 'x', 'bench.exa/cluster': 'edge-1' };
const UID = '00000000-0000-0000-0000-000000000000';
const ANNOTATIONS = { 'bench.exa/owner-uid': UID, 'bench.exa/hub': UID };
const HUB_NAMESPACE = 'c-edge-1';
const JSON_TYPE = 'application/json';
const RULES = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }];

interface RawObject {
  readonly at: string;
  readonly name: string;
  readonly body: object;
}

/**
 * The objects that the operator makes of these grants on the cluster, under other names and with marks of the same length
 * that are not its own: two roles, a RoleBinding for each namespace, and an account with role and binding for each user.
 */
export function rawRequests({ users, namespaces }: Grants, role: string): RawRequests {
  const subjects = subjectsOf(users);
  const name = `raw:${role}`;
  return requestsFor([
    { at: `${RBAC}/clusterroles`, name: `${name}:rules`, body: { rules: RULES } },
    { at: `${RBAC}/clusterroles`, name, body: { rules: RULES } },
    ...namespaces.map(namespace => ({
      at: `${RBAC}/namespaces/${namespace}/rolebindings`,
      name,
      body: { roleRef: roleRef('ClusterRole', name), subjects },
    })),
    ...users.flatMap(user => {
      const account = `u-${user}`;
      const own = `raw-user:${account}`;
      const rules = [{ verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: [user] }];
      const subject = { kind: 'ServiceAccount', name: account, namespace: 'raw-users' };
      return [
        { at: '/api/v1/namespaces/raw-users/serviceaccounts', name: account, body: {} },
        { at: `${RBAC}/clusterroles`, name: own, body: { rules } },
        {
          at: `${RBAC}/clusterrolebindings`,
          name: own,
          body: { roleRef: roleRef('ClusterRole', own), subjects: [subject] },
        },
      ];
    }),
  ]);
}

/**
 * What there is of it in the hub: who may ask for kubeconfigs; and the RoleTemplateBindings, which somebody has to write in
 * any case. Those are tried and not kept (dry run), since the operator would act on them; it is as much work but for the
 * storing.
 */
export function rawHubRequests(
  { users, projects }: Grants,
  role: string,
  bindingOf: (project: string) => object,
): RawRequests {
  const at = `${RBAC}/namespaces/${HUB_NAMESPACE}`;
  const name = `raw:${role}:create`;
  const rules = [{ verbs: ['create'], apiGroups: ['paddock.dev'], resources: ['clusteraccesses'] }];
  const { creates, deletes } = requestsFor([
    { at: `${at}/roles`, name, body: { rules } },
    { at: `${at}/rolebindings`, name, body: { roleRef: roleRef('Role', name), subjects: subjectsOf(users) } },
  ]);
  const tried = projects.map(project => ({
    method: 'POST' as const,
    path: `/apis/paddock.dev/v1alpha1/namespaces/${HUB_NAMESPACE}/roletemplatebindings?dryRun=All&fieldManager=raw`,
    contentType: JSON_TYPE,
    body: JSON.stringify(bindingOf(project)),
  }));
  return { creates: [...tried, ...creates], deletes };
}

function requestsFor(objects: readonly RawObject[]): RawRequests {
  return {
    creates: objects.map(({ at, name, body }) => ({
      method: 'POST',
      path: `${at}?fieldManager=raw`,
      contentType: JSON_TYPE,
      body: JSON.stringify({ metadata: { name, labels: LABELS, annotations: ANNOTATIONS }, ...body }),
    })),
    deletes: objects.map(({ at, name }) => ({
      method: 'DELETE',
      path: `${at}/${encodeURIComponent(name)}`,
      contentType: JSON_TYPE,
    })),
  };
}

const subjectsOf = (users: readonly string[]) =>
  users.map(name => ({ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name }));
const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
