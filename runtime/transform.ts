import type { KubeObject } from './resource.ts';

/** What a metadata-only watch would send of the object. */
export function onlyMetadata<T extends KubeObject>({ apiVersion, kind, metadata }: T): T {
  return { apiVersion, kind, metadata } as T;
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The default transform: without managedFields and kubectl's last-applied-configuration. */
export function dropBookkeeping<T extends KubeObject>(object: T): T {
  const { managedFields: _managed, annotations, ...metadata } = object.metadata ?? {};
  if (!annotations) return { ...object, metadata };
  const { [LAST_APPLIED]: _lastApplied, ...rest } = annotations;
  return { ...object, metadata: { ...metadata, annotations: rest } };
}

export function deepFreeze<V>(value: V): V {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
