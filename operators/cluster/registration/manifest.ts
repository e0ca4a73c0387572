import * as yaml from 'js-yaml';
import { GROUP, LABEL_MANAGED_BY, MANAGED_BY, marks, SYSTEM_NAMESPACE } from '#api';
import type { Credentials, KubeObject } from '#runtime';
import { policyNames } from '../policies/desired.ts';
import { POLICY_KINDS, Policies } from '../policies/kinds.ts';
import { PROBE_ACCOUNT } from '../policies/probe-account.ts';

/** How agents reach the hub; `ca` is what they trust, PEM. */
export interface HubAddress {
  readonly server: string;
  readonly ca: string;
}

export interface ManifestInputs {
  readonly hub: HubAddress & { readonly uid: string };
  readonly cluster: { readonly name: string; readonly uid: string };
  /** The token that registers, and the id in it. */
  readonly token: string;
  readonly tokenId: string;
  /** uid of the Secret that the agent's own tokens have to be bound to. */
  readonly credentialUid: string;
  /** The image that runs `paddock agent`. */
  readonly image: string;
  /** What the agent is to count to project `system`, as the operators in the hub do. */
  readonly systemNamespaces?: readonly string[];
}

/** The Secret downstream by which an agent registers. */
export const DOWNSTREAM_REGISTRATION = 'paddock-agent-registration';
/** The image that the release of this version is published as. */
export const DEFAULT_IMAGE = 'paddock:latest';
/** What everything that agent.yaml brings is named, the Secret aside. */
export const AGENT = 'paddock-agent';
export const LABEL_NAME = 'app.kubernetes.io/name';
const REPLICAS = 2;
const HEALTH_PORT = 8080;

/** The address by which a process reaches the hub, if another cluster can use it too. */
export async function addressOf(credentials: Credentials): Promise<HubAddress | undefined> {
  const { server, tls } = await credentials.resolve();
  const { hostname } = new URL(server);
  const inside = hostname.startsWith('kubernetes.default') || hostname === process.env.KUBERNETES_SERVICE_HOST;
  return inside || !tls.ca ? undefined : { server, ca: tls.ca.toString() };
}

/** `agent.yaml`: everything that joins a cluster, ready for `kubectl apply -f -` there. */
export function agentManifest(inputs: ManifestInputs): string {
  const documents = [
    { apiVersion: 'v1', kind: 'Namespace', ...agentNamespace(inputs.cluster, inputs.hub.uid) },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata() },
    clusterRole(),
    clusterRoleBinding(),
    role(),
    roleBinding(),
    registrationSecret(inputs),
    deployment(inputs),
  ];
  return documents.map(document => yaml.dump(document, { noRefs: true, lineWidth: -1 })).join('---\n');
}

/** Marked as the Cluster's, so that it goes when the cluster is handed back. */
export function agentNamespace({ name, uid }: ManifestInputs['cluster'], hub: string): KubeObject {
  const owner = { kind: 'cluster', name, uid };
  return { metadata: { name: SYSTEM_NAMESPACE, ...marks({ owner, cluster: name, hub }) } };
}

function metadata(name = AGENT, namespace: string | undefined = SYSTEM_NAMESPACE) {
  const labels = { [LABEL_NAME]: AGENT, [LABEL_MANAGED_BY]: MANAGED_BY };
  return { name, ...(namespace === '' ? {} : { namespace }), labels };
}

function registrationSecret({ hub, cluster, token, tokenId, credentialUid }: ManifestInputs) {
  const stringData = {
    server: hub.server,
    'ca.crt': hub.ca,
    hub: hub.uid,
    cluster: cluster.name,
    'cluster-uid': cluster.uid,
    'credential-uid': credentialUid,
    'token-id': tokenId,
    token,
  };
  return { apiVersion: 'v1', kind: 'Secret', metadata: metadata(DOWNSTREAM_REGISTRATION), stringData };
}

const RBAC = 'rbac.authorization.k8s.io';

