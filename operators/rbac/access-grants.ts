import { clusterNamespace, marks, PLANE_HUB } from '#api';
import type { Client, Informer } from '#runtime';
import { type BindingObject, RBAC_GROUP, RoleBindings, type RoleObject, Roles } from '../engagement/rbac-kinds.ts';
import { ensure } from './converge.ts';
import { bindingName, shards } from './desired.ts';
import { holders, shareOf } from './grants.ts';
import { bring, drop, isDeletable } from './holding.ts';
import type { HubPeople } from './people.ts';
import type { HubSays } from './says.ts';

export interface AccessGrantScope {
  readonly client: Client;
  readonly says: HubSays;
  readonly people: HubPeople;
  readonly roles: Informer<RoleObject>;
  /** The bindings in the cluster's namespace. */
  readonly bindings: readonly BindingObject[];
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly signal: AbortSignal;
}

/** No template has a name with a colon. */
const NAME = 'paddock:access:create';

/** Whoever is bound on a cluster may ask for a kubeconfig; for whom, a policy asks. Nobody where the hub is the cluster. */
export async function reconcileAccessGrants(scope: AccessGrantScope, cluster: string): Promise<void> {
  const { client, says, people, roles, bindings, hub, signal } = scope;
  const uid = people.clusterUid(cluster);
  if (uid === undefined) return;
  const namespace = clusterNamespace(cluster);
  const mark = marks({ owner: { kind: 'Cluster', name: cluster, uid }, cluster, hub, plane: PLANE_HUB });
  const existing = bindings.filter(
    object => object.metadata?.name?.startsWith(NAME) && isDeletable(object, hub) && !object.metadata.deletionTimestamp,
  );
  const share = shareOf(says.bindingsIn(cluster), binding => says.standing(binding));
  const isPerson = ({ kind }: { readonly kind: string }) => kind !== 'ServiceAccount';
  const present = existing.flatMap(({ subjects }) => subjects ?? []);
  const subjects = people.isLocal(cluster) ? [] : holders(share, present).filter(isPerson);
  const role: RoleObject = {
    metadata: { name: NAME, namespace, ...mark },
    rules: [{ verbs: ['create'], apiGroups: ['paddock.dev'], resources: ['clusteraccesses'] }],
  };
  const wanted = shards(subjects).map(
    (part, index): BindingObject => ({
      metadata: { name: bindingName(NAME, index), namespace, ...mark },
      roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: NAME },
      subjects: part,
    }),
  );
  const knownRole = roles.get({ namespace, name: NAME });
  if (wanted.length > 0) await ensure(client, Roles, role, knownRole, signal);
  await bring(client, { type: RoleBindings, wanted, existing, ours: existing }, signal);
  if (wanted.length === 0) await drop({ client, hub, signal }, Roles, knownRole);
}
