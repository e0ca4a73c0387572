import {
  ANNOTATION_HUB,
  ANNOTATION_OWNER_UID,
  isReservedNamespace,
  LABEL_CLUSTER,
  LABEL_OWNER,
  LABEL_PLANE,
  PLANE_HUB,
  SYSTEM_NAMESPACE,
  USERS_NAMESPACE,
} from '#api';
import {
  type Client,
  isConflict,
  isNotFound,
  type KubeObject,
  keyOf,
  keyString,
  Namespaces,
  type ResourceType,
  resourceName,
} from '#runtime';
import { cedePodSecurity } from '../engagement/ceded-security.ts';
import { ConfigMaps } from '../engagement/claim.ts';
import { appliedFields, NAMESPACE_FIELD_MANAGERS } from '../engagement/namespace-fields.ts';
import { formerSecurity, writeSecurity } from '../engagement/own-pod-security.ts';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../engagement/policy-kinds.ts';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../engagement/rbac-kinds.ts';
import { isHeld, revoke } from '../engagement/revocation.ts';
import { Secrets } from '../engagement/secrets.ts';
import { ServiceAccounts } from '../engagement/service-account.ts';
import { FULL_PROJECTS } from '../membership/full-projects.ts';
import { POLICY_KINDS } from './policies/kinds.ts';
import { PROBE_ACCOUNT, PROBE_ROLE } from './policies/probe-account.ts';

/**
 * The kinds that operators derive on a downstream, in the order in which they go when it is handed back: first what
 * grants access, so that nobody keeps any to what is being taken down, then everything else. Policies come after them.
 */
export const DERIVED_KINDS: readonly ResourceType[] = [
  ClusterRoleBindings,
  RoleBindings,
  ServiceAccounts,
  ClusterRoles,
  Secrets,
  ConfigMaps,
  LimitRanges,
  NetworkPolicies,
  ResourceQuotas,
];

/** Where the hub is the cluster nobody has an account. */
export const LOCAL_KINDS = DERIVED_KINDS.filter(kind => kind !== ServiceAccounts);

/** What grants access, or is what people act through. */
const GRANTS: readonly ResourceType[] = [ClusterRoleBindings, RoleBindings, ServiceAccounts, ClusterRoles];

/** What a pass came to. */
export interface Pass {
  /** How much there was that could go: 0 means that nothing of it is left. */
  readonly found: number;
  /** Objects that granted access, and grant nothing now, which foreign finalizers keep. */
  readonly held: readonly string[];
}

/** What a pass over one downstream goes by. */
export interface CleanupScope {
  readonly client: Client;
  readonly cluster: string;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  /** What is looked for beside policies, in the order in which it goes. */
  readonly kinds: readonly ResourceType[];
  readonly signal: AbortSignal;
}

const PAGE = 500;

/**
 * Deletes everything that this hub derived for the cluster and takes its labels and annotations off namespaces; only
 * when nothing was refused do the admission policies go, which guard those labels until then. One pass: returns how
 * much there was. @throws AggregateError of all that failed
 */
export async function cleanPass(scope: CleanupScope): Promise<Pass> {
  const derived = await removeKinds(scope, scope.kinds);
  const accounts = scope.kinds.includes(ServiceAccounts) ? await removeUsersNamespace(scope) : 0;
  const released = await releaseNamespaces(scope);
  const probes = await removeProbeAccount(scope);
  const policies = await removeKinds(scope, POLICY_KINDS);
  return { found: derived.found + accounts + released + probes + policies.found, held: derived.held };
}

async function removeKinds(scope: CleanupScope, kinds: readonly ResourceType[]): Promise<Pass> {
  let found = 0;
  const held: string[] = [];
  for (const type of kinds) {
    const objects = await listDerived(scope, type);
    const standing = objects.filter(object => !isTerminating(object));
    await all(standing.map(object => remove(scope, type, object)));
    found += standing.length;
    if (!GRANTS.includes(type)) continue;
    const kept = objects.filter(isTerminating);
    await all(kept.map(object => remove(scope, type, object)));
    held.push(...kept.map(object => heldAs(type, object)));
  }
  return { found, held };
}

const isTerminating = ({ metadata }: KubeObject) => metadata?.deletionTimestamp !== undefined;

function heldAs(type: ResourceType, object: KubeObject): string {
  return `${resourceName(type)} ${keyString(keyOf(object))} (${(object.metadata?.finalizers ?? []).join(', ')})`;
}

/** The namespace of people's accounts, if Paddock made it. */
async function removeUsersNamespace(scope: CleanupScope): Promise<number> {
  const { client, signal } = scope;
  const found = await client.find(Namespaces, { name: USERS_NAMESPACE }, { signal, metadataOnly: true });
  if (!found || found.metadata?.deletionTimestamp || !isDerived(found, scope)) return 0;
  await remove(scope, Namespaces, found);
  return 1;
}

/** In `paddock-system`, which may stay: the account that the policies are probed as, and its binding. */
async function removeProbeAccount(scope: CleanupScope): Promise<number> {
  const { client, signal } = scope;
  let found = 0;
  for (const [type, name] of [
    [RoleBindings, PROBE_ROLE],
    [ServiceAccounts, PROBE_ACCOUNT.name],
  ] as const) {
    const object = await client.find<KubeObject>(type, { ...PROBE_ACCOUNT, name }, { signal, metadataOnly: true });
    if (!object || object.metadata?.deletionTimestamp || !isDerived(object, scope)) continue;
    await remove(scope, type, object);
    found += 1;
  }
  return found;
}

