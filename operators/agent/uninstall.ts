import { LABEL_MANAGED_BY, MANAGED_BY, SYSTEM_NAMESPACE } from '#api';
import {
  apiVersion,
  type Client,
  isNotFound,
  type Key,
  type KubeObject,
  Namespaces,
  type ResourceType,
} from '#runtime';
import { AGENT, LABEL_NAME } from '../cluster/registration/manifest.ts';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import { ServiceAccounts } from '../engagement/service-account.ts';
import { CREDENTIAL } from './credential.ts';
import { REGISTRATION } from './manifest-secret.ts';

const Deployments: ResourceType = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
const Roles: ResourceType = { ...RoleBindings, kind: 'Role', plural: 'roles' };

const EVERYWHERE = { name: AGENT };
const HERE = { namespace: SYSTEM_NAMESPACE, name: AGENT };
const IN_NAMESPACE: readonly (readonly [ResourceType, Key])[] = [
  [Secrets, REGISTRATION],
  [ServiceAccounts, HERE],
  [Roles, HERE],
  [RoleBindings, HERE],
];

/**
 * Removes what agent.yaml brought: with namespace `system` all of it, otherwise what lies in that namespace one by
 * one. The agent's rights end with the last write here, and it may be stopped any time, so each object is first given
 * as owner one that goes last, and the garbage collector takes it: nothing is left halfway.
 */
export async function uninstallAgent(
  client: Client,
  system: KubeObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  const binding = await ours(client, ClusterRoleBindings, EVERYWHERE, signal);
  const deployment = system ? undefined : await ours(client, Deployments, HERE, signal);
  if (binding) {
    const owner = referenceTo(ClusterRoleBindings, binding);
    await give(client, ClusterRoles, await ours(client, ClusterRoles, EVERYWHERE, signal), owner, signal);
    await give(client, Namespaces, system, owner, signal);
  }
  if (deployment) {
    const owner = referenceTo(Deployments, deployment);
    // the agent itself wrote its credential: that carries no label
    const credential = await client.find(Secrets, CREDENTIAL, { signal, metadataOnly: true });
    await give(client, Secrets, credential, owner, signal);
    for (const [type, key] of IN_NAMESPACE)
      await give(client, type, await ours(client, type, key, signal), owner, signal);
  }
  // no signal: the first of these may be what ends this process, and the second is to follow all the same
  if (deployment) await client.delete(Deployments, HERE, { uid: deployment.metadata?.uid });
  if (binding) await client.delete(ClusterRoleBindings, EVERYWHERE, { uid: binding.metadata?.uid });
  else if (system) await client.delete(Namespaces, { name: SYSTEM_NAMESPACE }, { uid: system.metadata?.uid });
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

function referenceTo(type: ResourceType, { metadata }: KubeObject): OwnerReference {
  const { name = '', uid = '' } = metadata ?? {};
  return { apiVersion: apiVersion(type), kind: type.kind, name, uid };
}

/** The object of this name, if it is that of a manifest of ours. */
async function ours(
  client: Client,
  type: ResourceType,
  key: Key,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const object = await client.find(type, key, { signal, metadataOnly: true });
  const { [LABEL_NAME]: name, [LABEL_MANAGED_BY]: manager } = object?.metadata?.labels ?? {};
  return name === AGENT && manager === MANAGED_BY ? object : undefined;
}

async function give(
  client: Client,
  type: ResourceType,
  object: KubeObject | undefined,
  owner: OwnerReference,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, uid } = object?.metadata ?? {};
  if (name === undefined) return;
  try {
    const key = namespace === undefined ? { name } : { namespace, name };
    await client.mergePatch(type, key, { metadata: { uid, ownerReferences: [owner] } }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error; // gone already
  }
}
