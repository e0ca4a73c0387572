import { type Project, type ProjectStatus, projectNamespace } from '#api';
import {
  byType,
  type Condition,
  type ConditionIntent,
  findCondition,
  isConditionTrue,
  jsonEqual,
  mergeConditions,
} from '#runtime';
import { isHomeless } from '../engagement/project-home.ts';
import {
  countsOf,
  type Facts,
  intentOf,
  type Obstacle,
  PAUSED,
  readyCondition,
  reconciling,
  wantedParts,
} from './status.ts';

/**
 * A project of a cluster that is connected by agent has a status of two writers. The agent writes what it sees in
 * its cluster, while the hub counts it as connected; the hub's operator writes the project's namespace, what has
 * become of a deletion, and why the agent can't do its work. See docs/decisions/0014.
 */

/** Set by the hub's operator on a project that is being deleted: what that means for the cluster. */
const DELETING = 'Deleting';
/** Set by the agent: nothing of a project that is being deleted is left on the cluster. */
const DETACHED = 'Detached';

const AGENT_CONDITIONS = ['Ready', 'QuotaReady', 'SharedReady', 'PolicyReady', 'Reconciling', DETACHED];
const HUB_CONDITIONS = ['Stalled', 'Paused', DELETING];
/** Of the condition Ready, where it is the hub's operator that says why not. */
const HUB_REASONS = [
  'NamespacePending',
  'NamespaceConflict',
  'ClusterNotFound',
  'ClusterDeleting',
  'ClusterNotConnected',
  'WaitingForAgent',
];

/** What an agent is told of a deletion: to remove what the project gave, or to leave it. */
export function deletionTold({ status }: Project): 'clean' | 'letGo' | undefined {
  const told = findCondition(status?.conditions, DELETING);
  if (told?.status !== 'True') return undefined;
  return told.reason === 'Clean' ? 'clean' : 'letGo';
}

/** The agent has confirmed that nothing of a project that is being deleted is left. */
export function isDetached({ status }: Project): boolean {
  return isConditionTrue(status?.conditions, DETACHED);
}

/** The agent has not looked at the project yet, or not since the hub's operator had something to say. */
export function isUnseenByAgent(project: Project): boolean {
  return findCondition(project.status?.conditions, 'Ready') === undefined || isHomeless(project);
}

export interface HubPart {
  readonly project: Project;
  readonly cluster: string;
  /** What keeps the agent from its work. */
  readonly obstacle: Obstacle | undefined;
  /** The project is being deleted, and what it gave is to go. */
  readonly cleaning: boolean;
  readonly paused: boolean;
  readonly now: number;
}

/** What the hub's operator writes of the status; undefined when it is there already. */
export function hubStatusOf({ project, cluster, obstacle, cleaning, paused, now }: HubPart): ProjectStatus | undefined {
  const before = project.status ?? {};
  const own = (before.conditions ?? []).filter(isHubs);
  const intents = paused
    ? [...own.filter(({ type }) => type !== 'Paused').map(intentOf), PAUSED]
    : [...hubReady(obstacle, own), ...stalled(obstacle), ...(cleaning ? [CLEANING] : [])];
  const observedGeneration = paused ? before.observedGeneration : project.metadata.generation;
  // who says how Ready it is says for which generation
  const generation = (conditions: readonly { readonly type: string }[], value: number | undefined) =>
    value !== undefined && conditions.some(({ type }) => type === 'Ready') ? { observedGeneration: value } : {};
  const status: ProjectStatus = {
    ...generation(intents, observedGeneration),
    namespace: projectNamespace(cluster, project.metadata.name ?? ''),
    conditions: merged(own, intents, observedGeneration, now),
  };
  const current = {
    ...generation(own, before.observedGeneration),
    ...(before.namespace === undefined ? {} : { namespace: before.namespace }),
    conditions: byType(own),
  };
  return jsonEqual(status, current) ? undefined : status;
}

export interface AgentPart {
  readonly project: Project;
  readonly facts: Facts;
  /** Nothing of it is left on the cluster. */
  readonly free: boolean;
  readonly now: number;
}

/** What an agent writes of the status; undefined when it is there already. */
export function agentStatusOf({ project, facts, free, now }: AgentPart): ProjectStatus | undefined {
  const before = project.status ?? {};
  const { generation, deletionTimestamp } = project.metadata;
  const parts = wantedParts(facts, before);
  const ready = readyCondition(deletionTimestamp ? DETACHING : undefined, parts, facts.beyond);
  const intents = [ready, ...parts, ...reconciling(facts), ...(deletionTimestamp && free ? [CONFIRMED] : [])];
  const own = (before.conditions ?? []).filter(({ type }) => AGENT_CONDITIONS.includes(type));
  const observed = (value: number | undefined) => (value === undefined ? {} : { observedGeneration: value });
  const status: ProjectStatus = {
    ...observed(generation),
    ...countsOf(facts),
    conditions: merged(own, intents, generation, now),
  };
  const current = {
    ...observed(before.observedGeneration),
    ...(before.namespaces ? { namespaces: before.namespaces } : {}),
    ...(before.shared ? { shared: before.shared } : {}),
    conditions: byType(own),
  };
  return jsonEqual(status, current) ? undefined : status;
}

const CLEANING: ConditionIntent = {
  type: DELETING,
  status: 'True',
  reason: 'Clean',
  message: 'what the project gave is removed by the agent of its cluster',
};
const CONFIRMED: ConditionIntent = {
  type: DETACHED,
  status: 'True',
  reason: 'NothingLeft',
  message: 'nothing of the project is left on the cluster',
};
const DETACHING: Obstacle = { reason: 'Deleting', message: 'namespaces are being detached' };

function isHubs({ type, reason }: Condition): boolean {
  return HUB_CONDITIONS.includes(type) || (type === 'Ready' && HUB_REASONS.includes(reason));
}

/** What the hub's operator said of Ready stands until the agent says otherwise. */
function hubReady(obstacle: Obstacle | undefined, own: readonly Condition[]): ConditionIntent[] {
  return obstacle ? [readyCondition(obstacle, [])] : own.filter(({ type }) => type === 'Ready').map(intentOf);
}

function stalled(obstacle: Obstacle | undefined): ConditionIntent[] {
  if (!obstacle?.stalled) return [];
  return [{ type: 'Stalled', status: 'True', reason: obstacle.reason, message: obstacle.message }];
}

function merged(
  own: readonly Condition[],
  intents: readonly ConditionIntent[],
  generation: number | undefined,
  now: number,
): Condition[] {
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return byType(mergeConditions(own, intents, { now, ...observed }));
}
