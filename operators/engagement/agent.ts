import { type Cluster, fieldManager } from '#api';
import { type Client, isConditionTrue, type KubeObject, keyOf, type ResourceType, type Watched } from '#runtime';

/** Whether an agent works on the cluster and observes it; the hub's operators reach it through the hub alone. */
export function isByAgent({ spec }: Cluster): boolean {
  return spec.connection.agent !== undefined;
}

/** {@link isByAgent}, of a Cluster by its name; not of one that does not exist. */
export function worksByAgent(clusters: Watched<Cluster>, name: string | undefined): boolean {
  const object = clusters.get({ name: name ?? '' });
  return object !== undefined && isByAgent(object);
}

/**
 * Gives up what an agent's operator wrote of an object's status: its cluster is connected otherwise by now, and what it
 * alone wrote would stand for good. `written` is the object as the hub's operator has just written it.
 */
export async function releaseAgentStatus(
  client: Client,
  type: ResourceType,
  written: KubeObject,
  { operator, signal }: { readonly operator: string; readonly signal: AbortSignal },
): Promise<void> {
  const manager = fieldManager(operator, 'agent');
  if (!written.metadata?.managedFields?.some(entry => entry.manager === manager)) return;
  // an empty status would be applied too, and keep the agent among the managers
  const intent = { metadata: keyOf(written) };
  await client.applyStatus<KubeObject>(type, intent, { signal, fieldManager: manager });
}

/** Whether the hub counts the cluster as connected otherwise than before. */
export function connectionChanged(now: Cluster, old: Cluster | undefined): boolean {
  const [is, was] = [now, old].map(object => isConditionTrue(object?.status?.conditions, 'Connected'));
  return is !== was || !old;
}
