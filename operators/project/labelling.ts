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
  withAnnotations,
} from './labels.ts';

/**
 * What became of the labels. A namespace that has left a project keeps its pod security until nobody has rights in it
 * any more by that project: they could make Pods that reach the host. It is to be looked at again soon.
 */
export type Labelled = 'applied' | 'keptSecurity';

/** Brings the labels and annotations of a namespace to what its project wants, and these annotations beside. */
export async function label(
  client: Client,
  namespace: MemberNamespace,
  { metadata, spec }: Project,
  annotations: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Labelled> {
  const wanted = withAnnotations(wantedBy(spec), annotations);
  const security = stricterThan(appliedPodSecurity(namespace), wanted.labels);
  const whileBound = `${LABEL_OWNER},${LABEL_PROJECT}!=${metadata.name}`;
  return await bring(client, namespace, { wanted, security, whileBound }, signal);
}

/** Takes from a namespace that is in no project what projects put on it. */
export async function unlabel(client: Client, namespace: MemberNamespace, signal: AbortSignal): Promise<Labelled> {
  const security = appliedPodSecurity(namespace);
  return await bring(client, namespace, { wanted: NOTHING, security, whileBound: LABEL_OWNER }, signal);
}

interface Labelling {
  readonly wanted: Wanted;
  /** Labels that stay beside those while RoleBindings are in the namespace that this selector finds. */
  readonly security: Readonly<Record<string, string>>;
  readonly whileBound: string;
}

/** Writes nothing where all is right, and nobody but this process holds it. */
async function bring(
  client: Client,
  namespace: MemberNamespace,
  { wanted, security, whileBound }: Labelling,
  signal: AbortSignal,
): Promise<Labelled> {
  const { name = '' } = namespace.metadata ?? {};
  const isKept = Object.keys(security).length > 0 && (await isAnyBound(client, name, whileBound, signal));
  const all = isKept ? { ...wanted, labels: { ...wanted.labels, ...security } } : wanted;
  const isRight = labelsAreRight(namespace, all) && !isAppliedByAnother(namespace, client);
  if (!isRight) await applyLabels(client, namespace, all, signal);
  return isKept ? 'keptSecurity' : 'applied';
}

async function isAnyBound(
  client: Client,
  namespace: string,
  labelSelector: string,
  signal: AbortSignal,
): Promise<boolean> {
  const selection = { namespace, labelSelector, metadataOnly: true, limit: 1 };
  const { items } = await client.list(RoleBindings, selection, { signal });
  return items.length > 0;
}
