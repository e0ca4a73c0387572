import type { Project } from '#api';
import type { ConditionIntent } from '#runtime';
import type { Conflict } from './conflicts.ts';
import type { EngagedProjects } from './engaged.ts';
import { describeConflict, firstOf, isSome, MESSAGE_LENGTH } from './first-of.ts';
import type { Lack } from './quota.ts';

/** How a project's quota stands in its namespaces. */
export interface QuotaFacts {
  readonly namespaces: number;
  readonly lacking: readonly Lack[];
  /** Namespaces that the ledger has no room for. */
  readonly crowdedOut: readonly string[];
  /** Keys of the quota that the cluster does not count. */
  readonly uncounted: readonly string[];
  /** Overrides that can't be read: namespace and problem. */
  readonly unreadable: readonly (readonly [namespace: string, problem: string])[];
  /** Overrides with keys that the quota does not have: namespace and keys. */
  readonly ignored: readonly (readonly [namespace: string, keys: readonly string[]])[];
  /** Namespaces whose ResourceQuota is not yet as it should be. */
  readonly pending: readonly string[];
  /** ResourceQuotas that can't be put where they belong. */
  readonly conflicts: readonly Conflict[];
}

/** What is known of a project's quota on an engaged cluster; undefined without one. */
export function gatherQuota(
  project: Project,
  names: readonly string[],
  engaged: EngagedProjects,
): QuotaFacts | undefined {
  if (!project.spec.resourceQuota) return undefined;
  const { members, conflicts, quotas } = engaged;
  const shares = quotas.of(project);
  const isRight = (namespace: string) => {
    const template = shares?.templates.get(namespace);
    return template !== undefined && members.isRight(template, namespace);
  };
  return {
    namespaces: names.length,
    lacking: shares?.lacking ?? [],
    crowdedOut: shares?.crowdedOut ?? [],
    uncounted: shares?.uncounted ?? [],
    unreadable: [...(shares?.unreadable ?? [])],
    ignored: [...(shares?.ignored ?? [])],
    pending: names.filter(name => !isRight(name)).sort(),
    conflicts: names.flatMap(name => conflicts.of(name).filter(({ kind }) => kind === 'ResourceQuota')),
  };
}

const TYPE = 'QuotaReady';
const NONE: ConditionIntent = { type: TYPE, status: 'True', reason: 'NoQuota', message: 'the project has no quota' };

/** Whether every namespace has its share; of several reasons why not, the one that somebody has to act on first. */
export function quotaCondition(facts: QuotaFacts | undefined): ConditionIntent {
  if (!facts) return NONE;
  const problem = problemOf(facts);
  if (problem) {
    const more = facts.uncounted.length > 0 ? `; ${describeUncounted(facts.uncounted)}` : '';
    return { type: TYPE, status: 'False', ...problem, message: `${problem.message}${more}` };
  }
  if (facts.uncounted.length > 0)
    return { type: TYPE, status: 'False', reason: 'NotCounted', message: describeUncounted(facts.uncounted) };
  const [unknown] = facts.ignored;
  const hint = unknown
    ? `; namespace ${unknown[0]} asks for ${unknown[1].join(', ')}, which spec.resourceQuota does not have`
    : '';
  const message = `all ${facts.namespaces} namespaces have their share${hint}`.slice(0, MESSAGE_LENGTH);
  return { type: TYPE, status: 'True', reason: 'Allocated', message };
}

function problemOf({ conflicts, unreadable, crowdedOut, lacking, pending }: QuotaFacts) {
  const first = <T>(items: readonly T[], reason: string, describe: (item: T) => string) =>
    isSome(items) ? { reason, message: firstOf(items, describe) } : undefined;
  return (
    first(conflicts, conflicts[0]?.reason ?? '', describeConflict) ??
    first(unreadable, 'InvalidOverride', ([namespace, problem]) => describeUnreadable(namespace, problem)) ??
    first(lacking, 'QuotaExceeded', describeLack) ??
    first(
      crowdedOut,
      'TooManyNamespaces',
      namespace => `namespace ${namespace} gets nothing: at most 1,000 namespaces of a project carry a quota`,
    ) ??
    first(pending, 'Applying', namespace => `namespace ${namespace} does not have its ResourceQuota yet`)
  );
}

/** One share that did not fit, for people. */
export function describeLack({ namespace, key, wanted, has, free }: Lack): string {
  const more = wanted.minus(has);
  return `namespace ${namespace} keeps ${has} of ${key} instead of ${wanted}: ${more} more does not fit into the ${free} that spec.resourceQuota.hard has left`;
}

/** Keys that the cluster does not count, for people. */
function describeUncounted(keys: readonly string[]): string {
  const named = keys.slice(0, 20).join(', ');
  const more = keys.length > 20 ? ` and ${keys.length - 20} more` : '';
  return `the cluster does not count ${named}${more}, so nothing is held to it: correct the key in spec.resourceQuota, or install what it is about`.slice(
    0,
    MESSAGE_LENGTH,
  );
}

/** One override that can't be read, for people. */
export function describeUnreadable(namespace: string, problem: string): string {
  return `namespace ${namespace} keeps its share: ${problem}`;
}
