import { type Client, type KubeObject, Namespaces } from '#runtime';
import { podSecurityOf } from './pod-security.ts';

/** Holds labels of pod security that earlier releases applied. Nothing ever takes them from it, so they stay. */
const FORMER_MANAGER = 'paddock-former-pod-security';

/**
 * Earlier releases applied the labels of pod security with a project's other labels, so they would go with those. They
 * are given a second owner first, without a moment in which they are absent. `applied`: the keys of labels that are about
 * to lose their owner. @throws ApiError 409 where others changed them meanwhile
 */
export async function cedePodSecurity(
  client: Client,
  namespace: KubeObject,
  applied: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const labels = Object.fromEntries(
    Object.entries(podSecurityOf(namespace)).filter(([label]) => applied.includes(label)),
  );
  if (Object.keys(labels).length === 0) return;
  const { name = '', uid = '' } = namespace.metadata ?? {};
  await client.apply(
    Namespaces,
    { metadata: { name, uid, labels } },
    { signal, fieldManager: FORMER_MANAGER, force: false },
  );
}
