import {
  ANNOTATION_CLUSTER_DELETION,
  type Cluster,
  clusterNamespace,
  LABEL_CLUSTER,
  type MarksOptions,
  marks,
  ownership,
  PLANE_HUB,
  SYSTEM_NAMESPACE,
} from '#api';
import type { KubeObject, MergePatch } from '#runtime';
import { IN_USE } from '../engagement/in-use.ts';

/** What is to be done about a namespace that a Cluster needs in the hub. */
export type NamespacePlan =
  | { readonly action: 'none' }
  | { readonly action: 'create'; readonly body: KubeObject }
  /** Merge patch with the marks that are missing. */
  | { readonly action: 'patch'; readonly patch: MergePatch }
  /** It is being deleted: wait until it is gone. */
  | { readonly action: 'wait' }
  | { readonly action: 'conflict'; readonly message: string };

/** The namespace `c-<name>`: made, adopted if it carries the cluster's label, a conflict otherwise. */
export function planClusterNamespace(cluster: Cluster, existing: KubeObject | undefined, hub: string): NamespacePlan {
  const name = cluster.metadata.name ?? '';
  const namespace = clusterNamespace(name);
  const mark = marks({ ...marksOf(cluster, hub), plane: PLANE_HUB });
  const wanted = { ...mark, labels: { ...mark.labels, ...IN_USE } };
  if (!existing) return { action: 'create', body: { metadata: { name: namespace, ...wanted } } };
  const { metadata } = existing;
  if (metadata?.deletionTimestamp) return { action: 'wait' };
  if (metadata?.labels?.[LABEL_CLUSTER] !== name && ownership(metadata) === 'foreign')
    return {
      action: 'conflict',
      message: `namespace ${namespace} exists and is not this Cluster's: label it ${LABEL_CLUSTER}=${name} to let Paddock use it, or delete it`,
    };
  const labels = missing(wanted.labels, metadata?.labels);
  const outdated = metadata?.annotations?.[ANNOTATION_CLUSTER_DELETION] === undefined ? undefined : NOT_BEING_DELETED;
  const lacking = missing(wanted.annotations, metadata?.annotations);
  const annotations = lacking || outdated ? { ...lacking, ...outdated } : undefined;
  if (!labels && !annotations) return { action: 'none' };
  const patched = { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) };
  return { action: 'patch', patch: { metadata: { uid: metadata?.uid, ...patched } } };
}

/** Of an earlier Cluster of the name. */
const NOT_BEING_DELETED = { [ANNOTATION_CLUSTER_DELETION]: null };

/** The namespace downstream that holds the claim; for the hub itself it never goes with a Cluster. */
export function systemNamespace(cluster: Cluster, hub: string): KubeObject {
  const options = marksOf(cluster, hub);
  const wanted = marks(cluster.spec.connection.local ? { ...options, plane: PLANE_HUB } : options);
  return { metadata: { name: SYSTEM_NAMESPACE, ...wanted } };
}

function marksOf({ metadata }: Cluster, hub: string): MarksOptions {
  const { name = '', uid = '' } = metadata;
  return { owner: { kind: 'cluster', name, uid }, cluster: name, hub };
}

/** The wanted entries that are not there; undefined when all are. */
function missing(
  wanted: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>> | undefined,
): Record<string, string> | undefined {
  const entries = Object.entries(wanted).filter(([key, value]) => present?.[key] !== value);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
