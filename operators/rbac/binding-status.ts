import type { RoleTemplateBinding, RoleTemplateBindingStatus } from '#api';
import { byType, type ConditionIntent, findCondition, isConditionTrue, jsonEqual, mergeConditions } from '#runtime';
import { hubsConditions } from './agents-word.ts';
import { FOREIGN_RULES, foreignRulesCondition } from './foreign-rules.ts';
import { REVOCATION_FAILED } from './refusals.ts';

/** Why a binding is not in force, for people. */
export interface Obstacle {
  readonly reason: string;
  readonly message: string;
  /** Nothing changes until somebody changes something. */
  readonly stalled?: boolean;
}

export interface BindingStatusInput {
  readonly binding: RoleTemplateBinding;
  /** The clusters that the binding is for. */
  readonly clusters: readonly string[];
  /** Those of them that have not confirmed the binding as it is now. */
  readonly pending: readonly string[];
  /** Those of them where somebody may have the role still who lost it [all that are pending, if any may]. */
  readonly revoking?: readonly string[];
  readonly obstacle: Obstacle | undefined;
  readonly paused: boolean;
  /** ClusterRoles that claim to be part of the role. */
  readonly foreignRules?: string | undefined;
  /** For the agent of the cluster [nothing]. */
  readonly told?: readonly ConditionIntent[];
  readonly now: number;
}

const PENDING_SHOWN = 100;

/** The status to write; undefined when it is there already. */
export function bindingStatusOf(input: BindingStatusInput): RoleTemplateBindingStatus | undefined {
  const { binding, clusters, pending, paused, now } = input;
  const { status: all = {} } = binding;
  const before = { ...all, conditions: hubsConditions(all.conditions) };
  const observedGeneration = binding.metadata.generation ?? 0;
  const status: RoleTemplateBindingStatus = {
    observedGeneration,
    clusters: {
      total: clusters.length,
      bound: paused || input.obstacle?.stalled ? (before.clusters?.bound ?? 0) : clusters.length - pending.length,
      pending: [...pending].sort().slice(0, PENDING_SHOWN),
    },
    conditions: byType(
      mergeConditions(before.conditions, [...conditionsOf(input), ...(input.told ?? [])], { now, observedGeneration }),
    ),
  };
  return jsonEqual(status, before) ? undefined : status;
}

function conditionsOf(input: BindingStatusInput): ConditionIntent[] {
  const { binding, clusters, pending, obstacle, paused } = input;
  const revoking = input.revoking ?? (isRevoking(binding, pending) ? pending : []);
  const conditions: ConditionIntent[] = [];
  const where = `${clusters.length === 1 ? 'cluster' : 'clusters'} ${shown(clusters)}`;
  if (obstacle) conditions.push({ type: 'Ready', status: 'False', ...said(obstacle) });
  else if (pending.length > 0)
    conditions.push({
      type: 'Ready',
      status: 'False',
      reason: 'Pending',
      message: `waiting for ${shown(pending)}, which must confirm who has role ${binding.spec.roleTemplateName}`,
    });
  else if (clusters.length === 0)
    conditions.push({
      type: 'Ready',
      status: 'True',
      reason: 'NoClusters',
      message: 'no cluster has the labels asked for',
    });
  else conditions.push({ type: 'Ready', status: 'True', reason: 'Bound', message: `in force in ${where}` });
  if (revoking.length > 0)
    conditions.push({
      type: 'RevocationPending',
      status: 'True',
      reason: 'ClusterNotConfirmed',
      message: `${shown(revoking)} ${revoking.length === 1 ? 'has' : 'have'} not confirmed that those taken out of this binding have lost role ${binding.spec.roleTemplateName}: ${whenRevoked(obstacle)}`,
    });
  if (input.foreignRules !== undefined) conditions.push(foreignRulesCondition(FOREIGN_RULES, input.foreignRules));
  if (obstacle && !obstacle.stalled && !paused)
    conditions.push({ type: 'Reconciling', status: 'True', ...said(obstacle) });
  if (obstacle?.stalled) conditions.push({ type: 'Stalled', status: 'True', ...said(obstacle) });
  if (paused)
    conditions.push({
      type: 'Paused',
      status: 'True',
      reason: 'Annotated',
      message:
        'annotation paddock.dev/paused: nobody gets the role by this binding; who loses it loses it all the same',
    });
  return conditions;
}

function whenRevoked(obstacle: Obstacle | undefined): string {
  if (obstacle?.reason === REVOCATION_FAILED) return `${obstacle.message}: condition Ready says what refuses it`;
  return 'it happens when the cluster is connected again, before anything else';
}

/**
 * Somebody may have a role still that this binding gave: it is being deleted, or was changed since a cluster confirmed
 * it. Whether a change only added somebody can't be told later, so any counts.
 */
function isRevoking({ metadata, status }: RoleTemplateBinding, pending: readonly string[]): boolean {
  if (pending.length === 0) return false;
  if (metadata.deletionTimestamp || isConditionTrue(status?.conditions, 'RevocationPending')) return true;
  const seen = findCondition(status?.conditions, 'Ready')?.observedGeneration;
  return seen !== undefined && seen !== metadata.generation;
}

const said = ({ reason, message }: Obstacle) => ({ reason, message });

function shown(names: readonly string[]): string {
  const sorted = [...names].sort();
  return sorted.length <= 5 ? sorted.join(', ') : `${sorted.slice(0, 5).join(', ')} and ${sorted.length - 5} others`;
}
