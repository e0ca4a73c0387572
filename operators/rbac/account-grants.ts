import { ANNOTATION_HUB, ANNOTATION_OWNER_UID, ownership, USERS_NAMESPACE } from '#api';
import {
  type Client,
  type Informer,
  isAlreadyExists,
  type KubeObject,
  keyOf,
  Namespaces,
  type ResourceType,
} from '#runtime';
import type { MemberNamespace } from '../engagement/membership.ts';
import { type BindingObject, ClusterRoleBindings, ClusterRoles, type RoleObject } from '../engagement/rbac-kinds.ts';
import { Secrets } from '../engagement/secrets.ts';
import { ServiceAccounts } from '../engagement/service-account.ts';
import {
  type AccountOrigin,
  accessAnchor,
  accessSecretName,
  accountBinding,
  accountObject,
  accountRole,
  accountRoleName,
  type Person,
  usersNamespace,
} from './account.ts';
import { type Conflict, conflict, ensure, isRight } from './converge.ts';
import type { Phase } from './engaged.ts';
import type { HubPeople } from './people.ts';
import { writing } from './refusals.ts';

/** Everything that a reconcile of an account or of an access reads and writes by. */
export interface PeopleScope {
  readonly client: Client;
  readonly people: HubPeople;
  readonly origin: AccountOrigin;
  readonly phase: Phase;
  readonly namespaces: Informer<MemberNamespace>;
  readonly roles: Informer<RoleObject>;
  readonly clusterBindings: Informer<BindingObject>;
  readonly accounts: Informer<KubeObject>;
  readonly anchors: Informer<KubeObject>;
  /** Accounts in whose place somebody else's was, and from when on there may be one again: by a monotonic clock [ms]. */
  readonly strays: Map<string, number>;
  readonly signal: AbortSignal;
}

/** What became of an account, or of what a token is bound to. */
export interface AccountOutcome {
  readonly conflicts: readonly Conflict[];
  /** [ms] */
  readonly requeueAfterMs?: number;
}

const DONE: AccountOutcome = { conflicts: [] };
const STRAY_RETRY_MS = 1_000;
/** An API server takes a token for good that it has seen within the last 10 s, also when its account is gone. */
const REMEMBERED_MS = 15_000;

/**
 * A person's ServiceAccount and what it may: to be that person. It comes with the first binding or access and goes
 * with the last. An account that was not made for this Cluster is given nothing: whoever made it may have a token of it.
 */
export async function reconcileAccount(scope: PeopleScope, account: string): Promise<AccountOutcome> {
  const { people, origin, phase, client, signal, accounts, roles, clusterBindings } = scope;
  const { person, standing } = people.behind(origin.cluster.name, account);
  if (!person || standing === 'none') {
    await removeAccount(scope, account);
    return DONE;
  }
  const name = accountRoleName(account);
  const role = roles.get({ name });
  if (phase === 'revoking' || standing === 'kept') {
    const less = role && accountRole(narrowed(person, role), origin);
    if (less) await ensure(client, ClusterRoles, less, role, signal);
    return DONE;
  }
  const wanted = accountObject(person, origin);
  const waiting = await endStray(scope, wanted);
  if (waiting) return waiting;
  await ensureNamespace(scope);
  const taken = await ensure(client, ServiceAccounts, wanted, accounts.get(keyOf(wanted)), signal);
  if (taken) return { conflicts: [taken] };
  const binding = clusterBindings.get({ name });
  const [wantedRole, wantedBinding] = [accountRole(person, origin), accountBinding(person, origin)];
  const conflicts = await Promise.all([
    ensure(client, ClusterRoles, wantedRole, role, signal),
    ensure(client, ClusterRoleBindings, wantedBinding, binding, signal),
  ]);
  return { conflicts: conflicts.filter(conflict => conflict !== undefined) };
}

/**
 * Of an account that is in the place of this one nobody knows who has a token. It loses what it may; it goes if it bears
 * marks of ours, such as those of a Cluster that was before, and one without them is in the way. Nothing is made before
 * its tokens are refused. Undefined when nothing stands against the account.
 */
