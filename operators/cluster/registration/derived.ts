import { ownership } from '#api';
import { type Client, type Informer, isAlreadyExists, jsonEqual, type KubeObject, keyOf, resourceName } from '#runtime';
import type { DerivedObject } from './rights.ts';

/** An object of the name is somebody else's; the message says what to do. */
export class ForeignObjectError extends Error {
  override readonly name = 'ForeignObjectError';
}

/**
 * Makes the object, or puts right what differs from the intent; writes nothing when it is right already.
 * @throws ForeignObjectError
 */
export async function ensureDerived(
  client: Client,
  { type, intent }: DerivedObject,
  known: Pick<Informer<KubeObject>, 'get'>,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(intent);
  const existing = known.get(key) ?? (await createOrRead(client, { type, intent }, signal));
  if (!existing) return;
  if (ownership(existing.metadata) === 'foreign') {
    const where = `${key.namespace ? `${key.namespace}/` : ''}${key.name}`;
    throw new ForeignObjectError(
      `${resourceName(type)} ${where} exists and was not made by Paddock: delete it, it is made again as it should be`,
    );
  }
  if (covers(existing, intent)) return;
  const metadata = { ...intent.metadata, uid: existing.metadata?.uid ?? '' };
  await client.apply(type, { ...intent, metadata }, { signal });
}

/** Undefined when it was made just now. One that is not in the cache of marked objects may be there all the same. */
async function createOrRead(
  client: Client,
  { type, intent }: DerivedObject,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { namespace } = intent.metadata;
  try {
    await client.create(type, namespace === undefined ? {} : { namespace }, intent, { signal });
    return undefined;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return await client.get(type, keyOf(intent), { signal });
  }
}

/** Whether everything that is wanted is there; what others added does not count. */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return jsonEqual(actual, wanted);
  if (typeof actual !== 'object' || actual === null) return false;
  return Object.entries(wanted).every(([name, value]) => covers(Reflect.get(actual, name), value));
}
