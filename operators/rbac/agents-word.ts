import type { ClusterAccess, ClusterAccessStatus, RoleTemplateBinding } from '#api';
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
  printable,
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
/** Set by the agent: the token of a ClusterAccess is handed over, and what it is bound to is there. */
const ISSUED = 'Issued';
/** Set by the agent beside `Issued`: the token is good, and its account may not act as the user for now. */
const BLOCKED = 'Blocked';
/** Set by the hub's operator on what is being deleted: what that means for the cluster. */
const DELETING = 'Deleting';
/** Set by the hub's operator: a RoleTemplate that the binding names, or inherits by it, was deleted by somebody. */
const TEMPLATE_DELETED = 'RoleTemplateDeleted';

/** Set by the hub's operator: the Project of the binding does not exist. */
const PROJECT_ABSENT = 'ProjectAbsent';

/** Reason of `Issued`, where what the token was bound to is not there any more. */
export const ANCHOR_DELETED = 'AnchorDeleted';

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
  readonly projectAbsent: boolean;
}

/** What an agent is told of a ClusterAccess. */
export interface ToldOfAccess {
  readonly deletion: Deletion | undefined;
  /** The Secret that waits for a token. */
  readonly tokenSecret: { readonly uid: string; readonly expirationSeconds: number } | undefined;
  /** uid of the Secret on the cluster that the token in the kubeconfig is bound to, once there is one. */
  readonly boundTo: string | undefined;
}

export function told(binding: RoleTemplateBinding): Told {
  return {
    deletion: deletionTold(binding),
    templateDeleted: isConditionTrue(binding.status?.conditions, TEMPLATE_DELETED),
    projectAbsent: isConditionTrue(binding.status?.conditions, PROJECT_ABSENT),
  };
}

export function toldOfAccess(access: ClusterAccess): ToldOfAccess {
  const { tokenSecret: { uid, expirationSeconds } = {}, kubeconfig } = access.status ?? {};
  const tokenSecret = uid === undefined || expirationSeconds === undefined ? undefined : { uid, expirationSeconds };
  return { deletion: deletionTold(access), tokenSecret, boundTo: kubeconfig?.boundTo };
}

function deletionTold({ metadata, status }: RoleTemplateBinding | ClusterAccess): Deletion | undefined {
  const deleting = findCondition(status?.conditions, DELETING);
  if (!metadata.deletionTimestamp || deleting?.status !== 'True') return undefined;
  return deleting.reason === 'Clean' ? 'clean' : 'letGo';
}

/** What the hub's operator adds to the conditions, for the agent. */
export function toTell({ deletion, templateDeleted, projectAbsent }: Told): ConditionIntent[] {
  const conditions = deletionToTell(deletion);
  if (templateDeleted)
    conditions.push({
      type: TEMPLATE_DELETED,
      status: 'True',
      reason: 'Deleted',
      message: 'a RoleTemplate of this binding was deleted: the agent of the cluster takes back what it allowed',
    });
  if (projectAbsent)
    conditions.push({
      type: PROJECT_ABSENT,
      status: 'True',
      reason: 'NotFound',
      message: 'the Project does not exist: the agent of the cluster takes back the rights on its name',
    });
  return conditions;
}

/** What the hub's operator adds to the conditions of what is being deleted. */
export function deletionToTell(deletion: Deletion | undefined): ConditionIntent[] {
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

/** As long as the reason of a condition may be, with room for a mistake in it. */
const REASON_LENGTH = 256;
/** The agent has taken from everybody what the binding as it is now gives them no more, though something is in its way. */
export function isTakenByAgent(binding: RoleTemplateBinding): boolean {
  const obstacle = binding.metadata.deletionTimestamp ? undefined : agentsObstacle(binding);
  return obstacle !== undefined && KEEPS_NO_REVOCATION.includes(obstacle.reason);
}

/** What the agent says is in the way. */
export function agentsObstacle({ metadata, status }: RoleTemplateBinding): Obstacle | undefined {
  const applied = findCondition(status?.conditions, APPLIED);
  if (applied?.status !== 'False' || applied.observedGeneration !== metadata.generation) return undefined;
  return { reason: printable(applied.reason, REASON_LENGTH), message: printable(applied.message) };
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

/**
 * The agent has confirmed that nothing of a ClusterAccess is left on its cluster: of the access as it is now, or of one
 * whose token has ended by itself.
 */
export function isRevokedByAgent({ metadata, status }: ClusterAccess, { over }: { readonly over: boolean }): boolean {
  const revoked = findCondition(status?.conditions, REVOKED);
  return revoked?.status === 'True' && (over || revoked.observedGeneration === metadata.generation);
}

/** What the agent says of the token of a ClusterAccess; undefined while it says nothing. */
export function issuedByAgent({ status }: ClusterAccess): Condition | undefined {
  const issued = findCondition(status?.conditions, ISSUED);
  return issued && { ...issued, reason: printable(issued.reason, REASON_LENGTH), message: printable(issued.message) };
}

/** Why the account of an access that is issued may not act as its user for now; undefined where it may. */
export function blockedByAgent({ status }: ClusterAccess): Condition | undefined {
  return findCondition(status?.conditions, BLOCKED);
}

/** The token that an agent handed over, by the Secrets that hold and bind it. */
export type HandedOver = Required<NonNullable<ClusterAccessStatus['agent']>>;

export type AccessSeen =
  | 'revoked'
  | {
      readonly issued: boolean;
      readonly reason: string;
      readonly message: string;
      readonly token?: HandedOver;
      readonly blocked?: Pick<Obstacle, 'reason' | 'message'> | undefined;
    };

export interface AgentsAccessStatus {
  readonly agent?: ClusterAccessStatus['agent'];
  readonly conditions: Condition[];
}

/** The agent's part of the status of a ClusterAccess; undefined when it is there already. */
export function agentsAccessStatus(
  access: ClusterAccess,
  seen: AccessSeen,
  now: number,
): AgentsAccessStatus | undefined {
  const intent: ConditionIntent =
    seen === 'revoked'
      ? { type: REVOKED, status: 'True', reason: 'NothingLeft', message: 'its token is refused on the cluster' }
      : { type: ISSUED, status: seen.issued ? 'True' : 'False', reason: seen.reason, message: seen.message };
  const before = access.status?.agent;
  const agent = seen === 'revoked' ? undefined : (seen.token ?? before);
  const blocked = seen === 'revoked' ? undefined : seen.blocked;
  const intents: ConditionIntent[] = blocked ? [{ type: BLOCKED, status: 'True', ...blocked }, intent] : [intent];
  const conditions = saying(access, intents, now);
  if (!conditions && jsonEqual(agent, before)) return undefined;
  return { ...(agent ? { agent } : {}), conditions: conditions ?? (access.status?.conditions ?? []).filter(isAgents) };
}

interface Word extends KubeObject {
  readonly status?: AgentsAccessStatus;
}

/** Applies the agent's part of the status of one of its objects; nothing where that is gone. */
export async function writeWord(
  client: Client,
  type: ResourceType,
  object: KubeObject,
  { signal, ...status }: AgentsAccessStatus & { readonly signal: AbortSignal },
): Promise<void> {
  const intent = { metadata: { ...keyOf(object), uid: object.metadata?.uid ?? '' }, status };
  try {
    await client.applyStatus<Word>(type, intent, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