async function endStray(scope: PeopleScope, wanted: KubeObject): Promise<AccountOutcome | undefined> {
  const { client, strays, signal } = scope;
  const key = keyOf(wanted);
  const stray = await strayAt(scope, wanted);
  if (!stray) return untilForgotten(strays, key.name);
  strays.set(key.name, Number.POSITIVE_INFINITY);
  await removeGrant(scope, key.name);
  if (ownership(stray.metadata) === 'foreign') return { conflicts: [conflict(ServiceAccounts, wanted)] };
  const deleting = { type: ServiceAccounts, key, verb: 'deleted', takes: true } as const;
  await writing(deleting, () => client.delete(ServiceAccounts, key, { uid: stray.metadata?.uid, signal }));
  return { conflicts: [], requeueAfterMs: STRAY_RETRY_MS };
}

/** The account that is there without the mark of this Cluster, if any; one without our label is not in the cache. */
async function strayAt({ client, accounts, signal }: PeopleScope, wanted: KubeObject): Promise<KubeObject | undefined> {
  const ownerOf = ({ metadata }: KubeObject) => metadata?.annotations?.[ANNOTATION_OWNER_UID];
  const isOther = (object: KubeObject | undefined) => object !== undefined && ownerOf(object) !== ownerOf(wanted);
  const known = accounts.get(keyOf(wanted));
  if (known && !isOther(known)) return undefined;
  const found = await client.find(ServiceAccounts, keyOf(wanted), { signal, metadataOnly: true });
  return isOther(found) ? found : undefined;
}

function untilForgotten(strays: Map<string, number>, account: string): AccountOutcome | undefined {
  const from = strays.get(account);
  if (from === undefined) return undefined;
  const now = performance.now();
  const due = Math.min(from, now + REMEMBERED_MS);
  if (due <= now) strays.delete(account);
  else strays.set(account, due);
  return due <= now ? undefined : { conflicts: [], requeueAfterMs: due - now };
}

/** What a ClusterAccess's token is bound to downstream: it is there as long as the access is good. */
export async function reconcileAnchor(scope: PeopleScope, uid: string): Promise<AccountOutcome> {
  const { people, origin, phase, client, anchors, signal } = scope;
  const access = people.access(uid);
  const standing = access ? people.standing(access) : 'none';
  const known = anchors.get({ namespace: USERS_NAMESPACE, name: accessSecretName(uid) });
  if (standing === 'none') {
    await remove(scope, Secrets, known);
    return DONE;
  }
  const wanted = accessAnchor(uid, origin);
  if (standing === 'kept' || phase === 'revoking' || isRight(known, wanted)) return DONE;
  // another one would not make a token good again that was bound to the one that is gone
  if (!known && access?.status?.expiresAt !== undefined) return DONE;
  await ensureNamespace(scope);
  const taken = await ensure(client, Secrets, wanted, known, signal);
  return { conflicts: taken ? [taken] : [] };
}

/** The person with those of the groups that the role has already. */
function narrowed({ name, groups }: Person, { rules = [] }: RoleObject): Person {
  const had = new Set(
    rules.filter(rule => rule.resources?.includes('groups')).flatMap(rule => rule.resourceNames ?? []),
  );
  return { name, groups: groups.filter(group => had.has(group)) };
}

/** Tokens first become useless, then invalid. */
async function removeAccount(scope: PeopleScope, account: string): Promise<void> {
  await removeGrant(scope, account);
  await remove(scope, ServiceAccounts, scope.accounts.get({ namespace: USERS_NAMESPACE, name: account }));
}

async function removeGrant(scope: PeopleScope, account: string): Promise<void> {
  const name = accountRoleName(account);
  await remove(scope, ClusterRoleBindings, scope.clusterBindings.get({ name }));
  await remove(scope, ClusterRoles, scope.roles.get({ name }));
}

async function remove(
  { client, origin, signal }: PeopleScope,
  type: ResourceType,
  known: KubeObject | undefined,
): Promise<void> {
  if (!known || known.metadata?.deletionTimestamp || ownership(known.metadata) === 'foreign') return;
  const hub = known.metadata?.annotations?.[ANNOTATION_HUB];
  if (hub !== undefined && hub !== origin.hub) return;
  const key = keyOf(known);
  const deleting = { type, key, verb: 'deleted', takes: true } as const;
  await writing(deleting, () => client.delete(type, key, { uid: known.metadata?.uid, signal }));
}

async function ensureNamespace({ client, namespaces, origin, signal }: PeopleScope): Promise<void> {
  // where it is being deleted, what is to be in it is refused, and tried again
  if (namespaces.get({ name: USERS_NAMESPACE })) return;
  try {
    await client.create(Namespaces, {}, usersNamespace(origin), { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
