import { type Cluster, ClusterResource } from '#api';
import { type Client, ClusterReplacedError, Namespaces } from '#runtime';
import { isUninstalled } from '../engagement/uninstall.ts';

/**
 * What a Cluster's deletion means: `clean` that somebody deleted it; `letGo` that the API is being uninstalled and every
 * Cluster goes with it, which no downstream must feel; `unknown` that the server does not know of the deletion.
 */
export type Verdict = 'clean' | 'letGo' | 'unknown';

/** Reads from the server, not from a cache, what is about to be acted on: cleaning up can't be undone. */
export async function verdictOn(
  { metadata }: Cluster,
  { client, hub, signal }: { readonly client: Client; readonly hub: string; readonly signal: AbortSignal },
): Promise<Verdict> {
  const { name = '', uid = '' } = metadata;
  const [system, uninstalled, live] = await Promise.all([
    client.get(Namespaces, { name: 'kube-system' }, { signal, metadataOnly: true }),
    isUninstalled(client, ClusterResource, signal),
    client.find(ClusterResource, { name }, { signal, metadataOnly: true }),
  ]);
  if (system.metadata?.uid !== hub) throw new ClusterReplacedError('another cluster answers in the hub’s place');
  if (uninstalled) return 'letGo';
  return live?.metadata.uid === uid && live.metadata.deletionTimestamp ? 'clean' : 'unknown';
}