/** Whether an object carries this hub's marks for the cluster. One label may have been stripped, the hub's uid not. */
export function isDerived({ metadata }: KubeObject, { cluster, hub }: Pick<CleanupScope, 'cluster' | 'hub'>): boolean {
  const { labels = {}, annotations = {} } = metadata ?? {};
  if (labels[LABEL_PLANE] === PLANE_HUB || annotations[ANNOTATION_HUB] !== hub) return false;
  if (annotations[ANNOTATION_OWNER_UID] === undefined) return false;
  return (labels[LABEL_CLUSTER] ?? cluster) === cluster;
}

/**
 * Found by either label. Of reserved namespaces only that of accounts holds any, and paddock-system the parameter of a
 * policy; in a hub the others hold sources.
 */
async function listDerived(scope: CleanupScope, type: ResourceType): Promise<KubeObject[]> {
  const lists = [LABEL_OWNER, `${LABEL_CLUSTER}=${scope.cluster}`].map(labelSelector =>
    listAll(scope, type, labelSelector),
  );
  const byUid = new Map((await Promise.all(lists)).flat().map(object => [object.metadata?.uid, object]));
  return [...byUid.values()].filter(object => isDerived(object, scope) && !isSpared(object));
}

function isSpared({ metadata }: KubeObject): boolean {
  const { name, namespace = '' } = metadata ?? {};
  if (namespace === SYSTEM_NAMESPACE && name === FULL_PROJECTS) return false;
  return isReservedNamespace(namespace) && namespace !== USERS_NAMESPACE;
}

/** Takes away what it grants; what a finalizer keeps is read whole, since lists hold metadata only. */
async function remove({ client, signal }: CleanupScope, type: ResourceType, object: KubeObject): Promise<void> {
  const isKept = isHeld(object) && GRANTS.includes(type);
  const whole = isKept ? await client.find(type, keyOf(object), { signal }) : object;
  if (!whole || whole.metadata?.uid !== object.metadata?.uid) return;
  try {
    await revoke(client, type, whole, signal);
  } catch (error) {
    if (!isConflict(error)) throw error; // another object of that name by now: the next pass looks at it
  }
}

/**
 * Gives up what our field managers hold on namespaces; what people set with the same value stays. The pod security that
 * is in force stays too, as the namespace's own: what was planted under it must not run when it is lifted.
 */
async function releaseNamespaces(scope: CleanupScope): Promise<number> {
  const namespaces = (await listAll(scope, Namespaces, undefined)).filter(
    ({ metadata }) => !metadata?.deletionTimestamp && !isReservedNamespace(metadata?.name ?? ''),
  );
  const secured = namespaces.filter(namespace => formerSecurity(namespace));
  await all(secured.map(namespace => keepSecurity(scope, namespace)));
  const held = namespaces
    .flatMap(namespace => NAMESPACE_FIELD_MANAGERS.map(manager => ({ namespace, manager })))
    .filter(({ namespace, manager }) => {
      const { labels, annotations } = appliedFields(namespace, manager);
      return labels.length + annotations.length > 0;
    });
  // one after the other on the same namespace, where a second apply would only wait for the first
  for (const fieldManager of NAMESPACE_FIELD_MANAGERS)
    await all(
      held
        .filter(({ manager }) => manager === fieldManager)
        .map(({ namespace }) => release(scope, namespace, fieldManager)),
    );
  return secured.length + held.length;
}

/** What is in force in a namespace becomes its own. */
async function keepSecurity({ client, signal }: CleanupScope, namespace: KubeObject): Promise<void> {
  const change = formerSecurity(namespace);
  try {
    if (change) await writeSecurity(client, namespace, change, signal);
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error; // the next pass looks at it
  }
}

async function release({ client, signal }: CleanupScope, namespace: KubeObject, fieldManager: string): Promise<void> {
  const { name = '', uid = '' } = namespace.metadata ?? {};
  try {
    await cedePodSecurity(client, namespace, appliedFields(namespace, fieldManager).labels, signal);
    await client.apply(Namespaces, { metadata: { name, uid } }, { signal, fieldManager });
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

async function listAll(
  { client, signal }: CleanupScope,
  type: ResourceType,
  labelSelector: string | undefined,
): Promise<KubeObject[]> {
  const items: KubeObject[] = [];
  let next: { readonly continue?: string } = {};
  do {
    const selection = { ...(labelSelector === undefined ? {} : { labelSelector }), metadataOnly: true, limit: PAGE };
    const page = await client.list(type, { ...selection, ...next }, { signal });
    items.push(...page.items);
    next = page.continue === undefined ? {} : { continue: page.continue };
  } while (next.continue !== undefined);
  return items;
}

/** Lets all of them end before the first failure is told. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(work)).flatMap(result =>
    result.status === 'rejected' ? [result.reason] : [],
  );
  if (failures.length > 0)
    throw new AggregateError(failures.slice(0, 5), `${failures.length} objects could not be removed`);
}
