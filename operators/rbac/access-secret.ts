import { type ClusterAccess, USERS_NAMESPACE } from '#api';
import type { Client, KubeObject } from '#runtime';
import { parseDuration } from '../engagement/duration.ts';
import { Secrets } from '../engagement/secrets.ts';
import { requestToken, type Token } from '../engagement/token.ts';
import { accessSecret } from './access-objects.ts';
import { accountName } from './account.ts';
import type { PeoplesEndpoint } from './endpoint.ts';

const DEFAULT_TTL = '12h';

export interface Mint {
  /** Gives the token. */
  readonly downstream: Client;
  /** Keeps the Secret. */
  readonly hub: Client;
  readonly hubUid: string;
  readonly signal: AbortSignal;
}

export interface Minting {
  readonly endpoint: PeoplesEndpoint;
  /** The Secret on the cluster that the token is bound to. */
  readonly anchor: KubeObject;
}

/** Asks the cluster for a token of the person's account, and creates the Secret with the kubeconfig in the hub. */
export async function mint(
  { downstream, hub, hubUid, signal }: Mint,
  access: ClusterAccess,
  { endpoint, anchor }: Minting,
): Promise<Token> {
  const { user, ttl = DEFAULT_TTL } = access.spec;
  const { name = '', uid = '' } = anchor.metadata ?? {};
  const token = await requestToken(
    downstream,
    {
      namespace: USERS_NAMESPACE,
      account: accountName(user),
      boundTo: { name, uid },
      seconds: Math.ceil(parseDuration(ttl) / 1_000),
    },
    signal,
  );
  const { namespace = '' } = access.metadata;
  await hub.create(Secrets, { namespace }, accessSecret(access, hubUid, { endpoint, token, anchor: uid }), { signal });
  return token;
}
