import type { ClusterAccess, RoleTemplateBinding } from '#api';
import {
  byType,
  type Client,
  type Condition,
  type ConditionIntent,
  findCondition,
  isConditionTrue,
  isNotFound,
  jsonEqual,
  type KubeObject,
  keyOf,
  mergeConditions,
  type ResourceType,
} from '#runtime';
import type { Obstacle } from './binding-status.ts';
import { KEEPS_NO_REVOCATION } from './conflicts.ts';
import { foreignRulesCondition } from './foreign-rules.ts';

/**
 * The status of a binding, or of a ClusterAccess, on a cluster that is connected by agent has two writers. The hub's
 * operator says how all of it stands, and tells the agent what only the hub can know; the agent says what is in force on
 * its cluster. See docs/decisions/0020.
 */

/** Set by the agent: what the binding asks for is in force on its cluster, in the generation that it names. */
const APPLIED = 'Applied';
/** Set by the agent: nobody has anything by it any more; it is being deleted, or over. */
const REVOKED = 'Revoked';
/** Set by the agent: the Secret of a ClusterAccess is written. */
const ISSUED = 'Issued';
/** Set by the agent beside `Issued`: the token is good, and its account may not act as the user for now. */
const BLOCKED = 'Blocked';
/** Set by the hub's operator on what is being deleted: what that means for the cluster. */
const DELETING = 'Deleting';
/** Set by the hub's operator: a RoleTemplate that the binding names, or inherits by it, was deleted by somebody. */
const TEMPLATE_DELETED = 'RoleTemplateDeleted';

/** Set by the hub's operator on a ClusterAccess: who may read its Secret may do so, and it is to be written. */
const PREPARED = 'Prepared';

/** Reason of `Issued`, where what the token was bound to is not there any more. */
export const ANCHOR_DELETED = 'AnchorDeleted';

/** Reason of `Issued`, where a Secret of that name was there: one of before the agent was started, or somebody's. */
const SECRET_EXISTS = 'SecretExists';

/** Set by the agent beside `Applied`: ClusterRoles on its cluster claim to be part of the role. */
const FOREIGN_RULES_SEEN = 'ForeignRulesSeen';

const AGENTS = [APPLIED, REVOKED, ISSUED, BLOCKED, FOREIGN_RULES_SEEN];

const isAgents = ({ type }: Condition): boolean => AGENTS.includes(type);

/** The conditions that are the hub's, by their types. */
export function hubsConditions(conditions: readonly Condition[] = []): Condition[] {
  return byType(conditions.filter(condition => !isAgents(condition)));
}

/** The agent's conditions once it has said this, too; undefined when it has. */
function saying(
  { metadata, status }: RoleTemplateBinding | ClusterAccess,
  intents: readonly ConditionIntent[],
  now: number,
) {
  const before = (status?.conditions ?? []).filter(isAgents);
  const conditions = mergeConditions(before, intents, { now, observedGeneration: metadata.generation ?? 0 });
  return jsonEqual(conditions, before) ? undefined : conditions;
}

/** What a deletion means for the cluster: that people lose what they had, or that they keep it. */
export type Deletion = 'clean' | 'letGo';

/** What the agent is told. */
export interface Told {
  readonly deletion: Deletion | undefined;
  readonly templateDeleted: boolean;
}

/** What an agent is told of a ClusterAccess. */
export interface ToldOfAccess {
  readonly deletion: Deletion | undefined;
  readonly prepared: boolean;
  /**
   * The last of the agent's attempts after which the Secret was taken away that it found in place of its own. What is
   * there after that is the agent's next, and nobody's to take away before it has said so.
   */
  readonly cleared: number;
}

export function told(binding: RoleTemplateBinding): Told {
  return {
    deletion: deletionTold(binding),
    templateDeleted: isConditionTrue(binding.status?.conditions, TEMPLATE_DELETED),
  };
}

