import { type Cluster as ClusterObject, parseProjectNamespace, type RoleTemplateBinding } from '#api';
import { findCondition, isConditionTrue } from '#runtime';
import { isByAgent } from '../engagement/agent.ts';
import { agentsForeignRules, agentsObstacle, isConfirmedByAgent, isTakenByAgent } from './agents-word.ts';
import type { BindingScope } from './binding.ts';
import type { Obstacle } from './binding-status.ts';
import { obstacleOfConflicts } from './conflicts.ts';
import type { EngagedAccess } from './engaged.ts';
import type { Place } from './grants.ts';
import { POLICIES_NOT_INSTALLED } from './guards.ts';

/** How a binding stands on its cluster, as far as that is known in the hub. */
export interface Side {
  /** Nobody has anything there beyond what the binding asks for; without an obstacle all of that is in force. */
  readonly confirmed: boolean;
  /** What is in its way. */
  readonly obstacle: Obstacle | undefined;
  /** What the cluster refuses, so that the binding waits. */
  readonly refused: Obstacle | undefined;
  /** ClusterRoles there that claim to be part of the role. */
  readonly foreignRules?: string | undefined;
}

/** By the hub's own work on the cluster, or by the word of the cluster's agent. */
export function sideOf(scope: BindingScope, binding: RoleTemplateBinding, place: Place): Side {
  const object = scope.clusters.get({ name: place.cluster });
  if (!object) return { confirmed: false, obstacle: noCluster(place.cluster), refused: undefined };
  if (isByAgent(object)) return agentsSide(scope, object, binding, place);
  const engaged = scope.engagements.get(place.cluster);
  if (!engaged) return { confirmed: false, obstacle: notConnected(object), refused: undefined };
  return engagedSide(engaged, binding, place);
}

/** By the operator that works on the cluster. */
export function engagedSide(engaged: EngagedAccess, binding: RoleTemplateBinding, place: Place): Side {
  const role = binding.spec.roleTemplateName;
  const done = engaged.isDone(place, role) && engaged.people.isDone(binding);
  // before that it may be of a moment ago
  const conflicting = done ? obstacleOfConflicts(engaged.conflicts(place, role)) : undefined;
  const withheld = binding.metadata.deletionTimestamp ? undefined : engaged.withheld(binding);
  // said once all is done that may be: what was to be taken has been taken
  const why = done ? withheld?.obstacle : undefined;
  // who is to lose a role waits for nothing
  const exposed = binding.metadata.deletionTimestamp ? undefined : engaged.exposed(place);
  return {
    confirmed: done && !exposed && (!withheld || why !== undefined),
    obstacle: conflicting ?? why,
    refused: engaged.refused(place, role) ?? exposed ?? engaged.people.refused(binding),
    foreignRules: engaged.foreignRules(role),
  };
}

function agentsSide(scope: BindingScope, object: ClusterObject, binding: RoleTemplateBinding, place: Place): Side {
  const offline = notConnected(object);
  const obstacle = agentsObstacle(binding);
  const isWithheld = obstacle?.reason === POLICIES_NOT_INSTALLED;
  const ended = binding.metadata.deletionTimestamp !== undefined; // what was taken back is not given again
  const confirmed = (ended || !offline) && (isConfirmedByAgent(binding) || isTakenByAgent(binding));
  return {
    confirmed: confirmed || (!offline && isWithheld) || isLostWithProject(scope, binding, place),
    obstacle: offline ?? obstacle,
    refused: undefined,
    foreignRules: agentsForeignRules(binding),
  };
}

/**
 * A binding in the namespace of a project that is gone. The agent reads there no more, and says of no Project that
 * nothing is left of it before that is so; what no binding explains it takes back.
 */
function isLostWithProject({ says }: BindingScope, { metadata }: RoleTemplateBinding, place: Place): boolean {
  const home = parseProjectNamespace(metadata.namespace ?? '');
  return metadata.deletionTimestamp !== undefined && home !== undefined && !says.hasProject(place);
}

function noCluster(cluster: string): Obstacle {
  return {
    reason: 'ClusterNotFound',
    message: `Cluster ${cluster} does not exist: create it, or delete this binding`,
  };
}

/** Undefined of one that is about to be engaged. */
function notConnected({ metadata, status }: ClusterObject): Obstacle | undefined {
  const { conditions } = status ?? {};
  if (isConditionTrue(conditions, 'Connected') && !isConditionTrue(conditions, 'Stalled')) return undefined;
  const why = findCondition(conditions, 'Connected')?.message;
  const message = `cluster ${metadata.name} is not connected${why === undefined ? '' : `: ${why}`}`;
  return { reason: 'ClusterNotConnected', message };
}
