import { SYSTEM_NAMESPACE } from '#api';
import { type Client, isAlreadyExists, type KubeObject, printable, type ResourceType } from '#runtime';

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const ConfigMaps: ResourceType<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

/** Who a downstream belongs to: one Cluster object of one hub. */
export interface Owner {
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  /** uid of the Cluster object. */
  readonly cluster: string;
}

/** The ConfigMap in which a downstream says whose it is. */
export const CLAIM = { namespace: SYSTEM_NAMESPACE, name: 'claim' };

/** Another hub, or another Cluster of this hub, has the downstream. */
export class AlreadyClaimedError extends Error {
  override readonly name = 'AlreadyClaimedError';
}

/** Who the claim names; undefined where there is none. */
export function claimOwner(claim: ConfigMap | undefined): Owner | undefined {
  return claim && { hub: claim.data?.hub ?? '', cluster: claim.data?.cluster ?? '' };
}

export function sameOwner(a: Owner | undefined, b: Owner): boolean {
  return a?.hub === b.hub && a.cluster === b.cluster;
}

/** Reads the claim from the server. */
export async function readClaim(client: Client, signal: AbortSignal): Promise<Owner | undefined> {
  return claimOwner(await client.find(ConfigMaps, CLAIM, { signal }));
}

/**
 * Claims a downstream whose `paddock-system` exists, unless it is claimed. Creating is atomic, so of two
 * hubs that try at once one wins. @throws AlreadyClaimedError
 */
export async function claim(client: Client, owner: Owner, clusterName: string, signal: AbortSignal): Promise<void> {
  const body: ConfigMap = {
    metadata: { ...CLAIM, labels: { 'app.kubernetes.io/managed-by': 'paddock' } },
    data: { hub: owner.hub, cluster: owner.cluster, name: clusterName },
  };
  try {
    await client.create(ConfigMaps, CLAIM, body, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    assertClaim(await client.find(ConfigMaps, CLAIM, { signal }), owner);
  }
}

/** Whether the claim is that of an earlier Cluster of the same name in the same hub. */
export function isPredecessor({ data }: ConfigMap, owner: Owner, clusterName: string): boolean {
  return data?.hub === owner.hub && data.name === clusterName && data.cluster !== owner.cluster;
}

/** Takes over a claim as it was read; refused (409) if it changed meanwhile. */
export async function takeOver(
  client: Client,
  { metadata }: ConfigMap,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion } = metadata ?? {};
  const patch = { metadata: { uid, resourceVersion }, data: { cluster: owner.cluster } };
  await client.mergePatch(ConfigMaps, CLAIM, patch, { signal });
}

/** @throws AlreadyClaimedError when the claim names somebody else */
export function assertClaim(existing: ConfigMap | undefined, owner: Owner): void {
  const holder = claimOwner(existing);
  if (!holder || sameOwner(holder, owner)) return;
  const [name, cluster, hub] = [existing?.data?.name, holder.cluster, holder.hub].map(text => printable(text, 128));
  const who = `Cluster ${name} (uid ${cluster}) of ${
    holder.hub === owner.hub ? 'this hub' : `the hub with kube-system uid ${hub}`
  }`;
  throw new AlreadyClaimedError(
    `the cluster belongs to ${who}: remove it there, or delete ConfigMap ${CLAIM.namespace}/${CLAIM.name} in it if that hub is gone`,
  );
}
