import { type Client, isNotFound, type KubeObject, Namespaces } from '#runtime';
import { eventually, eventuallyPasses } from './eventually.ts';
import { type ContentBuilder, type ContentObject, ContentTypes } from './objects.ts';

/** How long anything may take to converge on a busy machine. */
export const WITHIN_MS = 40_000;

/** An object of this kind and name, whoever made it. */
export async function find(
  client: Client,
  { kind, name }: ContentBuilder,
  namespace: string,
): Promise<ContentObject | undefined> {
  return await client.find(ContentTypes[kind], { namespace, name });
}

/** Changes an object behind the operator's back. */
export async function edit(
  client: Client,
  { kind, name }: ContentBuilder,
  namespace: string,
  patch: Readonly<Record<string, unknown>>,
): Promise<ContentObject> {
  return await client.mergePatch(ContentTypes[kind], { namespace, name }, patch);
}

/** Waits until a namespace passes the assertion; returns it. */
export async function namespaceThat(
  client: Client,
  name: string,
  assertion: (namespace: KubeObject) => void,
): Promise<void> {
  await eventuallyPasses(async () => assertion(await client.get(Namespaces, { name })), {
    timeoutMs: WITHIN_MS,
    what: `namespace ${name} is as expected`,
  });
}

/** Waits until a namespace is gone. */
export async function namespaceGone(client: Client, name: string): Promise<void> {
  await eventually(async () => await client.get(Namespaces, { name }).then(() => false, isNotFound), {
    timeoutMs: WITHIN_MS,
    what: `namespace ${name} is gone`,
  });
}

const BATCH = 32;

/** Calls `work` for every item, a few at a time. */
export async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < items.length; start += BATCH)
    await Promise.all(items.slice(start, start + BATCH).map(work));
}