/** What the operators in the agent do in the cluster; all but the last two also to hand it back. */
function clusterRole() {
  const policies = { apiGroups: [Policies.group], resources: POLICY_KINDS.map(({ plural }) => plural) };
  const rules = [
    // labels of projects; its own namespace goes when the cluster is handed back
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
    {
      apiGroups: [''],
      resources: ['secrets', 'configmaps'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    // quotas, limits and isolation of projects
    {
      apiGroups: [''],
      resources: ['resourcequotas', 'limitranges'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    {
      apiGroups: ['networking.k8s.io'],
      resources: ['networkpolicies'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    // what RoleTemplates allow, which may be anything: hence bind and escalate, so whoever can be the agent can be
    // anybody here. Its own rights go last, with their binding, which the role is given as owner
    {
      apiGroups: [RBAC],
      resources: ['clusterroles', 'clusterrolebindings', 'rolebindings'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    { apiGroups: [RBAC], resources: ['clusterroles'], verbs: ['bind', 'escalate'] },
    // the accounts of people, and their tokens
    {
      apiGroups: [''],
      resources: ['serviceaccounts'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
    // the admission policies that guard projects: found by label when they go, otherwise by their names
    { ...policies, verbs: ['list'] },
    { ...policies, resourceNames: policyNames(), verbs: ['get', 'create', 'patch', 'delete'] },
    // what these policies ask of one who writes the labels of projects and of pod security
    { apiGroups: [GROUP], resources: ['projects'], verbs: ['manage-namespaces', 'update-pod-security'] },
    // what is said of namespaces
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
    { apiGroups: [''], resources: ['nodes', 'pods'], verbs: ['list', 'watch'] },
    { nonResourceURLs: ['/readyz', '/version', '/apis'], verbs: ['get'] },
    // who reads its metrics
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ];
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: metadata(AGENT, ''), rules };
}

/** What it does in its own namespace. */
function role() {
  const own = { resourceNames: [AGENT], verbs: ['get', 'patch', 'delete'] };
  const rules = [
    // its lease; a create can't be limited to a name
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [AGENT], verbs: ['get', 'patch'] },
    // itself, where the cluster is handed back and the namespace stays: these are given the Deployment as owner, and
    // that is deleted. Who could patch it could run any container
    { apiGroups: ['apps'], resources: ['deployments'], resourceNames: [AGENT], verbs: ['get', 'delete'] },
    { apiGroups: [''], resources: ['serviceaccounts'], ...own },
    // to send the dry runs by which it is seen that the cluster enforces the policies
    { apiGroups: [''], resources: ['serviceaccounts'], resourceNames: [PROBE_ACCOUNT.name], verbs: ['impersonate'] },
    { apiGroups: [RBAC], resources: ['roles', 'rolebindings'], ...own },
  ];
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: metadata(), rules };
}

const SUBJECTS = [{ kind: 'ServiceAccount', name: AGENT, namespace: SYSTEM_NAMESPACE }];
const roleRef = (kind: 'Role' | 'ClusterRole') => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: AGENT });

function clusterRoleBinding() {
  const header = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' };
  return { ...header, metadata: metadata(AGENT, ''), roleRef: roleRef('ClusterRole'), subjects: SUBJECTS };
}

function roleBinding() {
  const header = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' };
  return { ...header, metadata: metadata(), roleRef: roleRef('Role'), subjects: SUBJECTS };
}

function deployment({ image, systemNamespaces = [] }: ManifestInputs) {
  const system = systemNamespaces.length > 0 ? ['--system-namespaces', systemNamespaces.join(',')] : [];
  const labels = { 'app.kubernetes.io/name': AGENT };
  const container = {
    name: 'agent',
    image,
    // the kubelet's probes come from outside of the Pod; they verify no certificate
    args: ['agent', '--metrics-address', '::', '--metrics-port', String(HEALTH_PORT), ...system],
    ports: [{ name: 'metrics', containerPort: HEALTH_PORT }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'metrics', scheme: 'HTTPS' } },
    readinessProbe: { httpGet: { path: '/readyz', port: 'metrics', scheme: 'HTTPS' } },
    resources: { requests: { cpu: '20m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
  const spec = {
    serviceAccountName: AGENT,
    priorityClassName: 'system-cluster-critical',
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: labels },
      },
    ],
    containers: [container],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(),
    spec: { replicas: REPLICAS, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}
