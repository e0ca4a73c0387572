import { hash } from 'node:crypto';
import { ANNOTATION_OWNER_UID, LABEL_OWNER, marks, USERS_NAMESPACE } from '#api';
import { type KubeObject, keyOf } from '#runtime';
import { type BindingObject, RBAC_GROUP, type RoleObject } from '../engagement/rbac-kinds.ts';

/** Not that of anything derived from a RoleTemplate, whose names begin with `paddock:`. */
const PREFIX = 'paddock-user:';
const ACCOUNT = /^u-[0-9a-f]{32}$/;
/** For people who look at an account: who is behind it is said by bindings, never by this. */
const ANNOTATION_USER = 'paddock.dev/user';

/** What marks the objects of accounts as ours, and whose they are. */
export interface AccountOrigin {
  readonly cluster: { readonly name: string; readonly uid: string };
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
}

/** Somebody who acts on a cluster through a service account. */
export interface Person {
  readonly name: string;
  /** That they may act with, sorted. */
  readonly groups: readonly string[];
}

/** The name of a user's ServiceAccount in namespace `paddock-users`: the same for the same bytes, on every cluster. */
export function accountName(user: string): string {
  return `u-${hash('sha256', user, 'hex').slice(0, 32)}`;
}

/** The Secret that is a ClusterAccess's: in the hub it holds the kubeconfig, downstream its token is bound to it. */
export function accessSecretName(uid: string): string {
  return `access-${uid}`;
}

/** The Secret in the hub that an agent puts the token of a ClusterAccess into. */
export function tokenSecretName(uid: string): string {
  return `access-token-${uid}`;
}

/** uid of the ClusterAccess whose Secret, of either kind, has this name. */
export function accessOfSecret(name: string): string {
  return name.replace(/^access-(token-)?/, '');
}

/** Whether a Secret in the hub is one of a ClusterAccess, by its name. */
export function isAccessSecret(name: string): boolean {
  return name.startsWith('access-');
}

/** The role of an account, and its binding. */
export const accountRoleName = (account: string): string => `${PREFIX}${account}`;

/** The account that a ClusterRole or ClusterRoleBinding is for, by its name; undefined for others. */
export function accountOfRole({ metadata }: KubeObject): string | undefined {
  const name = metadata?.name ?? '';
  const account = name.slice(PREFIX.length);
  return name.startsWith(PREFIX) && ACCOUNT.test(account) ? account : undefined;
}

export function usersNamespace(origin: AccountOrigin): KubeObject {
  return { metadata: { name: USERS_NAMESPACE, ...marksOf(origin) } };
}

export interface AccountObject extends KubeObject {
  readonly automountServiceAccountToken?: boolean;
}

export function accountObject(person: Person, origin: AccountOrigin): AccountObject {
  const { labels, annotations } = marksOf(origin);
  const metadata = { name: accountName(person.name), namespace: USERS_NAMESPACE, labels };
  return {
    metadata: { ...metadata, annotations: { ...annotations, [ANNOTATION_USER]: person.name } },
    automountServiceAccountToken: false,
  };
}

/** Allows to be this user, with these groups, and nothing else. */
export function accountRole({ name, groups }: Person, origin: AccountOrigin): RoleObject {
  const impersonate = (resource: string, resourceNames: readonly string[]) => ({
    verbs: ['impersonate'],
    apiGroups: [''],
    resources: [resource],
    resourceNames,
  });
  return {
    metadata: { name: accountRoleName(accountName(name)), ...marksOf(origin) },
    rules: [impersonate('users', [name]), ...(groups.length > 0 ? [impersonate('groups', groups)] : [])],
  };
}

export function accountBinding({ name }: Person, origin: AccountOrigin): BindingObject {
  const account = accountName(name);
  const role = accountRoleName(account);
  return {
    metadata: { name: role, ...marksOf(origin) },
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace: USERS_NAMESPACE }],
  };
}

/**
 * Holds nothing: a token that is bound to it ends when it is deleted. It goes with the account, without which the token
 * is refused as well, so that both are told alike.
 */
export function accessAnchor(uid: string, account: KubeObject, origin: AccountOrigin): KubeObject {
  const owner = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    name: keyOf(account).name,
    uid: account.metadata?.uid ?? '',
  };
  const { labels, annotations } = marksOf(origin);
  const name = accessSecretName(uid);
  return { metadata: { name, namespace: USERS_NAMESPACE, labels, annotations, ownerReferences: [owner] } };
}

/** Whether an account was made for this Cluster, and not for one of before, or by somebody else. */
export function isOfOrigin({ metadata }: KubeObject, { cluster }: AccountOrigin): boolean {
  return metadata?.annotations?.[ANNOTATION_OWNER_UID] === cluster.uid;
}

function marksOf({ cluster, hub }: AccountOrigin) {
  const owner = { kind: 'Cluster', name: cluster.name, uid: cluster.uid };
  return marks({ owner, cluster: cluster.name, hub });
}

/** Selects everything of ours downstream in {@link USERS_NAMESPACE}. */
export const OURS = { namespace: USERS_NAMESPACE, labelSelector: LABEL_OWNER } as const;
