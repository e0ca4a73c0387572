import type { ProjectSpec } from '#api';
import { type Client, Namespaces } from '#runtime';
import { cedePodSecurity } from '../engagement/ceded-security.ts';
import type { MemberNamespace } from '../engagement/membership.ts';

type Fields = Readonly<Record<string, string>>;

/** The labels and annotations that a namespace is to have for a project. */
export interface Wanted {
  readonly labels: Fields;
  readonly annotations: Fields;
}

export const NOTHING: Wanted = { labels: {}, annotations: {} };

/** The labels and annotations of a project's spec. Pod security is none of them: own-pod-security.ts writes its labels. */
export function wantedBy({ namespaceLabels = {}, namespaceAnnotations = {} }: ProjectSpec): Wanted {
  return { labels: namespaceLabels, annotations: namespaceAnnotations };
}

export function withAnnotations({ labels, annotations }: Wanted, more: Fields): Wanted {
  return { labels, annotations: { ...annotations, ...more } };
}

/** Whether the namespace has all that is wanted on it, and nothing of ours that is not. */
export function labelsAreRight(namespace: MemberNamespace, wanted: Wanted): boolean {
  const { labels, annotations } = namespace.metadata ?? {};
  const { applied } = namespace;
  return right(labels, applied.labels, wanted.labels) && right(annotations, applied.annotations, wanted.annotations);
}

/** Brings the labels and annotations of a namespace to what is wanted; writes nothing where all is right. */
export async function bringLabels(
  client: Client,
  namespace: MemberNamespace,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  if (labelsAreRight(namespace, wanted) && !isAppliedByAnother(namespace, client)) return;
  await cedePodSecurity(client, namespace, namespace.applied.labels, signal);
  await applyLabels(client, namespace, wanted, signal);
}

/** Whether another of ours holds fields of the namespace, from when the cluster was connected otherwise. */
function isAppliedByAnother({ appliedBy }: MemberNamespace, { fieldManager }: Client): boolean {
  return appliedBy.some(manager => manager !== fieldManager);
}

/**
 * Applies labels and annotations to a namespace; those applied before and no longer wanted go. The uid keeps a deleted
 * namespace from being made again.
 */
async function applyLabels(
  client: Client,
  namespace: MemberNamespace,
  { labels, annotations }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', uid = '' } = namespace.metadata ?? {};
  const intent = {
    metadata: {
      name,
      uid,
      // an empty map would be applied too, and keep us among the namespace's managers
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
  };
  await client.apply(Namespaces, intent, { signal });
  for (const manager of namespace.appliedBy.filter(other => other !== client.fieldManager))
    await client.apply(Namespaces, { metadata: { name, uid } }, { signal, fieldManager: manager });
}

function right(actual: Fields = {}, applied: readonly string[], wanted: Fields): boolean {
  return applied.every(key => key in wanted) && Object.entries(wanted).every(([key, value]) => actual[key] === value);
}
