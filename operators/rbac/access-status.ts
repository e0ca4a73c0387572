import type { ClusterAccess, ClusterAccessStatus } from '#api';
import { byType, type ConditionIntent, findCondition, jsonEqual, mergeConditions, timestamp } from '#runtime';
import { MOST_VALID } from './access-limit.ts';
import { endOf } from './access-token.ts';
import { accessSecretName, tokenSecretName } from './account.ts';
import { type Deletion, deletionToTell, hubsConditions } from './agents-word.ts';
import { OBJECT_TERMINATING } from './converge.ts';
import { POLICIES_NOT_INSTALLED } from './guards.ts';
import type { KubeconfigRecord } from './kubeconfigs.ts';

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
  /** Of one that is issued: what its Secret holds. */
  readonly kubeconfig?: KubeconfigRecord;
  /** The Secret that the agent is to put a token into. */
  readonly tokenSecret?: Required<NonNullable<ClusterAccessStatus['tokenSecret']>>;
  /** What an agent is told of its deletion [that it is to take back what was given, if somebody deleted it]. */
  readonly deletion?: Deletion;
}

/** The fields of the status that no agent writes. */
export const OWN_FIELDS = ['observedGeneration', 'secretRef', 'expiresAt', 'kubeconfig', 'tokenSecret'] as const;

/** Reasons that only somebody's change ends. */
const STALLED = ['ClusterNotFound', 'LocalCluster', 'EndpointUnknown', 'Conflict', 'TokenInvalid', 'TooMany'];
/** Reasons that go by themselves. */
const RECONCILING = ['NotBound', 'ClusterNotConnected', 'WaitingForAgent', POLICIES_NOT_INSTALLED, OBJECT_TERMINATING];

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
  const { metadata, status: { agent: _agents, ...all } = {} } = access;
  const before = { ...all, conditions: hubsConditions(all.conditions) };
  const observedGeneration = metadata.generation ?? 0;
  const deletion = said.deletion ?? (revoked ? 'clean' : undefined);
  const told = byAgent ? deletionToTell(deletion) : [];
  const conditions = mergeConditions(before.conditions, [...accessConditions(access, said), ...told], {
    now,
    observedGeneration,
  });
  const expiresAt = said.expiresAt ?? before.expiresAt;
  const { tokenSecret, kubeconfig = before.kubeconfig } = said;
  const status: ClusterAccessStatus = {
    observedGeneration,
    ...(said.reason === 'Issued' ? { secretRef: { name: accessSecretName(metadata.uid ?? '') } } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(kubeconfig ? { kubeconfig } : {}),
    ...(byAgent && tokenSecret ? { tokenSecret } : {}),
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

function messageOf(access: ClusterAccess, { reason, cluster, expiresAt }: AccessReport): string {
  const { spec, metadata } = access;
  const who = [`user ${spec.user}`, ...(spec.groups ?? []).map(group => `group ${group}`)].join(' or ');
  const again = 'delete this ClusterAccess and make another';
  switch (reason) {
    case 'Issued':
      return `Secret ${metadata.namespace}/access-${metadata.uid} holds the kubeconfig, under the key kubeconfig, until ${expiresAt}`;
    case 'Expired':
      return `the ClusterAccess expired at ${access.status?.expiresAt ?? timestamp(endOf(access))}: ${again}`;
    case 'NoLongerBound':
      return `no RoleTemplateBinding on cluster ${cluster} named ${who} any more, so the kubeconfig ended: ${again} once one does`;
    case 'CredentialsDeleted':
      return `Secret access-${metadata.uid} was deleted or replaced, in ${metadata.namespace} or, alone or with the user’s ServiceAccount, in paddock-users on cluster ${cluster}, so the kubeconfig ended: ${again}`;
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
    case POLICIES_NOT_INSTALLED:
      return `cluster ${cluster} is not proven to enforce the admission policies that guard people's accounts, see Ready of Cluster ${cluster}: it is issued when they are proven`;
    case 'WaitingForAgent':
      return `the agent of cluster ${cluster} requests the token and puts it into Secret ${metadata.namespace}/${tokenSecretName(metadata.uid ?? '')}; an agent of an earlier version does not: apply the agent.yaml that deleting Secret ${metadata.namespace}/registration issues`;
    case 'TooMany':
      return `user ${spec.user} has ${MOST_VALID} older ClusterAccesses on cluster ${cluster}, and no more are issued: delete one that is not needed, and make another; this one is deleted after 10 minutes`;
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
