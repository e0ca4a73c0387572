import { type ClusterAccess, ClusterAccessResource, type Cluster as ClusterObject } from '#api';
import { type Client, type Informer, isNotFound, keyOf, type Recorder, type Watched } from '#runtime';
import { releaseAgentStatus, worksByAgent } from '../engagement/agent.ts';
import { dropForeignFields } from '../engagement/foreign-fields.ts';
import type { Secret } from '../engagement/kubeconfig.ts';
import { type BindingObject, RoleBindings, type RoleObject, Roles } from '../engagement/rbac-kinds.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import { accessBinding, accessRole } from './access-objects.ts';
import { type AccessReport, accessStatusOf, OWN_FIELDS } from './access-status.ts';
import { accessSecretName, tokenSecretName } from './account.ts';
import { type Conflict, ensure, withdraw } from './converge.ts';
import type { Engagements } from './engagements.ts';
import { accessEvents } from './events.ts';
import type { KnownKubeconfigs } from './kubeconfigs.ts';
import { clusterOfAccess, type HubPeople, isOver } from './people.ts';

/** Everything that a reconcile of a ClusterAccess in the hub reads and writes by. */
export interface AccessScope {
  readonly client: Client;
  readonly people: HubPeople;
  readonly clusters: Watched<ClusterObject>;
  readonly engagements: Engagements;
  readonly verdicts: Verdicts<ClusterAccess>;
  readonly roles: Informer<RoleObject>;
  readonly bindings: Informer<BindingObject>;
  /** Kubeconfigs of people, and what agents put tokens into. */
  readonly secrets: Informer<Secret>;
  readonly known: KnownKubeconfigs;
  readonly recorder: Recorder;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly now: () => number;
}

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
  const [role, binding] = [accessRole(access, hub(), { over: isOver(access) }), accessBinding(access, hub())];
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

export const secretKey = ({ metadata }: ClusterAccess) => ({
  namespace: metadata.namespace ?? '',
  name: accessSecretName(metadata.uid ?? ''),
});

export const tokenSecretKey = ({ metadata }: ClusterAccess) => ({
  namespace: metadata.namespace ?? '',
  name: tokenSecretName(metadata.uid ?? ''),
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
    if (byAgent)
      await dropForeignFields(client, ClusterAccessResource, written, { status, fields: OWN_FIELDS, signal });
    else await releaseAgentStatus(client, ClusterAccessResource, written, { operator: 'rbac', signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
  for (const event of accessEvents(access, status)) recorder.record(ClusterAccessResource, access, event);
  return undefined;
}
