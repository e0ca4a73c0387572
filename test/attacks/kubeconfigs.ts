import * as yaml from 'js-yaml';
import { type ClusterAccess, ClusterAccessResource, USERS_NAMESPACE } from '#api';
import { type Condition, findCondition } from '#runtime';
import { ClusterRoles, type PolicyRule } from '../../operators/engagement/rbac-kinds.ts';
import { Secrets } from '../../operators/engagement/secrets.ts';
import { accountName, accountRoleName } from '../../operators/rbac/account.ts';
import { tokenRequest } from '../integration/agent-requests.ts';
import type { AccessFleet } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { TokenUser, type UserRequest } from '../support/token-user.ts';
import { asAdmin } from './guard.ts';

const HERE = { namespace: 'c-edge-1' };
/** A token that is refused was remembered as good for 10 s before; the machine may be busy. */
const WITHIN = { timeoutMs: 45_000 };

/** What kubectl reads of a kubeconfig of ours. */
export interface KubeconfigUser {
  readonly token: string;
  readonly as: string;
  readonly 'as-groups'?: readonly string[];
}

/** The same request, made as somebody else, as kubectl asks for it. */
export function as(user: string, request: UserRequest, more: Readonly<Record<string, string>> = {}): UserRequest {
  const headers = { ...request.headers, 'impersonate-user': wire(user), ...more };
  return { ...request, headers };
}

/** A header is sent byte by byte. */
const wire = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

export async function accessSays(fleet: AccessFleet, name: string, reason: string): Promise<ClusterAccess> {
  let last: Condition | undefined;
  return await eventually(
    async () => {
      const access = await fleet.hub.get(ClusterAccessResource, { ...HERE, name });
      last = findCondition(access.status?.conditions, 'Ready');
      return last?.reason === reason ? access : undefined;
    },
    { ...WITHIN, what: `ClusterAccess ${name} says ${reason}` },
  );
}

/** Whose kubeconfig it is, and by which token; resolves when it is issued. */
export async function kubeconfigUser(fleet: AccessFleet, name: string): Promise<KubeconfigUser> {
  return userOf(await encodedKubeconfig(fleet, name));
}

/** The kubeconfig itself; resolves when it is issued. */
export async function kubeconfigText(fleet: AccessFleet, name: string): Promise<string> {
  return Buffer.from((await encodedKubeconfig(fleet, name)) ?? '', 'base64').toString('utf8');
}

async function encodedKubeconfig(fleet: AccessFleet, name: string): Promise<string | undefined> {
  const { status } = await accessSays(fleet, name, 'Issued');
  const { data } = await fleet.hub.get(Secrets, { ...HERE, name: status?.secretRef?.name ?? '' });
  return data?.kubeconfig;
}

/** @throws Error where it has no user */
export function userOf(kubeconfig = ''): KubeconfigUser {
  const { users } = yaml.load(Buffer.from(kubeconfig, 'base64').toString('utf8')) as {
    users: readonly { user: KubeconfigUser }[];
  };
  const [first] = users;
  if (!first) throw new Error('the kubeconfig has no user');
  return first.user;
}

/** Asks for a kubeconfig for edge-1; resolves with who holds its token, when it is issued. */
export async function holderOf(fleet: AccessFleet, name: string, spec: ClusterAccess['spec']): Promise<TokenUser> {
  await fleet.access(name, spec);
  return new TokenUser(fleet.fleet.edge(), (await kubeconfigUser(fleet, name)).token);
}

/** A token of somebody's account on edge-1 that is bound to nothing, as an administrator of the cluster asks for it. */
export async function unboundHolder(fleet: AccessFleet, user: string): Promise<TokenUser> {
  const request = tokenRequest({ namespace: USERS_NAMESPACE, account: accountName(user), name: '' });
  const { status } = (await asAdmin(fleet.fleet.edge(), request)) as unknown as { status: { token: string } };
  return new TokenUser(fleet.fleet.edge(), status.token);
}

/** Changes what an account may on edge-1, as an administrator of the cluster does; our operator puts it right. */
export async function letAccount(fleet: AccessFleet, user: string, rules: readonly PolicyRule[]): Promise<void> {
  await fleet.downstream.mergePatch(ClusterRoles, { name: accountRoleName(accountName(user)) }, { rules });
}

export async function answers(who: TokenUser, request: UserRequest, status: number): Promise<void> {
  await eventually(async () => (await who.send(request)).status === status, {
    ...WITHIN,
    what: `${request.method} ${request.path} is answered with ${status}`,
  });
}
