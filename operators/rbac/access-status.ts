import type { ClusterAccess, ClusterAccessStatus } from '#api';
import { byType, type ConditionIntent, findCondition, jsonEqual, mergeConditions } from '#runtime';
import { accessSecretName } from './account.ts';
import { accessToTell, type Deletion, hubsConditions, toldOfAccess } from './agents-word.ts';
import { OBJECT_TERMINATING } from './converge.ts';

/** How it stands with a ClusterAccess. */
export interface AccessReport {
  /** Undefined: as it was said before. */
  readonly reason: string | undefined;
  readonly cluster: string;
  /** Instead of what is usually said for the reason. */
  readonly message?: string;
  /** RFC 3339, of one that is issued. */
  readonly expiresAt?: string;
  /** The cluster has not confirmed yet that its token is refused. */
  readonly pending?: boolean;
  /** The agent's attempt after which the Secret that it found was taken away [as it was said before]. */
  readonly cleared?: number;
  /** What an agent is told of its deletion [that it is to take back what was given, if somebody deleted it]. */
  readonly deletion?: Deletion;
}

/** Reasons that only somebody's change ends. */
const STALLED = ['ClusterNotFound', 'LocalCluster', 'EndpointUnknown', 'Conflict'];
/** Reasons that go by themselves. */
const RECONCILING = ['NotBound', 'ClusterNotConnected', 'WaitingForAgent', OBJECT_TERMINATING];
/** An agent may write the Secret, or has. */
const PREPARED = ['WaitingForAgent', 'Issued'];

export interface AccessFacts {
  readonly byAgent: boolean;
  /** Somebody deleted it. */
  readonly revoked: boolean;
  readonly now: number;
}

/** The status to write; undefined when it is there already. */
export function accessStatusOf(
  access: ClusterAccess,
  said: AccessReport,
  { byAgent, revoked, now }: AccessFacts,
): ClusterAccessStatus | undefined {
  const { metadata, status: all = {} } = access;
  const before = { ...all, conditions: hubsConditions(all.conditions) };
  const observedGeneration = metadata.generation ?? 0;
  const deletion = said.deletion ?? (revoked ? 'clean' : undefined);
  const cleared = said.cleared ?? toldOfAccess(access).cleared;
  const told = byAgent ? accessToTell({ deletion, prepared: PREPARED.includes(said.reason ?? ''), cleared }) : [];
  const conditions = mergeConditions(before.conditions, [...accessConditions(access, said), ...told], {
    now,
    observedGeneration,
  });
  const expiresAt = said.expiresAt ?? before.expiresAt;
  const status: ClusterAccessStatus = {
    observedGeneration,
    ...(said.reason === 'Issued' ? { secretRef: { name: accessSecretName(metadata.uid ?? '') } } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    conditions: byType(conditions),
  };
  return jsonEqual(status, before) ? undefined : status;
}

/** What the conditions of a ClusterAccess say. */
export function accessConditions(access: ClusterAccess, report: AccessReport): ConditionIntent[] {
  const { reason, pending, cluster } = report;
  const before = findCondition(access.status?.conditions, 'Ready');
  const said =
    reason === undefined
      ? { reason: before?.reason ?? 'Unknown', message: before?.message ?? '' }
      : { reason, message: report.message ?? messageOf(access, report) };
  const conditions: ConditionIntent[] = [{ type: 'Ready', status: reason === 'Issued' ? 'True' : 'False', ...said }];
  if (pending)
    conditions.push({
      type: 'RevocationPending',
      status: 'True',
      reason: 'ClusterNotConfirmed',
      message: `${cluster} has not confirmed that the token is refused there: it happens when the cluster is connected again, before anything else`,
    });
  else if (RECONCILING.includes(said.reason)) conditions.push({ type: 'Reconciling', status: 'True', ...said });
  if (STALLED.includes(said.reason)) conditions.push({ type: 'Stalled', status: 'True', ...said });
  if (reason === 'Paused') conditions.push({ type: 'Paused', status: 'True', ...said, reason: 'Annotated' });
  return conditions;
}

function messageOf({ spec, metadata, status }: ClusterAccess, { reason, cluster, expiresAt }: AccessReport): string {
  const who = [`user ${spec.user}`, ...(spec.groups ?? []).map(group => `group ${group}`)].join(' or ');
  const again = 'delete this ClusterAccess and make another';
  switch (reason) {
    case 'Issued':
      return `Secret ${metadata.namespace}/access-${metadata.uid} holds the kubeconfig, under the key kubeconfig, until ${expiresAt}`;
    case 'Expired':
      return `the kubeconfig expired at ${status?.expiresAt}: ${again}`;
    case 'NoLongerBound':
      return `no RoleTemplateBinding on cluster ${cluster} named ${who} any more, so the kubeconfig ended: ${again} once one does`;
    case 'CredentialsDeleted':
      return `Secret access-${metadata.uid} was deleted, in ${metadata.namespace} or, alone or with the user’s ServiceAccount, in paddock-users on cluster ${cluster}, so the kubeconfig ended: ${again}`;
    case 'NotBound':
      return `no RoleTemplateBinding on cluster ${cluster} names ${who}: it is issued when one does`;
    case 'ClusterNotFound':
      return `Cluster "${cluster}" does not exist, or is being deleted: make the ClusterAccess in the namespace c-<cluster> of one that stands`;
    case 'LocalCluster':
      return `cluster ${cluster} is the hub itself, for which there are no kubeconfigs: a token of the hub could ask for the next one`;
    case 'EndpointUnknown':
      return `it is not known where people reach cluster ${cluster}: set spec.endpoint of the Cluster`;
    case 'ClusterNotConnected':
      return `cluster ${cluster} is not connected: it is issued when it is`;
    case 'WaitingForAgent':
      return `the agent of cluster ${cluster} asks for the token`;
    case 'Uninstalled':
      return 'ClusterAccesses are being uninstalled: what this one gave stays on the cluster';
    case 'Deleting':
      return 'the ClusterAccess is being deleted';
    case 'Paused':
      return 'annotation paddock.dev/paused: no kubeconfig is issued; one that was ends all the same';
    default:
      return '';
  }
}
