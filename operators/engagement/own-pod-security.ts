import { ANNOTATION_OWN_POD_SECURITY, type ProjectSpec } from '#api';
import { type Client, type KubeObject, Namespaces } from '#runtime';
import {
  compareLevels,
  levelLabel,
  MODES,
  policyBy,
  policyInForce,
  policyOfLabels,
  policyOfSpec,
  type SecurityPolicy,
  strictest,
  versionLabel,
} from './pod-security.ts';
import { formatRecord, readRecord, type SecurityRecord } from './security-record.ts';

/** What is to be written to a namespace, as a merge patch of its metadata. */
export interface SecurityChange {
  readonly labels: Readonly<Record<string, string | null>>;
  /** The record; null removes it, undefined leaves it. */
  readonly annotation: string | null | undefined;
}

/**
 * What makes the labels of a member of the Project right; undefined when they are. A label that others changed becomes
 * the namespace's own if it is at least as strict as what was in force, and is put back otherwise. Without a record, and
 * with one that can't be read, everything that is there is the namespace's own. One of another Project tells of a
 * namespace that has moved: what was in force there is its own now.
 */
export function memberSecurity(
  { metadata }: KubeObject,
  project: { readonly uid: string; readonly spec: ProjectSpec },
): SecurityChange | undefined {
  const { labels = {}, annotations } = metadata ?? {};
  const record = readRecord(annotations?.[ANNOTATION_OWN_POD_SECURITY]);
  const own = ownPolicy(policyOfLabels(labels), record, project.uid);
  const inForce = policyInForce(own, policyOfSpec(project.spec));
  const change = changedLabels(labels, inForce, record?.inForce ?? {});
  const isEmpty = MODES.every(mode => !inForce[mode]);
  const text = isEmpty ? null : formatRecord({ own, inForce, project: project.uid });
  return changeOf(change, text, annotations?.[ANNOTATION_OWN_POD_SECURITY]);
}

/**
 * What a namespace that is in no project any more is to have: what was in force becomes its own, and the record goes.
 * Undefined where there is none.
 */
export function formerSecurity({ metadata }: KubeObject): SecurityChange | undefined {
  const { labels = {}, annotations } = metadata ?? {};
  const text = annotations?.[ANNOTATION_OWN_POD_SECURITY];
  if (text === undefined) return undefined;
  const record = readRecord(text);
  const actual = policyOfLabels(labels);
  const final = record ? strictest(actual, record.inForce, record.own) : {};
  const raised = policyBy(mode => (compareLevels(final[mode], actual[mode]) > 0 ? final[mode] : undefined));
  return changeOf(changedLabels(labels, raised, {}), null, text);
}

/** Writes a change if the namespace is still what it was computed from. */
export async function writeSecurity(
  client: Client,
  { metadata }: KubeObject,
  { labels, annotation }: SecurityChange,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', uid, resourceVersion } = metadata ?? {};
  const annotations = annotation === undefined ? {} : { annotations: { [ANNOTATION_OWN_POD_SECURITY]: annotation } };
  await client.mergePatch(
    Namespaces,
    { name },
    { metadata: { uid, resourceVersion, labels, ...annotations } },
    { signal },
  );
}

function ownPolicy(actual: SecurityPolicy, record: SecurityRecord | undefined, project: string): SecurityPolicy {
  if (!record) return actual;
  const { own, inForce } = record;
  if (record.project !== project) return strictest(own, inForce, actual);
  const set = policyBy(mode => (compareLevels(actual[mode], inForce[mode]) > 0 ? actual[mode] : undefined));
  return strictest(own, set);
}

/** Of the labels those that differ from the policy; a mode without a level loses the one that was in force before. */
function changedLabels(
  labels: Readonly<Record<string, string>>,
  wanted: SecurityPolicy,
  before: SecurityPolicy,
): Record<string, string | null> {
  const change: Record<string, string | null> = {};
  const bring = (label: string, value: string | undefined) => {
    if (labels[label] !== value) change[label] = value ?? null;
  };
  for (const mode of MODES) {
    if (!wanted[mode] && !before[mode]) continue;
    bring(levelLabel(mode), wanted[mode]?.level);
    bring(versionLabel(mode), wanted[mode]?.version);
  }
  return change;
}

function changeOf(
  labels: SecurityChange['labels'],
  text: string | null,
  before: string | undefined,
): SecurityChange | undefined {
  const annotation = text === (before ?? null) ? undefined : text;
  return Object.keys(labels).length === 0 && annotation === undefined ? undefined : { labels, annotation };
}
