import * as yaml from 'js-yaml';
import {
  ANNOTATION_OWNER_UID,
  type ClusterAccess,
  type Cluster as ClusterObject,
  clusterNamespace,
  LABEL_OWNER,
  LABEL_PLANE,
  marks,
  PLANE_HUB,
} from '#api';
import type { Client, KubeObject } from '#runtime';
import { readKubeconfigSecret, type Secret } from '../engagement/kubeconfig.ts';
import { type BindingObject, RBAC_GROUP, type RoleObject } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import { accessSecretName, tokenSecretName } from './account.ts';
import { kubeconfigEndpoint, ownEndpoint, type PeoplesEndpoint } from './endpoint.ts';
import { clusterOfAccess } from './people.ts';

/** When the token of an access's Secret ends, RFC 3339. */
const ANNOTATION_EXPIRES = 'paddock.dev/expires-at';
/** Key of the Secret with the kubeconfig. */
export const KUBECONFIG_KEY = 'kubeconfig';
/** Key of the Secret that an agent puts a token into. */
export const TOKEN_KEY = 'token';

/** Selects everything of ours in the hub, without what is of the hub as a cluster itself. */
export const HUB_OBJECTS = { labelSelector: `${LABEL_OWNER},${LABEL_PLANE}=${PLANE_HUB}` };

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

/**
 * What the person may do with their own access, and with its Secret while that is or may become theirs. It goes before
 * the Secret comes; of an access that is over it leaves the Secret out, whatever is put into its place.
 */
export function accessRole(access: ClusterAccess, hub: string, { over }: { readonly over: boolean }): RoleObject {
  const metadata = accessMeta(access, hub);
  const ofSecret = { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: [metadata.name] };
  return {
    metadata,
    rules: [
      ...(over ? [] : [ofSecret]),
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
  { kubeconfig, expiresAt }: { readonly kubeconfig: string; readonly expiresAt: string },
): Secret {
  const metadata = accessMeta(access, hub);
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION_EXPIRES]: expiresAt } },
    data: { [KUBECONFIG_KEY]: Buffer.from(kubeconfig).toString('base64') },
  };
}

/** The Secret that the agent puts a token into: empty as the hub makes it. Nobody is given a right to read it. */
export function tokenSecret(access: ClusterAccess, hub: string): Secret {
  const name = tokenSecretName(access.metadata.uid ?? '');
  return { metadata: { ...accessMeta(access, hub), name }, type: 'Opaque' };
}

/** Whether a Secret is marked as one of this access. */
export function isMarked({ metadata }: KubeObject, access: ClusterAccess): boolean {
  return metadata?.annotations?.[ANNOTATION_OWNER_UID] === access.metadata.uid;
}

/** Whether a Secret has all marks of this access, and goes with it. */
export function isWhole({ metadata }: KubeObject, access: ClusterAccess, hub: string): boolean {
  const { labels, annotations, ownerReferences } = accessMeta(access, hub);
  const has = (actual: object | undefined, wanted: object) =>
    Object.entries(wanted).every(([key, value]) => Reflect.get(actual ?? {}, key) === value);
  const isOwned = metadata?.ownerReferences?.some(({ uid }) => uid === ownerReferences[0]?.uid) ?? false;
  return isOwned && has(metadata?.labels, labels) && has(metadata?.annotations, annotations);
}

/** The kubeconfig of an access, made of nothing but what the hub knows and the token. */
export function kubeconfigOf(access: ClusterAccess, endpoint: PeoplesEndpoint, token: string): string {
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
