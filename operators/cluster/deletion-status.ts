import type { Cluster, ClusterStatus, Project } from '#api';
import { type ConditionIntent, findCondition, jsonEqual, mergeConditions } from '#runtime';
import type { ConnectionState } from './connection.ts';
import type { HandBackState } from './deletion-downstream.ts';
import { LEAVING } from './deletion-step.ts';

/** Reason of Stalled where the finalizers of others keep what has to go first. */
export const FINALIZERS_REMAIN = 'FinalizersRemain';
/** Projects that a message names at most. */
const NAMED = 10;

export interface DeletionConditions {
  readonly cleaned: ConditionIntent;
  readonly connected: ConditionIntent | undefined;
  /** What somebody else keeps in the hub, so that a person has to act. */
  readonly waits?: string | undefined;
  readonly now: number;
}

/** The status of a Cluster that is being deleted; undefined when it is there already. What it does not name stays. */
export function deletionStatus(
  cluster: Cluster,
  { cleaned, connected, waits, now }: DeletionConditions,
): ClusterStatus | undefined {
  const { status: before = {}, metadata } = cluster;
  const { generation = 0 } = metadata;
  const progress = {
    reason: 'Deleting',
    message: waits === undefined ? cleaned.message : `${waits}. ${cleaned.message}`,
  };
  const intents: ConditionIntent[] = [
    ...(connected ? [connected] : []),
    { type: 'Ready', status: 'False', ...progress },
    { type: 'Reconciling', status: 'True', ...progress },
    ...(waits === undefined
      ? []
      : [{ type: 'Stalled', status: 'True', reason: FINALIZERS_REMAIN, message: waits } as const]),
    cleaned,
  ];
  const written = mergeConditions(before.conditions, intents, { now, observedGeneration: generation });
  const others = (before.conditions ?? []).filter(({ type }) => type !== 'Stalled' && !findCondition(written, type));
  const status = { ...before, observedGeneration: generation, conditions: [...others, ...written].sort(byType) };
  const same = jsonEqual({ ...before, conditions: [...(before.conditions ?? [])].sort(byType) }, status);
  return same ? undefined : status;
}

/** Condition Connected while a cluster is handed back; undefined while that is not known anew. */
export function connectedWhileDeleting(
  connection: ConnectionState,
  handBack: HandBackState | undefined,
): ConditionIntent | undefined {
  const type = 'Connected';
  if (connection.kind === 'none') return connection.connected;
  if (handBack?.reached === undefined) return undefined;
  if (handBack.reached) return { type, status: 'True', reason: 'Connected', message: 'the cluster answers' };
  return { type, status: 'Unknown', reason: 'Unreachable', message: handBack.problem ?? 'the cluster does not answer' };
}

/**
 * Adds what stays on the cluster to a condition that says why it does, once: when the Projects are gone nobody knows
 * any more, so the condition as it stands is kept.
 */
export function withWhatIsLeft(
  cluster: Cluster,
  cleaned: ConditionIntent,
  projects: readonly Project[],
): ConditionIntent {
  if (!LEAVING.includes(cleaned.reason)) return cleaned;
  const before = findCondition(cluster.status?.conditions, 'Cleaned');
  if (before?.reason === cleaned.reason) {
    const { type, status, reason, message } = before;
    return { type, status, reason, message };
  }
  const left = whatIsLeft(projects, { claim: cleaned.reason !== 'AlreadyClaimed' });
  return left === undefined ? cleaned : { ...cleaned, message: `${cleaned.message}. Left there: ${left}` };
}

/** What the Projects had on the cluster when it was seen last, for a person who cleans up by hand; undefined for nothing. */
export function whatIsLeft(projects: readonly Project[], { claim }: { readonly claim: boolean }): string | undefined {
  const given = projects
    .map(({ metadata, status }) => ({
      name: metadata.name ?? '',
      copies: status?.shared?.copies ?? 0,
      namespaces: status?.namespaces?.total ?? 0,
    }))
    .filter(({ copies, namespaces }) => copies + namespaces > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const named = given
    .slice(0, NAMED)
    .map(({ name, copies, namespaces }) => `${copies} copies in ${namespaces} namespaces of project ${name}`);
  const more = given.length > NAMED ? [`those of ${given.length - NAMED} more projects`] : [];
  const things = [...named, ...more, ...(claim ? ['ConfigMap paddock-system/claim'] : [])];
  if (things.length === 0) return undefined;
  return `${things.join(', ')}; what is labelled app.kubernetes.io/managed-by=paddock can be deleted`;
}

function byType(a: { readonly type: string }, b: { readonly type: string }): number {
  return a.type < b.type ? -1 : 1;
}
