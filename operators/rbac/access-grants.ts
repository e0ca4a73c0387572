import { clusterNamespace, marks, PLANE_HUB } from '#api';
import type { Client, Informer } from '#runtime';
import {
  type BindingObject,
  RBAC_GROUP,
  RoleBindings,
  type RoleObject,
  Roles,
  type Subject,
} from '../engagement/rbac-kinds.ts';
import { ensure, narrow } from './converge.ts';
import { bindingName, shards } from './desired.ts';
import { holders, remaining, shareOf } from './grants.ts';
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
  /** Takes without giving, and makes no object. */
  readonly narrowOnly: boolean;
  readonly signal: AbortSignal;
}

/** No template has a name with a colon. */
const NAME = 'paddock:access:create';

/** Whoever is bound on a cluster may ask for a kubeconfig; for whom, a policy asks. Nobody where the hub is the cluster. */
export async function reconcileAccessGrants(scope: AccessGrantScope, cluster: string): Promise<void> {
  const { client, says, people, roles, bindings, hub, narrowOnly, signal } = scope;
  const uid = people.clusterUid(cluster);
  if (uid === undefined && (!narrowOnly || !people.known)) return;
  const namespace = clusterNamespace(cluster);
  const owner = { kind: 'Cluster', name: cluster, uid: uid ?? '' };
  const mark = marks({ owner, cluster, hub, plane: PLANE_HUB });
  const existing = bindings.filter(object => object.metadata?.name?.startsWith(NAME) && isDeletable(object, hub));
  const share = shareOf(says.bindingsIn(cluster), binding => says.standing(binding));
  const isPerson = ({ kind }: { readonly kind: string }) => kind !== 'ServiceAccount';
  const present = existing.flatMap(({ subjects }) => subjects ?? []);
  const all = narrowOnly ? remaining(share, present) : holders(share, present);
  const subjects = people.isLocal(cluster) ? [] : all.filter(isPerson);
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
  if (narrowOnly) return await narrowAll(scope, existing, subjects);
  if (wanted.length > 0) await ensure(client, Roles, role, knownRole, signal);
  await bring(client, { type: RoleBindings, wanted, existing, ours: existing }, signal);
  if (wanted.length === 0) await drop({ client, hub, signal }, Roles, knownRole);
}

async function narrowAll(
  { client, signal }: AccessGrantScope,
  existing: readonly BindingObject[],
  left: readonly Subject[],
): Promise<void> {
  const share = { granted: left, kept: new Set<string>() };
  for (const binding of existing) {
    const subjects = remaining(share, binding.subjects ?? []);
    if (subjects.length < (binding.subjects ?? []).length)
      await narrow(client, RoleBindings, binding, { subjects }, signal);
  }
}
