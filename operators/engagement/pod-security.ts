import type { ProjectSpec } from '#api';
import type { KubeObject } from '#runtime';

const PREFIX = 'pod-security.kubernetes.io/';
/** From the least strict; each includes those before it. Source: KEP-2579, Pod Security Admission. */
const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
const VERSION = /^(?:latest|v1\.(0|[1-9][0-9]{0,5}))$/;

export const MODES = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof MODES)[number];
export type Level = (typeof LEVELS)[number];

/** A level of the Pod Security Standards and the version of Kubernetes that defines it; without one the latest does. */
export interface LevelVersion {
  readonly level: Level;
  readonly version?: string;
}

/** What a namespace, or a Project, asks of Pods, by mode. A mode without a level is left to the cluster's default. */
export type SecurityPolicy = Readonly<Partial<Record<Mode, LevelVersion>>>;

type Labels = Readonly<Record<string, string>>;

export const levelLabel = (mode: Mode) => `${PREFIX}${mode}`;
export const versionLabel = (mode: Mode) => `${PREFIX}${mode}-version`;

export function isLevel(text: unknown): text is Level {
  return LEVELS.some(level => level === text);
}

/** `latest`, or a minor version as `v1.34`. */
export function isVersion(text: unknown): text is string {
  return typeof text === 'string' && VERSION.test(text);
}

/** Builds a policy mode by mode. */
export function policyBy(levelOf: (mode: Mode) => LevelVersion | undefined): SecurityPolicy {
  const policy: Partial<Record<Mode, LevelVersion>> = {};
  for (const mode of MODES) {
    const level = levelOf(mode);
    if (level) policy[mode] = level;
  }
  return policy;
}

/**
 * The policy that labels mean to Kubernetes. It admits Pods by an invalid level of `enforce` as by `restricted`, by one of
 * `audit` and `warn` as by none, and takes an invalid version for the latest (PolicyToEvaluate of k8s.io/pod-security-admission).
 * A version without a level is no policy of its own.
 */
export function policyOfLabels(labels: Labels = {}): SecurityPolicy {
  return policyBy(mode => {
    const text = labels[levelLabel(mode)];
    if (text === undefined) return undefined;
    const level = isLevel(text) ? text : mode === 'enforce' ? 'restricted' : undefined;
    if (level === undefined) return undefined;
    const version = labels[versionLabel(mode)];
    return version === undefined ? { level } : { level, version: isVersion(version) ? version : 'latest' };
  });
}

/** The policy that a Project asks for. */
export function policyOfSpec({ podSecurity = {} }: ProjectSpec): SecurityPolicy {
  const { version } = podSecurity;
  return policyBy(mode => {
    const level = podSecurity[mode];
    return level === undefined ? undefined : { level, ...(version === undefined ? {} : { version }) };
  });
}

/**
 * Positive where `a` is stricter. Levels come first; of one level the later version is taken for the stricter one, and
 * the latest for the strictest, since the standards mostly grow.
 */
export function compareLevels(a: LevelVersion | undefined, b: LevelVersion | undefined): number {
  const byLevel = rank(a) - rank(b);
  if (byLevel !== 0 || !a || !b) return byLevel;
  const [left, right] = [minor(a), minor(b)];
  return left === right ? 0 : left > right ? 1 : -1;
}

function rank(of: LevelVersion | undefined): number {
  return of ? LEVELS.indexOf(of.level) : -1;
}

function minor({ version = 'latest' }: LevelVersion): number {
  return Number(VERSION.exec(version)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** The strictest of each mode; of equal ones the first. */
export function strictest(...policies: readonly SecurityPolicy[]): SecurityPolicy {
  return policyBy(mode =>
    policies
      .map(policy => policy[mode])
      .reduce((best, next) => (compareLevels(next, best) > 0 ? next : best), undefined),
  );
}

/**
 * The policy of a member: by mode the stricter level of its own and its Project's, with its version; where the levels are
 * equal, with the Project's version if it names one.
 */
export function policyInForce(own: SecurityPolicy, project: SecurityPolicy): SecurityPolicy {
  return policyBy(mode => {
    const [mine, theirs] = [own[mode], project[mode]];
    const difference = rank(mine) - rank(theirs);
    if (!theirs || difference > 0) return mine;
    if (difference === 0 && theirs.version === undefined) return mine;
    return { version: 'latest', ...theirs };
  });
}

/** The labels of pod security that a namespace has, valid or not. */
export function podSecurityOf({ metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata?.labels ?? {}).filter(([label]) => label.startsWith(PREFIX)));
}

/** Whether a namespace is at least as strict as its Project asks for. */
export function hasPodSecurity({ metadata }: KubeObject, spec: ProjectSpec): boolean {
  const [actual, wanted] = [policyOfLabels(metadata?.labels), policyOfSpec(spec)];
  return MODES.every(mode => {
    const [has, asked] = [actual[mode], wanted[mode]];
    const difference = rank(has) - rank(asked);
    if (difference !== 0 || !has || !asked) return difference >= 0;
    return asked.version === undefined || asked.version === (has.version ?? 'latest');
  });
}