export function toldOfAccess(access: ClusterAccess): ToldOfAccess {
  const { conditions } = access.status ?? {};
  const cleared = attemptIn(findCondition(conditions, PREPARED));
  return { deletion: deletionTold(access), prepared: isConditionTrue(conditions, PREPARED), cleared };
}

function deletionTold({ metadata, status }: RoleTemplateBinding | ClusterAccess): Deletion | undefined {
  const deleting = findCondition(status?.conditions, DELETING);
  if (!metadata.deletionTimestamp || deleting?.status !== 'True') return undefined;
  return deleting.reason === 'Clean' ? 'clean' : 'letGo';
}

/** What the hub's operator adds to the conditions, for the agent. */
export function toTell({ deletion, templateDeleted }: Told): ConditionIntent[] {
  const conditions = deletionToTell(deletion);
  if (templateDeleted)
    conditions.push({
      type: TEMPLATE_DELETED,
      status: 'True',
      reason: 'Deleted',
      message: 'a RoleTemplate of this binding was deleted: the agent of the cluster takes back what it allowed',
    });
  return conditions;
}

/** As {@link toTell}, of a ClusterAccess. */
export function accessToTell({ deletion, prepared, cleared }: ToldOfAccess): ConditionIntent[] {
  const conditions = deletionToTell(deletion);
  if (!prepared && cleared === 0) return conditions;
  const before = cleared === 0 ? '' : `the Secret that was in its place was taken away (${attempt(cleared)}): `;
  const said = prepared
    ? { reason: 'MayBeIssued', message: 'the agent of the cluster asks for the token and writes the Secret' }
    : { reason: 'NotNow', message: 'the agent of the cluster waits' };
  const status = prepared ? 'True' : 'False';
  conditions.push({ type: PREPARED, status, reason: said.reason, message: `${before}${said.message}` });
  return conditions;
}

/** The conditions of both sides count the attempts of an agent in their messages. */
const attempt = (number: number): string => `attempt ${number}`;

function attemptIn(condition: Condition | undefined): number {
  return Number(/\battempt (\d+)\b/.exec(condition?.message ?? '')?.[1] ?? 0);
}

/** How often the agent has found a Secret in place of the one that it was about to write. */
export function attemptsBy({ status }: ClusterAccess): number {
  const issued = findCondition(status?.conditions, ISSUED);
  return issued?.reason === SECRET_EXISTS ? attemptIn(issued) : 0;
}

/** What an agent says that has found a Secret there once more. */
export function secretExists(access: ClusterAccess): AccessSeen {
  const message = `its Secret is there already (${attempt(toldOfAccess(access).cleared + 1)}): the hub tells whose it is`;
  return { issued: false, reason: SECRET_EXISTS, message };
}

function deletionToTell(deletion: Deletion | undefined): ConditionIntent[] {
  if (deletion === undefined) return [];
  const said =
    deletion === 'clean'
      ? { reason: 'Clean', message: 'the agent of the cluster takes back what this gave' }
      : { reason: 'LetGo', message: 'the API is being uninstalled: what this gave stays on the cluster' };
  return [{ type: DELETING, status: 'True', ...said }];
}

/** Whether the agent has confirmed the binding as it is now, or its end. */
export function isConfirmedByAgent({ metadata, status }: RoleTemplateBinding): boolean {
  const condition = findCondition(status?.conditions, metadata.deletionTimestamp ? REVOKED : APPLIED);
  return condition?.status === 'True' && condition.observedGeneration === metadata.generation;
}

/** The agent has taken from everybody what the binding as it is now gives them no more, though something is in its way. */
export function isTakenByAgent(binding: RoleTemplateBinding): boolean {
  const obstacle = binding.metadata.deletionTimestamp ? undefined : agentsObstacle(binding);
  return obstacle !== undefined && KEEPS_NO_REVOCATION.includes(obstacle.reason);
}

/** What the agent says is in the way. */
export function agentsObstacle({ metadata, status }: RoleTemplateBinding): Obstacle | undefined {
  const applied = findCondition(status?.conditions, APPLIED);
  if (applied?.status !== 'False' || applied.observedGeneration !== metadata.generation) return undefined;
  return { reason: applied.reason, message: applied.message };
}

