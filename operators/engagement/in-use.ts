import { LABEL_IN_USE } from '#api';
import { type Client, isNotFound, type KubeObject, Namespaces } from '#runtime';

/** The label of hub namespaces that are needed: a policy keeps them from being deleted by others. */
export const IN_USE: Readonly<Record<string, string>> = { [LABEL_IN_USE]: 'true' };

/** Whether the label keeps a namespace that is not on its way out. */
export function isInUse({ metadata }: KubeObject): boolean {
  return metadata?.labels?.[LABEL_IN_USE] === 'true' && metadata.deletionTimestamp === undefined;
}

/** Lets a namespace be deleted by whoever may: nothing is left that it is needed for. */
export async function endUse(client: Client, { metadata }: KubeObject, signal: AbortSignal): Promise<void> {
  const { name = '', uid } = metadata ?? {};
  try {
    await client.mergePatch(Namespaces, { name }, { metadata: { uid, labels: { [LABEL_IN_USE]: null } } }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
