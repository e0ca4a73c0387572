import { LABEL_OWNER, LABEL_PROJECT, type Project } from '#api';
import type { Client } from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import { stricterThan } from '../engagement/pod-security.ts';
import { RoleBindings } from '../engagement/rbac-kinds.ts';
import {
  appliedPodSecurity,
  applyLabels,
  isAppliedByAnother,
  labelsAreRight,
  NOTHING,
  type Wanted,
  wantedBy,
} from './labels.ts';

/**
 * What became of the labels. A namespace that has left a project keeps its pod security until nobody has rights in it
 * any more by that project: they could make Pods that reach the host. It is to be looked at again soon.
 */
export type Labelled = 'applied' | 'keptSecurity';

/** Brings the labels and annotations of a namespace to what its project wants. */
export async function label(
  client: Client,
  namespace: MemberNamespace,
  { metadata, spec }: Project,
  signal: AbortSignal,
): Promise<Labelled> {
  const { name = '' } = namespace.metadata ?? {};
  const wanted = wantedBy(spec);
  const stricter = stricterThan(appliedPodSecurity(namespace), wanted.labels);
  const ofOthers = `${LABEL_OWNER},${LABEL_PROJECT}!=${metadata.name}`;
  const isKept = Object.keys(stricter).length > 0 && (await isAccessible(client, name, ofOthers, signal));
  await bring(client, namespace, isKept ? { ...wanted, labels: { ...wanted.labels, ...stricter } } : wanted, signal);
  return isKept ? 'keptSecurity' : 'applied';
}

/** Takes from a namespace that is in no project what projects put on it. */
export async function unlabel(client: Client, namespace: MemberNamespace, signal: AbortSignal): Promise<Labelled> {
  const { name = '' } = namespace.metadata ?? {};
  const security = appliedPodSecurity(namespace);
  const isKept = Object.keys(security).length > 0 && (await isAccessible(client, name, LABEL_OWNER, signal));
  await bring(client, namespace, isKept ? { ...NOTHING, labels: security } : NOTHING, signal);
  return isKept ? 'keptSecurity' : 'applied';
}

/** Somebody has rights in the namespace by one of these bindings. */
async function isAccessible(
  client: Client,
  namespace: string,
  labelSelector: string,
  signal: AbortSignal,
): Promise<boolean> {
  const selection = { namespace, labelSelector, metadataOnly: true, limit: 1 };
  const { items } = await client.list(RoleBindings, selection, { signal });
  return items.length > 0;
}

/** Writes nothing where all is right, and nobody but this process holds it. */
async function bring(client: Client, namespace: MemberNamespace, wanted: Wanted, signal: AbortSignal): Promise<void> {
  if (labelsAreRight(namespace, wanted) && !isAppliedByAnother(namespace, client)) return;
  await applyLabels(client, namespace, wanted, signal);
}
