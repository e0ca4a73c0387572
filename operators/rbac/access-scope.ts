import {
  type ClusterAccess,
  ClusterAccessResource,
  type Cluster as ClusterObject,
  LABEL_OWNER,
  LABEL_PLANE,
  PLANE_HUB,
} from '#api';
import { type Client, type Informer, isNotFound, type KubeObject, keyOf, type Recorder, type Watched } from '#runtime';
import { releaseAgentStatus, worksByAgent } from '../engagement/agent.ts';
import { type BindingObject, RoleBindings, type RoleObject, Roles } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import { accessBinding, accessRole, expiryOf } from './access-objects.ts';
import { type AccessReport, accessStatusOf } from './access-status.ts';
import { accessSecretName } from './account.ts';
import { type Conflict, ensure, withdraw } from './converge.ts';
import type { Engagements } from './engagements.ts';
import { accessEvents } from './events.ts';
import { clusterOfAccess, type HubPeople } from './people.ts';

/** Everything that a reconcile of a ClusterAccess in the hub reads and writes by. */
export interface AccessScope {
  readonly client: Client;
  readonly people: HubPeople;
  readonly clusters: Watched<ClusterObject>;
  readonly engagements: Engagements;
  readonly verdicts: Verdicts<ClusterAccess>;
  readonly roles: Informer<RoleObject>;
  readonly bindings: Informer<BindingObject>;
  readonly recorder: Recorder;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly now: () => number;
}

/** What of RBAC in the hub is ours: the selection of {@link AccessScope.roles} and `bindings`. */
export const HUB_OBJECTS = { labelSelector: `${LABEL_OWNER},${LABEL_PLANE}=${PLANE_HUB}` };

/**
 * Before the Secret there is who may read it; and who may read the access, and delete it. Returns what is in the place
 * of these, or Terminating.
 */
export async function ensureRole(
  scope: AccessScope,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<readonly Conflict[]> {
  const { client, roles, bindings, hub } = scope;
  const [role, binding] = [accessRole(access, hub()), accessBinding(access, hub())];
  const ofRole = await ensure(client, Roles, role, roles.get(keyOf(role)), signal);
  const ofBinding = await ensure(client, RoleBindings, binding, bindings.get(keyOf(binding)), signal);
  return [ofRole, ofBinding].filter(conflict => conflict !== undefined);
}

/** Takes away what {@link ensureRole} gives. */
export async function removeRole(scope: AccessScope, access: ClusterAccess, signal: AbortSignal): Promise<void> {
  const { client, roles, bindings } = scope;
  const unknown = { metadata: secretKey(access) }; // without our label it is in no cache
  await withdraw(client, RoleBindings, bindings.get(secretKey(access)) ?? unknown, signal);
  await withdraw(client, Roles, roles.get(secretKey(access)) ?? unknown, signal);
}

/** Deletes the Secret of an access; returns the one of somebody else's that is in its place instead. */
export async function deleteSecret(
  { client }: AccessScope,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const found = await client.find(Secrets, secretKey(access), { signal, metadataOnly: true });
  if (!found || expiryOf(found, access) === undefined) return found;
  await client.delete(Secrets, secretKey(access), { uid: found.metadata?.uid, signal });
  return undefined;
}

export const secretKey = ({ metadata }: ClusterAccess) => ({
  namespace: metadata.namespace ?? '',
  name: accessSecretName(metadata.uid ?? ''),
});

export function isAgents({ clusters }: AccessScope, access: ClusterAccess): boolean {
  return worksByAgent(clusters, clusterOfAccess(access));
}

export async function report(
  scope: AccessScope,
  access: ClusterAccess,
  said: AccessReport,
  signal: AbortSignal,
): Promise<undefined> {
  const { client, recorder, now } = scope;
  const byAgent = isAgents(scope, access);
  const status = accessStatusOf(access, said, { byAgent, revoked: scope.people.isRevoked(access), now: now() });
  if (!status) return undefined;
  const { name = '', namespace = '', uid = '' } = access.metadata;
  try {
    const intent = { metadata: { name, namespace, uid }, status };
    const written = await client.applyStatus(ClusterAccessResource, intent, { signal });
    if (!byAgent) await releaseAgentStatus(client, ClusterAccessResource, written, { operator: 'rbac', signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
  for (const event of accessEvents(access, status)) recorder.record(ClusterAccessResource, access, event);
  return undefined;
}