/** ClusterRoles on the agent’s cluster that claim to be part of the role. */
export function agentsForeignRules({ status }: RoleTemplateBinding): string | undefined {
  return findCondition(status?.conditions, FOREIGN_RULES_SEEN)?.message;
}

export interface Seen {
  readonly cluster: string;
  /** All of it is in force, or nothing any more. */
  readonly done: boolean;
  readonly obstacle: Obstacle | undefined;
  readonly foreignRules?: string | undefined;
  readonly now: number;
}

/** The conditions that the agent writes; undefined when they are there already, or nothing can be said now. */
export function agentsConditions(
  binding: RoleTemplateBinding,
  { cluster, done, obstacle, foreignRules, now }: Seen,
): Condition[] | undefined {
  const gone = binding.metadata.deletionTimestamp !== undefined;
  if (!obstacle && !done) return undefined;
  const stands = !(gone && done); // whatever is in the way of others, nobody has anything by it
  const intent: ConditionIntent =
    obstacle && stands
      ? { type: APPLIED, status: 'False', reason: obstacle.reason, message: obstacle.message }
      : gone
        ? {
            type: REVOKED,
            status: 'True',
            reason: 'NothingLeft',
            message: `nobody has anything by it in cluster ${cluster}`,
          }
        : { type: APPLIED, status: 'True', reason: 'InForce', message: `in force in cluster ${cluster}` };
  if (foreignRules === undefined || gone) return saying(binding, [intent], now);
  return saying(binding, [intent, foreignRulesCondition(FOREIGN_RULES_SEEN, foreignRules)], now);
}

/** The agent has confirmed that nothing of a ClusterAccess is left on its cluster. */
export function isRevokedByAgent({ status }: ClusterAccess): boolean {
  return isConditionTrue(status?.conditions, REVOKED);
}

/** What the agent says of the Secret of a ClusterAccess; undefined while it says nothing. */
export function issuedByAgent({ status }: ClusterAccess): Condition | undefined {
  return findCondition(status?.conditions, ISSUED);
}

/** Why the account of an access that is issued may not act as its user for now; undefined where it may. */
export function blockedByAgent({ status }: ClusterAccess): Condition | undefined {
  return findCondition(status?.conditions, BLOCKED);
}

export interface IssueSeen {
  readonly issued: boolean;
  readonly reason: string;
  readonly message: string;
  /** What keeps the account of one that is issued from acting as its user. */
  readonly blocked?: { readonly reason: string; readonly message: string } | undefined;
}

export type AccessSeen = 'revoked' | IssueSeen;

/** The conditions that the agent writes of a ClusterAccess; undefined when they are there already. */
export function agentsAccessConditions(access: ClusterAccess, seen: AccessSeen, now: number): Condition[] | undefined {
  const intent: ConditionIntent =
    seen === 'revoked'
      ? { type: REVOKED, status: 'True', reason: 'NothingLeft', message: 'its token is refused on the cluster' }
      : { type: ISSUED, status: seen.issued ? 'True' : 'False', reason: seen.reason, message: seen.message };
  const blocked = seen === 'revoked' ? undefined : seen.blocked;
  return saying(access, blocked ? [{ type: BLOCKED, status: 'True', ...blocked }, intent] : [intent], now);
}

interface Word extends KubeObject {
  readonly status?: { readonly conditions: Condition[] };
}

/** Applies the agent's conditions to one of its objects; nothing where that is gone. */
export async function writeWord(
  client: Client,
  type: ResourceType,
  object: KubeObject,
  { conditions, signal }: { readonly conditions: Condition[]; readonly signal: AbortSignal },
): Promise<void> {
  const intent = { metadata: { ...keyOf(object), uid: object.metadata?.uid ?? '' }, status: { conditions } };
  try {
    await client.applyStatus<Word>(type, intent, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
