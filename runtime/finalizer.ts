import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';
import { type KubeObject, keyOf, type ResourceType } from './resource.ts';

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata?.finalizers?.includes(finalizer) ?? false;
}

/** Adds the finalizer, unless it is there. Refused (409) if the object changed meanwhile. Returns the object. */
export async function addFinalizer<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object;
  return await patch(client, type, object, [...(object.metadata?.finalizers ?? []), finalizer], signal);
}

/**
 * Removes the finalizer: call it only once what it stands for is cleaned up. Refused (409) if the object
 * changed meanwhile; an object that is gone already is no error.
 */
export async function removeFinalizer<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  finalizer: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!hasFinalizer(object, finalizer)) return;
  const others = (object.metadata?.finalizers ?? []).filter(name => name !== finalizer);
  try {
    await patch(client, type, object, others, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function patch<T extends KubeObject>(
  client: Client,
  type: ResourceType<T>,
  object: T,
  finalizers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<T> {
  const { uid, resourceVersion } = object.metadata ?? {};
  const body = { metadata: { uid, resourceVersion, finalizers } };
  return await client.mergePatch(type, keyOf(object), body, { signal });
}
