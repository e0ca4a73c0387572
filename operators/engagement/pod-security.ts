import type { ProjectSpec } from '#api';
import type { KubeObject } from '#runtime';

const PREFIX = 'pod-security.kubernetes.io/';

/** The labels by which Kubernetes admits Pods to a namespace. Source: KEP-2579, Pod Security Admission. */
export function podSecurityLabels({ podSecurity = {} }: ProjectSpec): Record<string, string> {
  const { version = 'latest', ...levels } = podSecurity;
  const labels: Record<string, string> = {};
  for (const [mode, level] of Object.entries(levels)) {
    if (level === undefined) continue;
    labels[`${PREFIX}${mode}`] = level;
    labels[`${PREFIX}${mode}-version`] = version;
  }
  return labels;
}

/** The labels of pod security that a namespace has. */
export function podSecurityOf({ metadata }: KubeObject): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata?.labels ?? {}).filter(([label]) => label.startsWith(PREFIX)));
}

const LEVELS = ['privileged', 'baseline', 'restricted'];
const ENFORCE = `${PREFIX}enforce`;
const ENFORCE_VERSION = `${PREFIX}enforce-version`;

/**
 * Of labels of pod security those by which Pods are refused, where others would let through what these refuse, or may: a
 * lower level, or one of another version. None where the others are at least as strict.
 */
export function stricterThan(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string> {
  const level = (labels: Readonly<Record<string, string>>) => LEVELS.indexOf(labels[ENFORCE] ?? '');
  const isSameVersion = before[ENFORCE_VERSION] === after[ENFORCE_VERSION];
  if (level(before) <= LEVELS.indexOf('privileged') || (isSameVersion && level(after) >= level(before))) return {};
  return Object.fromEntries(Object.entries(before).filter(([label]) => label === ENFORCE || label === ENFORCE_VERSION));
}

/** Whether a namespace has the pod security that its project asks for. */
export function hasPodSecurity({ metadata }: KubeObject, spec: ProjectSpec): boolean {
  return Object.entries(podSecurityLabels(spec)).every(([label, value]) => metadata?.labels?.[label] === value);
}
