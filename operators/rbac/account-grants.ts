import { ANNOTATION_HUB, ownership, USERS_NAMESPACE } from '#api';
import { type Client, type Informer, type KubeObject, keyOf, type ResourceType } from '#runtime';
import { type BindingObject, ClusterRoleBindings, ClusterRoles, type RoleObject } from '../engagement/rbac-kinds.ts';
import { isHeld } from '../engagement/revocation.ts';
import { Secrets } from '../engagement/secrets.ts';
import { ServiceAccounts } from '../engagement/service-account.ts';
import {
  type AccountOrigin,
  accessAnchor,
  accessSecretName,
  accountBinding,
  accountName,
  accountObject,
  accountRole,
  accountRoleName,
  isOfOrigin,
  type Person,
} from './account.ts';
import { type Conflict, conflict, createOrRead, ensure, isRight, terminating, withdraw } from './converge.ts';
import type { Phase } from './grant-scope.ts';
import type { LingeringTokens } from './lingering.ts';
import type { HubPeople } from './people.ts';
import { writing } from './refusals.ts';

/** Everything that a reconcile of an account or of an access reads and writes by. */
export interface PeopleScope {
  readonly client: Client;
  readonly people: HubPeople;
  readonly origin: AccountOrigin;
  readonly phase: Phase;
  /** Makes the namespace of accounts where there is none. */
  readonly usersNamespace: (signal: AbortSignal) => Promise<void>;
  readonly roles: Informer<RoleObject>;
  readonly clusterBindings: Informer<BindingObject>;
  readonly accounts: Informer<KubeObject>;
  readonly anchors: Informer<KubeObject>;
  /** Accounts in whose place somebody else's was, and from when on there may be one again: by a monotonic clock [ms]. */
  readonly strays: Map<string, number>;
  readonly lingering: LingeringTokens;
  readonly signal: AbortSignal;
}

/** What became of an account, or of what a token is bound to. */
export interface AccountOutcome {
  readonly conflicts: readonly Conflict[];
  /** [ms] */
  readonly requeueAfterMs?: number;
  /** When the account is to be reconciled again, which holds nothing up meanwhile [ms]. */
  readonly account?: { readonly name: string; readonly afterMs: number };
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
  const { people, origin, phase, client, signal, roles, clusterBindings } = scope;
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
  const withheld = await withhold(scope, account);
  if (withheld) return withheld;
  const wanted = accountObject(person, origin);
  const waiting = await takeAccount(scope, wanted);
  if (waiting) return waiting;
  const binding = clusterBindings.get({ name });
  const [wantedRole, wantedBinding] = [accountRole(person, origin), accountBinding(person, origin)];
  const conflicts = await Promise.all([
    ensure(client, ClusterRoles, wantedRole, role, signal),
    ensure(client, ClusterRoleBindings, wantedBinding, binding, signal),
  ]);
  return { conflicts: conflicts.filter(conflict => conflict !== undefined) };
}

/** Makes the account, or puts it right; says what stands against it. Nothing is given to it before. */
async function takeAccount(scope: PeopleScope, wanted: KubeObject): Promise<AccountOutcome | undefined> {
  const { client, accounts, origin, strays, signal } = scope;
  const key = keyOf(wanted);
  const known = accounts.get(key);
  const isDoubtful = known ? !isOfOrigin(known, origin) : strays.has(key.name);
  const found = isDoubtful ? await client.find(ServiceAccounts, key, { signal, metadataOnly: true }) : known;
  if (found && !isOfOrigin(found, origin)) return await endStray(scope, found, wanted);
  const waiting = untilForgotten(strays, key.name);
  if (waiting) return waiting;
  await scope.usersNamespace(signal);
  const existing = found ?? (await createOrRead(client, ServiceAccounts, wanted, signal));
  if (!existing) return undefined;
  if (!isOfOrigin(existing, origin)) return await endStray(scope, existing, wanted); // without our label it is in no cache
  // its tokens are valid for a minute more, while a finalizer keeps it
  if (existing.metadata?.deletionTimestamp) await removeGrant(scope, key.name);
  const taken = await ensure(client, ServiceAccounts, wanted, existing, signal);
  return taken && { conflicts: [taken] };
}

