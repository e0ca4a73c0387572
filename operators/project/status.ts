import { type Project, type ProjectStatus, projectNamespace } from '#api';
import { type ConditionIntent, findCondition, jsonEqual, mergeConditions } from '#runtime';
import { memberSecurity } from '../engagement/own-pod-security.ts';
import { namespaceLimitOf } from '../membership/namespace-limit.ts';
import type { Conflict } from './conflicts.ts';
import type { EngagedProjects } from './engaged.ts';
import { describeConflict, firstOf, isSome } from './first-of.ts';
import { isPolicyKind, isSharedKind, type SharedKind } from './kinds.ts';
import { labelsAreRight, wantedBy, withAnnotations } from './labels.ts';
import type { Plan } from './plans.ts';
import { gatherQuota, type QuotaFacts, quotaCondition } from './quota-facts.ts';
import { joinedNote } from './taking-along.ts';

const NAMES_SHOWN = 100;
/** Namespaces that a message names at most. */
const NAMES_IN_MESSAGE = 20;
/** Conflicts that a status names at most. */
export const CONFLICTS_SHOWN = 20;

/** What the downstream shows of a project; counts cover everything, whatever the status names. */
export interface Facts {
  readonly names: readonly string[];
  readonly objects: number;
  readonly copies: number;
  readonly pending: number;
  /** Of shared objects. */
  readonly conflicts: readonly SharedConflict[];
  /** Namespaces beyond the project's limit, sorted, and that limit. */
  readonly beyond: { readonly names: readonly string[]; readonly limit: number };
  /** Undefined without a quota. */
  readonly quota: QuotaFacts | undefined;
  /** Limits and isolation that can't be put where they belong. */
  readonly policyConflicts: readonly Conflict[];
  /** Namespaces whose labels, annotations, limits or isolation are not yet as the project wants them. */
  readonly unruled: readonly string[];
}

type SharedConflict = Conflict & { readonly kind: SharedKind };

/** Counts what a project has on an engaged cluster. O(members × shared objects). */
export function gatherFacts(plan: Plan, engaged: EngagedProjects): Facts {
  const { project, templates, selected, policies, refusals } = plan;
  const cluster = engaged.cluster.name;
  const home = projectNamespace(cluster, project.metadata.name ?? '');
  const namespaces = engaged.members.of(project.metadata.name ?? '');
  const conflicts: SharedConflict[] = refusals.map(refusal => ({ ...refusal, namespace: home }));
  const policyConflicts: Conflict[] = [];
  const unruled: string[] = [];
  const wanted = wantedBy(project.spec);
  const { uid = '' } = project.metadata;
  const beyond = engaged.limits.beyond(project.metadata.name ?? '');
  let copies = 0;
  let pending = 0;
  for (const namespace of namespaces) {
    const name = namespace.metadata?.name ?? '';
    const blocked = engaged.conflicts.of(name);
    conflicts.push(...blocked.filter(isShared));
    policyConflicts.push(...blocked.filter(({ kind }) => isPolicyKind(kind)));
    const isRuled = policies.every(policy => engaged.members.isRight(policy, name));
    const isSecure = memberSecurity(namespace, { uid, spec: project.spec }) === undefined;
    const labels = withAnnotations(wanted, joinedNote(project, namespace));
    if (!isRuled || !isSecure || !labelsAreRight(namespace, labels)) unruled.push(name);
    if (beyond.has(name)) continue;
    for (const template of selected.by(namespace.metadata?.labels)) {
      if (engaged.members.isRight(template, name)) copies += 1;
      else if (!blocked.some(conflict => conflict.kind === template.kind && conflict.name === template.name))
        pending += 1;
    }
  }
  const names = namespaces.map(namespace => namespace.metadata?.name ?? '').sort();
  return {
    names,
    beyond: { names: [...beyond].sort(), limit: namespaceLimitOf(project) },
    quota: gatherQuota(project, names, engaged),
    objects: templates.length + refusals.length,
    copies,
    pending,
    conflicts: conflicts.sort(byName),
    policyConflicts: policyConflicts.sort(byName),
    unruled: unruled.sort(),
  };
}

/** Why a project is not ready for a reason of its own, not of its shared objects. */
export interface Obstacle {
  readonly reason: string;
  readonly message: string;
  /** Retrying is pointless until something changes. */
  readonly stalled?: boolean;
}

export interface StatusInput {
  readonly project: Project;
  readonly cluster: string;
  /** Undefined while the cluster is not engaged: what was known stays. */
  readonly facts: Facts | undefined;
  readonly obstacle: Obstacle | undefined;
  readonly paused: boolean;
  readonly now: number;
}

/** The status to write; undefined when it is there already. */
export function statusOf(input: StatusInput): ProjectStatus | undefined {
  const { project, cluster, facts, now } = input;
  const before = project.status ?? {};
  const observedGeneration = input.paused ? before.observedGeneration : project.metadata.generation;
  const conditions = mergeConditions(before.conditions, wantedConditions(input), {
    now,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  });
  const status: ProjectStatus = {
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    namespace: projectNamespace(cluster, project.metadata.name ?? ''),
    ...(facts ? countsOf(facts) : pick(before, 'namespaces', 'shared')),
    conditions,
  };
  // the ledger has a writer of its own, in front of ResourceQuotas
  const { quota: _ledger, ...rest } = before;
  return jsonEqual(status, rest) ? undefined : status;
}

