import * as yaml from 'js-yaml';
import { LABEL_MANAGED_BY, MANAGED_BY, SYSTEM_NAMESPACE } from '#api';
import type { Credentials } from '#runtime';

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
}

/** The Secret downstream by which an agent registers. */
export const DOWNSTREAM_REGISTRATION = 'paddock-agent-registration';
/** The image that the release of this version is published as. */
export const DEFAULT_IMAGE = 'paddock:latest';
const AGENT = 'paddock-agent';
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
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } },
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

function metadata(name = AGENT, namespace: string | undefined = SYSTEM_NAMESPACE) {
  const labels = { 'app.kubernetes.io/name': AGENT, [LABEL_MANAGED_BY]: MANAGED_BY };
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

/** What the operators in the agent do in the cluster. */
function clusterRole() {
  const rules = [
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
    {
      apiGroups: [''],
      resources: ['secrets', 'configmaps'],
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    },
    { apiGroups: [''], resources: ['nodes', 'pods'], verbs: ['list', 'watch'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
    { nonResourceURLs: ['/readyz', '/version', '/apis'], verbs: ['get'] },
  ];
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: metadata(AGENT, ''), rules };
}

/** Its own lease. A create can't be limited to a name. */
function role() {
  const rules = [
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [AGENT], verbs: ['get', 'patch'] },
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

function deployment({ image }: ManifestInputs) {
  const labels = { 'app.kubernetes.io/name': AGENT };
  const container = {
    name: 'agent',
    image,
    args: ['agent', '--metrics-port', String(HEALTH_PORT)],
    ports: [{ name: 'metrics', containerPort: HEALTH_PORT }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
    readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' } },
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