/** An account has no rights while a token is valid that is bound to the Secret of an access that is over. */
async function withhold(scope: PeopleScope, account: string): Promise<AccountOutcome | undefined> {
  const now = performance.now();
  const found = scope.lingering.of(account, now);
  if (!found) return undefined;
  await removeGrant(scope, account);
  const kept = terminating(Secrets, found.secret);
  const message = `${kept.message}; until its token is refused, which takes 75 s, ServiceAccount ${USERS_NAMESPACE}/${account} may not act as its user`;
  return { conflicts: [{ ...kept, message }], account: { name: account, afterMs: found.until - now } };
}

/**
 * Of an account that is in the place of this one nobody knows who has a token. It loses what it may; it goes if it bears
 * marks of ours, such as those of a Cluster that was before, and one without them is in the way. Nothing is made before
 * its tokens are refused.
 */
async function endStray(scope: PeopleScope, stray: KubeObject, wanted: KubeObject): Promise<AccountOutcome> {
  const { client, strays, signal } = scope;
  const key = keyOf(wanted);
  strays.set(key.name, Number.POSITIVE_INFINITY);
  await removeGrant(scope, key.name);
  if (ownership(stray.metadata) === 'foreign') return { conflicts: [conflict(ServiceAccounts, wanted)] };
  if (stray.metadata?.deletionTimestamp)
    return { conflicts: [terminating(ServiceAccounts, stray)], requeueAfterMs: STRAY_RETRY_MS };
  const deleting = { type: ServiceAccounts, key, verb: 'deleted', takes: true } as const;
  await writing(deleting, () => client.delete(ServiceAccounts, key, { uid: stray.metadata?.uid, signal }));
  return { conflicts: [], requeueAfterMs: STRAY_RETRY_MS };
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

/**
 * What a ClusterAccess's token is bound to downstream: it is there as long as the access is good, and its user's account
 * is the one that it was made with.
 */
export async function reconcileAnchor(scope: PeopleScope, uid: string): Promise<AccountOutcome> {
  const { people, origin, phase, client, accounts, anchors, signal } = scope;
  const access = people.access(uid);
  const standing = access ? people.standing(access) : 'none';
  const known = anchors.get({ namespace: USERS_NAMESPACE, name: accessSecretName(uid) });
  if (!access || standing === 'none') {
    const account = access ? accountName(access.spec.user) : known?.metadata?.ownerReferences?.[0]?.name;
    return await removeAnchor(scope, known, account);
  }
  const account = accounts.get({ namespace: USERS_NAMESPACE, name: accountName(access.spec.user) });
  if (standing === 'kept' || phase === 'revoking' || !account || !isOfOrigin(account, origin)) return DONE;
  const wanted = accessAnchor(uid, account, origin);
  if (isRight(known, wanted)) return DONE;
  // another one would not make a token good again that was bound to the one that is gone, or going
  const isStanding = known && !known.metadata?.deletionTimestamp;
  if (!isStanding && access.status?.expiresAt !== undefined) return DONE;
  const taken = await ensure(client, Secrets, wanted, known, signal);
  return { conflicts: taken ? [taken] : [] };
}

/** Where a finalizer keeps the Secret, its account loses its rights first. */
async function removeAnchor(
  scope: PeopleScope,
  known: KubeObject | undefined,
  account: string | undefined,
): Promise<AccountOutcome> {
  if (!known || account === undefined || !isHeld(known)) {
    const left = known && (await remove(scope, Secrets, known));
    return left && account !== undefined ? await linger(scope, account, left) : DONE;
  }
  const outcome = await linger(scope, account, known);
  await remove(scope, Secrets, known);
  return outcome;
}

async function linger(scope: PeopleScope, account: string, secret: KubeObject): Promise<AccountOutcome> {
  scope.lingering.add(account, secret, { wall: Date.now(), now: performance.now() });
  if (scope.lingering.of(account, performance.now()) === undefined) return DONE;
  await removeGrant(scope, account);
  // a reconcile of the account that ran beside this one may have given them again
  return { conflicts: [], account: { name: account, afterMs: 0 } };
}

/** The person with those of the groups that the role has already. */
function narrowed({ name, groups }: Person, { rules }: RoleObject): Person {
  const had = new Set(
    (rules ?? []).filter(rule => rule.resources?.includes('groups')).flatMap(rule => rule.resourceNames ?? []),
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
): Promise<KubeObject | undefined> {
  if (!known || ownership(known.metadata) === 'foreign') return undefined;
  const hub = known.metadata?.annotations?.[ANNOTATION_HUB];
  if (hub !== undefined && hub !== origin.hub) return undefined;
  return await withdraw(client, type, known, signal);
}