/** The counts of a status, and the names that it has room for. */
export function countsOf({
  names,
  objects,
  copies,
  pending,
  conflicts,
}: Facts): Pick<ProjectStatus, 'namespaces' | 'shared'> {
  return {
    namespaces: { total: names.length, names: names.slice(0, NAMES_SHOWN) },
    shared: {
      objects,
      copies,
      pending,
      conflicts: conflicts
        .slice(0, CONFLICTS_SHOWN)
        .map(({ namespace, kind, name, reason }) => ({ namespace, kind, name, reason })),
    },
  };
}

function wantedConditions({ project, facts, obstacle, paused }: StatusInput): ConditionIntent[] {
  const before = project.status ?? {};
  if (paused) {
    const kept = (before.conditions ?? []).filter(({ type }) => type !== 'Paused');
    return [...kept.map(intentOf), PAUSED];
  }
  const parts = wantedParts(facts, before);
  return [readyCondition(obstacle, parts, facts?.beyond), ...parts, ...progress(obstacle, facts)];
}

export const PAUSED: ConditionIntent = {
  type: 'Paused',
  status: 'True',
  reason: 'Annotated',
  message: 'nothing is changed until the annotation paddock.dev/paused is removed',
};

/** The conditions that Ready is made of; as they stand while the cluster can't be looked at. */
export function wantedParts(facts: Facts | undefined, { conditions = [] }: ProjectStatus): ConditionIntent[] {
  if (facts) return [quotaCondition(facts.quota), sharedCondition(facts), policyCondition(facts)];
  return ['QuotaReady', 'SharedReady', 'PolicyReady'].flatMap(type => {
    const before = findCondition(conditions, type);
    return before ? [intentOf(before)] : [];
  });
}

export function readyCondition(
  obstacle: Obstacle | undefined,
  parts: readonly ConditionIntent[],
  beyond?: Facts['beyond'],
): ConditionIntent {
  if (obstacle) return { type: 'Ready', status: 'False', reason: obstacle.reason, message: obstacle.message };
  const failing = parts.find(({ status }) => status !== 'True');
  if (failing) return { ...failing, type: 'Ready' };
  if (beyond && beyond.names.length > 0)
    return { type: 'Ready', status: 'False', reason: 'NamespaceLimitExceeded', message: describeBeyond(beyond) };
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Reconciled',
    message: 'everything that the project gives is in place',
  };
}

/** What namespaces beyond the limit lack, for people. */
function describeBeyond({ names, limit }: Facts['beyond']): string {
  const shown = names.slice(0, NAMES_IN_MESSAGE).join(', ');
  const more = names.length > NAMES_IN_MESSAGE ? ` and ${names.length - NAMES_IN_MESSAGE} more` : '';
  return `the project serves ${limit} namespaces; those beyond get no rights, no copies and no quota: ${shown}${more}. Delete namespaces, or raise spec.namespaceLimit`;
}

/** Reconciling and Stalled are there only while they are true (kstatus). */
function progress(obstacle: Obstacle | undefined, facts: Facts | undefined): ConditionIntent[] {
  if (obstacle?.stalled)
    return [{ type: 'Stalled', status: 'True', reason: obstacle.reason, message: obstacle.message }];
  return facts ? reconciling(facts) : [];
}

export function reconciling({ pending }: Facts): ConditionIntent[] {
  if (pending === 0) return [];
  const message = `${pending} copies are still to be written`;
  return [{ type: 'Reconciling', status: 'True', reason: 'Copying', message }];
}

function sharedCondition({ conflicts, copies, pending }: Facts): ConditionIntent {
  const type = 'SharedReady';
  if (isSome(conflicts)) {
    const message = firstOf(conflicts, describeConflict, ', see status.shared.conflicts');
    return { type, status: 'False', reason: conflicts[0].reason, message };
  }
  if (pending > 0)
    return { type, status: 'False', reason: 'Copying', message: `${pending} copies are still to be written` };
  return { type, status: 'True', reason: 'InSync', message: `all ${copies} copies are as their sources` };
}

function policyCondition({ unruled, policyConflicts }: Facts): ConditionIntent {
  const type = 'PolicyReady';
  if (isSome(policyConflicts)) {
    const message = firstOf(policyConflicts, describeConflict);
    return { type, status: 'False', reason: policyConflicts[0].reason, message };
  }
  if (unruled.length > 0) {
    const message = `namespaces without their labels, annotations, limits or isolation: ${unruled.slice(0, 5).join(', ')}`;
    return { type, status: 'False', reason: 'Applying', message };
  }
  const message = 'labels, annotations, limits and isolation are on every namespace';
  return { type, status: 'True', reason: 'Applied', message };
}

/** A condition as it stands, to be written again. */
export function intentOf({ type, status, reason, message }: ConditionIntent): ConditionIntent {
  return { type, status, reason, message };
}

function pick<K extends keyof ProjectStatus>(status: ProjectStatus, ...names: K[]): Partial<Pick<ProjectStatus, K>> {
  const picked: Partial<Pick<ProjectStatus, K>> = {};
  for (const name of names) if (status[name] !== undefined) picked[name] = status[name];
  return picked;
}

function isShared(conflict: Conflict): conflict is SharedConflict {
  return isSharedKind(conflict.kind);
}

function byName(a: Conflict, b: Conflict): number {
  const left = `${a.namespace} ${a.kind} ${a.name}`;
  const right = `${b.namespace} ${b.kind} ${b.name}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
