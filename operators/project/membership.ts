import { fieldManager, isReservedNamespace, LABEL_PROJECT } from '#api';
import type { KubeObject } from '#runtime';

/** A downstream namespace as the cache keeps it, with the label and annotation keys that we applied to it. */
export interface MemberNamespace extends KubeObject {
  readonly applied: { readonly labels: readonly string[]; readonly annotations: readonly string[] };
}

/** The project a namespace names; Paddock's own namespaces belong to none whatever they are labelled. */
export function membershipOf(namespace: KubeObject | undefined): string | undefined {
  const { name = '', labels } = namespace?.metadata ?? {};
  if (isReservedNamespace(name)) return undefined;
  return labels?.[LABEL_PROJECT] || undefined;
}

export function isTerminating(object: KubeObject): boolean {
  return object.metadata?.deletionTimestamp !== undefined;
}

/** Namespaces that no deletion policy deletes: they are detached instead. */
export function isProtectedNamespace(name: string): boolean {
  return name === 'default' || name.startsWith('kube-') || name.startsWith('paddock-');
}

/** The manager under which a project's labels and annotations are applied to its namespaces. */
export const NAMESPACE_MANAGER = fieldManager('project');

/** Keeps of a namespace its metadata and which labels and annotations are ours. */
export function memberNamespaceOf(object: KubeObject): MemberNamespace {
  const { managedFields, annotations, ...metadata } = object.metadata ?? {};
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...kept } = annotations ?? {};
  const mine = managedFields?.find(entry => entry.manager === NAMESPACE_MANAGER && entry.operation === 'Apply');
  const fields = (mine?.fieldsV1 ?? {}) as FieldSet;
  return {
    metadata: { ...metadata, annotations: kept },
    applied: {
      labels: keysOf(fields['f:metadata']?.['f:labels']),
      annotations: keysOf(fields['f:metadata']?.['f:annotations']),
    },
  };
}

/** The part of a fieldsV1 set (sigs.k8s.io/structured-merge-diff) that names labels and annotations. */
interface FieldSet {
  readonly 'f:metadata'?: {
    readonly 'f:labels'?: Readonly<Record<string, unknown>>;
    readonly 'f:annotations'?: Readonly<Record<string, unknown>>;
  };
}

function keysOf(fields: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(fields ?? {})
    .filter(field => field.startsWith('f:'))
    .map(field => field.slice(2));
}
