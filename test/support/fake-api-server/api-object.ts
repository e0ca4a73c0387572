import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, ObjectMeta } from '../../../runtime/resource.ts';

/** An object as it is stored: complete, frozen all the way down. */
export interface ApiObject extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly [field: string]: unknown;
}

/** An object on its way in: as a client sent it, or as a patch left it. */
export interface DraftObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** Whether `value` is a JSON object: neither an array nor null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value under a path such as `spec.nodeName`; `undefined` where the path ends early. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const field of path.split('.')) value = isRecord(value) ? value[field] : undefined;
  return value;
}

/** Freezes a JSON value and everything in it, so that a test that edits what it was given fails there. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}

/** `namespace/name`, or `name` for cluster-scoped objects: the order of lists. */
export function objectKey({ metadata }: { metadata?: { name?: string; namespace?: string } }): string {
  const name = metadata?.name ?? '';
  return metadata?.namespace ? `${metadata.namespace}/${name}` : name;
}

/** A copy through JSON: what the wire would have made of it. */
export function copyOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** Whether two values are the same JSON, whatever the order of their fields. */
export function sameJson(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(copyOf(a ?? null), copyOf(b ?? null));
}
