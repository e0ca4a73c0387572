import {
  clusterNamespace,
  isPaused,
  parseClusterNamespace,
  parseProjectNamespace,
  type RoleTemplateBinding,
  SYSTEM_NAMESPACE,
} from '#api';
import { hasFinalizer } from '#runtime';
import type { Subject } from '../engagement/rbac-kinds.ts';
import { FINALIZER } from './deletion.ts';
import { merged, subjectKey } from './subjects.ts';

/** Where a binding gives its role: a whole cluster, or a project of one. */
export interface Place {
  readonly cluster: string;
  readonly project?: string;
}

/**
 * The place that a binding's scope names, if the binding lives where it may; undefined for a global one. A policy
 * refuses others, but one that was made while the policy was not there must not reach further than its namespace.
 */
export function placeOf({ metadata, spec }: RoleTemplateBinding): Place | undefined {
  const { namespace = '' } = metadata;
  const { cluster, project } = spec.scope;
  if (cluster) return namespace === clusterNamespace(cluster.name) ? { cluster: cluster.name } : undefined;
  if (!project) return undefined;
  const home = parseProjectNamespace(namespace);
  const fits =
    parseClusterNamespace(namespace) === project.cluster ||
    (home?.cluster === project.cluster && home.project === project.name);
  return fits ? { cluster: project.cluster, project: project.name } : undefined;
}

/** The clusters that a binding is for are found by a selector. */
export function isGlobal({ metadata, spec }: RoleTemplateBinding): boolean {
  return spec.scope.global !== undefined && metadata.namespace === SYSTEM_NAMESPACE;
}

/** What a binding means for those it names. */
export type Standing =
  /** They have the role. */
  | 'granted'
  /** Who has it keeps it, nobody gets it: the binding is new or paused, or it is not known what it says. */
  | 'kept'
  /** They do not have it by this binding. */
  | 'none';

export interface StandingFacts {
  /** What the binding gives can be told: its RoleTemplate and its Project are there and fit. */
  readonly known: boolean;
  /** The binding is deleted because somebody deleted it, which was read from the server. */
  readonly revoked: boolean;
}

/**
 * Given is only what the finalizer takes back; a binding made anew under its name, which lacks it for a moment, lets
 * people keep what they have. Pausing delays no revocation.
 */
export function standingOf(binding: RoleTemplateBinding, { known, revoked }: StandingFacts): Standing {
  if (!hasFinalizer(binding, FINALIZER)) return binding.metadata.deletionTimestamp ? 'none' : 'kept';
  if (binding.metadata.deletionTimestamp) return revoked ? 'none' : 'kept';
  return known && !isPaused(binding.metadata) ? 'granted' : 'kept';
}

/** Who has a role in one place, by all bindings that give it there. */
export interface Share {
  /** Sorted, each once. */
  readonly granted: readonly Subject[];
  /** Who has the role keeps it. */
  readonly kept: ReadonlySet<string>;
}

export const NO_SHARE: Share = { granted: [], kept: new Set() };

export function shareOf(
  bindings: readonly RoleTemplateBinding[],
  standing: (binding: RoleTemplateBinding) => Standing,
) {
  const subjects: Record<Standing, RoleTemplateBinding['spec']['subjects']> = { granted: [], kept: [], none: [] };
  for (const binding of bindings) subjects[standing(binding)].push(...binding.spec.subjects);
  return { granted: merged(subjects.granted), kept: new Set(subjects.kept.map(subjectKey)) } satisfies Share;
}

/** Who should have the role, where these have it now. */
export function holders({ granted, kept }: Share, present: readonly Subject[]): Subject[] {
  if (kept.size === 0) return [...granted];
  return merged([...granted, ...present.filter(subject => kept.has(subjectKey(subject)))]);
}

/** Of those who have the role now the ones who may keep it; nobody is added. */
export function remaining({ granted, kept }: Share, present: readonly Subject[]): Subject[] {
  const named = new Set([...kept, ...granted.map(subjectKey)]);
  return merged(present.filter(subject => named.has(subjectKey(subject))));
}
