import type { ProjectSpec } from '#api';
import { type Client, Namespaces } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import { podSecurityLabels, podSecurityOf } from '../engagement/pod-security.ts';

type Fields = Readonly<Record<string, string>>;

/** Whether the namespace has all that the project wants on it, and nothing of ours that it does not want. */
export function labelsAreRight(namespace: MemberNamespace, spec: ProjectSpec | undefined): boolean {
  const { labels, annotations } = namespace.metadata ?? {};
  const { applied } = namespace;
  return (
    right(labels, applied.labels, labelsOf(spec)) && right(annotations, applied.annotations, spec?.namespaceAnnotations)
  );
}

/** The labels of pod security that were applied for a project, with their values. */
export function appliedPodSecurity(namespace: MemberNamespace): Fields {
  const { labels } = namespace.applied;
  return Object.fromEntries(Object.entries(podSecurityOf(namespace)).filter(([label]) => labels.includes(label)));
}

/** Whether another of ours holds fields of the namespace, from when the cluster was connected otherwise. */
export function isAppliedByAnother({ appliedBy }: MemberNamespace, { fieldManager }: Client): boolean {
  return appliedBy.some(manager => manager !== fieldManager);
}

/**
 * Applies the project's labels, those of pod security among them, and annotations to a namespace; those applied before
 * and no longer wanted go. Without a spec all of them go. The uid keeps a deleted namespace from being made again.
 */
export async function applyLabels(
  client: Client,
  namespace: MemberNamespace,
  spec: ProjectSpec | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', uid = '' } = namespace.metadata ?? {};
  const labels = labelsOf(spec);
  const { namespaceAnnotations: annotations = {} } = spec ?? {};
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

function labelsOf(spec: ProjectSpec | undefined): Fields {
  return spec ? { ...spec.namespaceLabels, ...podSecurityLabels(spec) } : {};
}

function right(actual: Fields = {}, applied: readonly string[], wanted: Fields = {}): boolean {
  return applied.every(key => key in wanted) && Object.entries(wanted).every(([key, value]) => actual[key] === value);
}
