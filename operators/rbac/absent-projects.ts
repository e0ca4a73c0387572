import { clusterNamespace, ProjectResource, type RoleTemplateBinding } from '#api';
import type { Client, ReconcileContext } from '#runtime';
import { readLive, type Verdicts } from '../engagement/verdicts.ts';
import type { Place } from './grants.ts';
import type { HubSays } from './says.ts';

export interface AbsentProjectScope {
  readonly client: Client;
  readonly says: HubSays;
  readonly verdicts: Pick<Verdicts<RoleTemplateBinding>, 'stands'>;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
}

export const absentProjectKey = ({ cluster, project = '' }: Place) => `${cluster}/${project}`;

/**
 * Finds out of a Project that bindings name and that is not in the cache whether there is none. Read from the server: the
 * API may be about to be uninstalled, or the Cluster handed back with all that there is.
 */
export async function reconcileAbsentProject(
  { client, says, verdicts, hub }: AbsentProjectScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<undefined> {
  const [cluster = '', project = ''] = key.split('/');
  const place = { cluster, project };
  if (!says.known || says.hasProject(place)) return;
  const named = { namespace: clusterNamespace(cluster), name: project };
  const { uid, uninstalled, live } = await readLive(client, ProjectResource, named, signal);
  if (uid !== hub() || uninstalled || live) return;
  if (await verdicts.stands(cluster, signal)) says.projectGone(place);
}
