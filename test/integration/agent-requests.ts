import { clusterNamespace } from '#api';
import { base64 } from '../support/objects.ts';
import type { UserRequest } from '../support/token-user.ts';

/** The cluster whose agent asks, and another one. */
export const OWN = 'remote-1';
export const OTHER = 'remote-2';
/** In every Secret that no agent may see: of more than a label's length, so that the server would quote it. */
export const HIDDEN = base64('content that an agent must not see, whatever it asks for, in whatever way it asks');

export const PADDOCK = '/apis/paddock.dev/v1alpha1';
export const core = (namespace: string, rest: string) => `/api/v1/namespaces/${namespace}/${rest}`;
export const paddock = (namespace: string, rest: string) => `${PADDOCK}/namespaces/${namespace}/${rest}`;
export const leases = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const rbac = (rest: string) => `/apis/rbac.authorization.k8s.io/v1/${rest}`;
export const [C_OWN, C_OTHER] = [clusterNamespace(OWN), clusterNamespace(OTHER)];
export const [P_OWN, P_OTHER] = [`p-${OWN}--payments`, `p-${OTHER}--payments`];

export const get = (path: string): UserRequest => ({ method: 'GET', path });
export const post = (path: string, body: object): UserRequest => ({ method: 'POST', path, body });
export const put = (path: string, body: object): UserRequest => ({ method: 'PUT', path, body });
export const patch = (path: string, body: object): UserRequest => ({ method: 'PATCH', path, body });
export const jsonPatch = (path: string, body: object): UserRequest => ({
  ...patch(path, body),
  contentType: JSON_PATCH,
});
export const remove = (path: string): UserRequest => ({ method: 'DELETE', path });
export const named = (name: string) => ({ metadata: { name } });
/** An object that is not gone before somebody takes its finalizer off. */
export const held = (name: string) => ({ metadata: { name, finalizers: ['a.example/hold'] } });
const JSON_PATCH = 'application/json-patch+json';
const APPLY = 'application/apply-patch+yaml';
/** A server-side apply that takes fields from others. */
export const apply = (path: string, body: object): UserRequest => ({
  ...patch(`${path}?fieldManager=test&force=true`, body),
  contentType: APPLY,
});

/** As the agent's own operator names itself, without which no policy lets it write Leases and Events. */
export const asAgent = (path: string): string => `${path}?fieldManager=paddock-agent`;

const WORDS: Readonly<Record<string, readonly [kind: string, operator: string]>> = {
  clusters: ['Cluster', 'cluster'],
  projects: ['Project', 'project'],
  roletemplatebindings: ['RoleTemplateBinding', 'rbac'],
  clusteraccesses: ['ClusterAccess', 'rbac'],
};

/** What an agent says of an object: an apply of its status, as the operator that says it, or as somebody else. */
export function word(path: string, status: object, manager?: string): UserRequest {
  const [, namespace, plural = '', name = ''] =
    /(?:\/namespaces\/([^/]+))?\/([a-z]+)\/([^/]+)\/status$/.exec(path) ?? [];
  const [kind, operator] = WORDS[plural] ?? ['Plan', 'upgrade'];
  const body = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind,
    metadata: { name, ...(namespace ? { namespace } : {}) },
    status,
  };
  const by = manager ?? `paddock-agent-${operator}`;
  return { ...patch(`${path}?fieldManager=${by}&force=true`, body), contentType: APPLY };
}

export const ONLY = (name: string) => `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`;

interface TokenWish {
  readonly account?: string;
  readonly namespace?: string;
  readonly seconds?: number;
  readonly name?: string;
  readonly uid?: string | undefined;
}

export function tokenRequest({
  account = 'agent',
  namespace = C_OWN,
  seconds,
  name = 'agent-credential',
  uid,
}: TokenWish) {
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', name, ...(uid === undefined ? {} : { uid }) };
  const lasting = seconds === undefined ? {} : { expirationSeconds: seconds };
  const spec = { ...lasting, ...(name === '' ? {} : { boundObjectRef }) };
  const header = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
  return post(core(namespace, `serviceaccounts/${account}/token`), { ...header, spec });
}

