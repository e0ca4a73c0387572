import * as yaml from 'js-yaml';
import {
  ANNOTATION_OWNER_UID,
  type ClusterAccess,
  type Cluster as ClusterObject,
  clusterNamespace,
  marks,
  PLANE_HUB,
  USERS_NAMESPACE,
} from '#api';
import type { Client, KubeObject } from '#runtime';
import { readKubeconfigSecret, type Secret } from '../engagement/kubeconfig.ts';
import { type BindingObject, RBAC_GROUP, type RoleObject } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import type { Token } from '../engagement/token.ts';
import { accessSecretName } from './account.ts';
import { kubeconfigEndpoint, ownEndpoint, type PeoplesEndpoint } from './endpoint.ts';
import { clusterOfAccess } from './people.ts';

/** When the token of an access's Secret ends, RFC 3339. */
const ANNOTATION_EXPIRES = 'paddock.dev/expires-at';
/** On an access's Secret: uid of the Secret on the cluster that its token is bound to. */
const ANNOTATION_ANCHOR = 'paddock.dev/anchor-uid';
const KEY = 'kubeconfig';

/**
 * What `spec.endpoint` says; without it, and for the CA, what the cluster's kubeconfig says. Undefined where neither says
 * it. @throws KubeconfigError when the kubeconfig that is to say it can't be used
 */
export async function endpointOf(
  { metadata, spec }: ClusterObject,
  hub: Client,
  signal: AbortSignal,
): Promise<PeoplesEndpoint | undefined> {
  const { endpoint, connection } = spec;
  const own = ownEndpoint(spec);
  if (own) return own;
  const reference = connection.kubeconfig?.secretRef;
  if (!reference) return endpoint && { server: endpoint.url };
  const key = { namespace: clusterNamespace(metadata.name ?? ''), name: reference.name };
  const secret = await hub.find(Secrets, key, { signal });
  const { credentials } = readKubeconfigSecret(secret, { ...key, key: reference.key });
  return kubeconfigEndpoint(spec, await credentials.resolve());
}

/** What the person may do with their own access and its Secret. It goes before the Secret comes. */
export function accessRole(access: ClusterAccess, hub: string): RoleObject {
  const metadata = accessMeta(access, hub);
  return {
    metadata,
    rules: [
      { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: [metadata.name] },
      {
        verbs: ['get', 'delete'],
        apiGroups: ['paddock.dev'],
        resources: ['clusteraccesses'],
        resourceNames: [access.metadata.name ?? ''],
      },
    ],
  };
}

export function accessBinding(access: ClusterAccess, hub: string): BindingObject {
  const metadata = accessMeta(access, hub);
  return {
    metadata,
    roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'User', apiGroup: RBAC_GROUP, name: access.spec.user }],
  };
}

/** The Secret with the kubeconfig. */
export function accessSecret(
  access: ClusterAccess,
  hub: string,
  { endpoint, token, anchor }: { readonly endpoint: PeoplesEndpoint; readonly token: Token; readonly anchor: string },
): Secret {
  const metadata = accessMeta(access, hub);
  return {
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [ANNOTATION_EXPIRES]: token.expiresAt, [ANNOTATION_ANCHOR]: anchor },
    },
    data: { [KEY]: Buffer.from(kubeconfigOf(access, endpoint, token.token)).toString('base64') },
  };
}

/** When the token of an access's Secret ends; undefined for a Secret of somebody else's. */
export function expiryOf({ metadata }: KubeObject, access: ClusterAccess): string | undefined {
  const isOurs = metadata?.annotations?.[ANNOTATION_OWNER_UID] === access.metadata.uid;
  return isOurs ? metadata?.annotations?.[ANNOTATION_EXPIRES] : undefined;
}

/** How an agent says which Secret on the cluster a token is bound to. */
export function boundTo(name: string, uid: string | undefined): string {
  return `the token is bound to Secret ${USERS_NAMESPACE}/${name} on the cluster, uid ${uid}`;
}

/** {@link boundTo}, as the Secret with the kubeconfig has it. */
export function anchoredAs({ metadata }: KubeObject, access: ClusterAccess): string {
  return boundTo(accessSecretName(access.metadata.uid ?? ''), metadata?.annotations?.[ANNOTATION_ANCHOR]);
}

/** Whether the token of an access's Secret is bound to this Secret on the cluster. */
export function isAnchoredTo(secret: KubeObject, anchor: KubeObject | undefined): boolean {
  return (
    anchor?.metadata?.uid !== undefined && secret.metadata?.annotations?.[ANNOTATION_ANCHOR] === anchor.metadata.uid
  );
}

function kubeconfigOf(access: ClusterAccess, endpoint: PeoplesEndpoint, token: string): string {
  const { spec } = access;
  const cluster = clusterOfAccess(access) ?? '';
  const { server, ca, proxyUrl, tlsServerName } = endpoint;
  return yaml.dump(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: cluster,
          cluster: {
            server,
            ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
            ...(tlsServerName === undefined ? {} : { 'tls-server-name': tlsServerName }),
            ...(proxyUrl === undefined ? {} : { 'proxy-url': proxyUrl }),
          },
        },
      ],
      users: [
        {
          name: spec.user,
          user: { token, as: spec.user, ...(spec.groups?.length ? { 'as-groups': spec.groups } : {}) },
        },
      ],
      contexts: [{ name: cluster, context: { cluster, user: spec.user } }],
      'current-context': cluster,
    },
    { lineWidth: -1 },
  );
}

/** Of what goes with a ClusterAccess, whoever deletes that: a right that stayed would count for the next of its name. */
function accessMeta(access: ClusterAccess, hub: string) {
  const { name = '', namespace = '', uid = '' } = access.metadata;
  const owner = { kind: 'ClusterAccess', name, uid };
  const cluster = clusterOfAccess(access) ?? '';
  const ownerReferences = [{ apiVersion: 'paddock.dev/v1alpha1', ...owner }];
  const mark = marks({ owner, cluster, hub, plane: PLANE_HUB });
  return { name: accessSecretName(uid), namespace, ownerReferences, ...mark };
}
