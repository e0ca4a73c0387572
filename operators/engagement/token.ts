import type { Client, KubeObject } from '#runtime';
import { ServiceAccounts } from './service-account.ts';

export interface TokenRequest {
  readonly namespace: string;
  readonly account: string;
  /** The token dies with this Secret of the same namespace. */
  readonly boundTo: { readonly name: string; readonly uid: string };
  /** The server may give less, and no less than 600. */
  readonly seconds: number;
}

export interface Token {
  readonly token: string;
  /** The claim `jti`. */
  readonly id: string;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** From its issue to its end, whatever anybody's clock shows. */
  readonly lifetimeMs: number;
}

interface Answer extends KubeObject {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

/** Asks for a token of a ServiceAccount that is bound to a Secret (TokenRequest API). */
export async function requestToken(client: Client, request: TokenRequest, signal: AbortSignal): Promise<Token> {
  const { namespace, account, boundTo, seconds } = request;
  const boundObjectRef = { apiVersion: 'v1', kind: 'Secret', ...boundTo };
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: seconds, boundObjectRef },
  };
  const key = { namespace, name: account };
  const { status } = await client.createSubresource<Answer>(ServiceAccounts, key, 'token', body, { signal });
  const { token, expirationTimestamp: expiresAt } = status ?? {};
  if (!token || !expiresAt) throw new Error(`the server gave no token for ServiceAccount ${namespace}/${account}`);
  return { token, expiresAt, ...claimsOf(token) };
}

/** A longer token is not read; those of Kubernetes have 2 KiB. */
const LONGEST_TOKEN = 16_384;

/** Undefined for what is no JWT. */
function payloadOf(token: string): unknown {
  if (token.length > LONGEST_TOKEN) throw new Error(`the token has more than ${LONGEST_TOKEN} bytes`);
  const [, payload = ''] = token.split('.', 2);
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined; // the parser's own message quotes the token
  }
}

/** Claims of a token, which is not verified: `jti`, and what is between `iat` and `exp`. @throws Error when they are missing */
export function claimsOf(token: string): Pick<Token, 'id' | 'lifetimeMs'> {
  const claims = payloadOf(token);
  const claim = (name: string) =>
    typeof claims === 'object' && claims !== null ? Reflect.get(claims, name) : undefined;
  const [id, from, to] = ['jti', 'iat', 'exp'].map(claim);
  if (typeof id !== 'string')
    throw new Error('the token has no id (claim jti): the hub must run Kubernetes 1.30 or newer');
  if (typeof from !== 'number' || typeof to !== 'number')
    throw new Error('the token does not say how long it lives (claims iat and exp)');
  return { id, lifetimeMs: (to - from) * 1_000 };
}