/** A Secret that Kubernetes fills with a token without end. */
function accountToken() {
  const annotations = { 'kubernetes.io/service-account.name': 'agent' };
  return { metadata: { name: 'access-token', annotations }, type: 'kubernetes.io/service-account-token' };
}

const binding = {
  ...named('grab'),
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace: C_OWN }],
};

const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
/** Of the hub, where the agent has nothing to guard; in its own cluster it may. */
const POLICIES = `${ADMISSION}/validatingadmissionpolicies`;

/** Refused by RBAC, which knows the verb and the resource. */
export const FORBIDDEN: readonly (readonly [what: string, request: UserRequest])[] = [
  ['list all Clusters', get(`${PADDOCK}/clusters`)],
  ['read another Cluster', get(`${PADDOCK}/clusters/${OTHER}`)],
  ['watch another Cluster by name', get(`${PADDOCK}/clusters?watch=true&timeoutSeconds=1&${ONLY(OTHER)}`)],
  ['patch the status of another Cluster', patch(`${PADDOCK}/clusters/${OTHER}/status`, { status: {} })],
  ['patch its own Cluster', patch(`${PADDOCK}/clusters/${OWN}`, { spec: { displayName: 'x' } })],
  ['take the finalizer off its Cluster', patch(`${PADDOCK}/clusters/${OWN}`, { metadata: { finalizers: [] } })],
  ['delete its Cluster', remove(`${PADDOCK}/clusters/${OWN}`)],
  ['list all Projects', get(`${PADDOCK}/projects`)],
  ['read the Projects of another', get(paddock(C_OTHER, 'projects'))],
  ['patch the status of a Project of another', patch(paddock(C_OTHER, 'projects/payments/status'), { status: {} })],
  ['create a Project', post(paddock(C_OWN, 'projects'), named('mine'))],
  ['patch the spec of a Project', patch(paddock(C_OWN, 'projects/payments'), { spec: { displayName: 'x' } })],
  ['put a finalizer on a Project', patch(paddock(C_OWN, 'projects/payments'), { metadata: { finalizers: ['a/b'] } })],
  ['patch the finalizers of a Project', patch(paddock(C_OWN, 'projects/payments/finalizers'), {})],
  ['delete a Project', remove(paddock(C_OWN, 'projects/payments'))],
  ['create a RoleTemplateBinding', post(paddock(C_OWN, 'roletemplatebindings'), named('grab'))],
  ['create a RoleTemplate', post(`${PADDOCK}/roletemplates`, named('grab'))],
  ['read a policy of the hub', get(`${POLICIES}/paddock-agent-secrets`)],
  ['change a policy of the hub', patch(`${POLICIES}/paddock-agent-secrets`, {})],
  ['delete a policy of the hub', remove(`${POLICIES}/paddock-membership`)],
  [
    'bind a policy in the hub',
    apply(`${ADMISSION}/validatingadmissionpolicybindings/paddock-membership`, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      ...named('paddock-membership'),
      spec: { policyName: 'paddock-membership', validationActions: ['Audit'] },
    }),
  ],
  ['read its registration', get(core(C_OWN, 'secrets/registration'))],
  ['read agent-credential', get(core(C_OWN, 'secrets/agent-credential'))],
  ['read a kubeconfig', get(core(C_OWN, 'secrets/kubeconfig'))],
  ['read a Secret access-*', get(core(C_OWN, 'secrets/access-old'))],
  ['list the Secrets of its cluster', get(core(C_OWN, 'secrets'))],
  ['list one of them by name', get(core(C_OWN, `secrets?${ONLY('kubeconfig')}`))],
  ['watch them', get(core(C_OWN, 'secrets?watch=true&timeoutSeconds=1'))],
  ['delete all of them', remove(core(C_OWN, 'secrets'))],
  ['create a Secret', post(core(C_OWN, 'secrets'), named('access-token-1'))],
  ['create one by generateName', post(core(C_OWN, 'secrets'), { metadata: { generateName: 'access-token-' } })],
  ['have a token written into a Secret', post(core(C_OWN, 'secrets'), accountToken())],
  ['delete a Secret for a token', remove(core(C_OWN, 'secrets/access-token-old'))],
  ['delete a kubeconfig', remove(core(C_OWN, 'secrets/kubeconfig'))],
  ['delete agent-credential', remove(core(C_OWN, 'secrets/agent-credential'))],
  // a patch is answered with the whole object, also when it changes nothing
  ['read by a patch that changes nothing', patch(core(C_OWN, 'secrets/access-old'), {})],
  ['read by a dry run of it', patch(core(C_OWN, 'secrets/kubeconfig?dryRun=All'), {})],
  [
    'read by an apply that changes nothing',
    {
      ...patch(core(C_OWN, 'secrets/kubeconfig?fieldManager=a'), {
        apiVersion: 'v1',
        kind: 'Secret',
        ...named('kubeconfig'),
      }),
      contentType: APPLY,
    },
  ],
  [
    'read by an error that quotes the content',
    jsonPatch(core(C_OWN, 'secrets/kubeconfig'), [
      { op: 'add', path: '/metadata/labels', value: {} },
      { op: 'copy', from: '/data/content', path: '/metadata/labels/content' },
    ]),
  ],
  ['read the Secrets of another', get(core(C_OTHER, 'secrets'))],
  ['create a Secret with another', post(core(C_OTHER, 'secrets'), named('access-1'))],
  ['list all Secrets', get('/api/v1/secrets')],
  ['read the Leases of another', get(leases(C_OTHER))],
  ['renew the heartbeat of another', patch(`${leases(C_OTHER)}/heartbeat`, { spec: { holderIdentity: 'me' } })],
  ['delete a Lease', remove(`${leases(C_OWN)}/heartbeat`)],
  ['read the project Secrets of another', get(core(P_OTHER, 'secrets'))],
  ['read the project ConfigMaps of another', get(core(P_OTHER, 'configmaps'))],
  ['write a Secret of its project', post(core(P_OWN, 'secrets'), named('access-1'))],
  ['write a ConfigMap of its project', post(core(P_OWN, 'configmaps'), named('mine'))],
  ['read paddock-system', get(core('paddock-system', 'secrets'))],
  ['read the leases of paddock-system', get(leases('paddock-system'))],
  ['read kube-system', get(core('kube-system', 'secrets'))],
  ['list namespaces', get('/api/v1/namespaces')],
  ['read its own namespace', get(`/api/v1/namespaces/${C_OWN}`)],
  ['read the namespace of a project of another', get(`/api/v1/namespaces/${P_OTHER}`)],
  ['label the namespace of its project', patch(`/api/v1/namespaces/${P_OWN}`, { metadata: { labels: { a: 'b' } } })],
  ['delete the namespace of its project', remove(`/api/v1/namespaces/${P_OWN}`)],
  ['create a namespace', post('/api/v1/namespaces', named('mine'))],
  ['label its namespace', patch(`/api/v1/namespaces/${C_OWN}`, { metadata: { labels: { a: 'b' } } })],
  ['create a RoleBinding', post(rbac(`namespaces/${C_OWN}/rolebindings`), binding)],
  ['create a ClusterRoleBinding', post(rbac('clusterrolebindings'), binding)],
  ['create a Role', post(rbac(`namespaces/${C_OWN}/roles`), { ...named('grab'), rules: [] })],
  ['create a ClusterRole', post(rbac('clusterroles'), { ...named('grab'), rules: [] })],
  ['widen its own ClusterRole', patch(rbac('clusterroles/paddock-agent'), { rules: [] })],
  ['create a ServiceAccount', post(core(C_OWN, 'serviceaccounts'), named('mine'))],
  ['create a Pod', post(core(C_OWN, 'pods'), named('mine'))],
  ['ask for a token of registration', tokenRequest({ account: 'registration' })],
  ['ask for a token of default', tokenRequest({ account: 'default' })],
  ['ask for a token of the agent of another', tokenRequest({ namespace: C_OTHER })],
];
