import { type ClusterAccess, USERS_NAMESPACE } from '#api';
import { timestamp } from '#runtime';
import { parseDuration } from '../engagement/duration.ts';
import { accessSecretName, accountName } from './account.ts';

/** The token of a kubeconfig, and what its claims say; the signature is the cluster's to check. */
export interface AccessToken {
  readonly token: string;
  /** uid of the Secret on the cluster that it is bound to. */
  readonly boundTo: string;
  /** RFC 3339; never past the ClusterAccess's own end. */
  readonly expiresAt: string;
}

/** What an agent handed over is no token of the ClusterAccess; the message names claim, value and rule. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError';
}

const DEFAULT_TTL = '12h';
/** A TokenRequest for less is refused by the API server. */
const SHORTEST_SECONDS = 600;
const LONGEST_TOKEN = 16_384;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** When a ClusterAccess ends whatever its token says: its creation and `spec.ttl` [ms]. */
export function lastMoment({ metadata, spec }: ClusterAccess): number {
  return Date.parse(String(metadata.creationTimestamp)) + parseDuration(spec.ttl ?? DEFAULT_TTL);
}

/** When the kubeconfig ends: as its status says, and never later than {@link lastMoment} [ms]. */
export function endOf(access: ClusterAccess): number {
  const said = access.status?.expiresAt;
  return said === undefined ? lastMoment(access) : Math.min(Date.parse(said), lastMoment(access));
}

/** The end of a token that is given to this access, RFC 3339. */
export function cappedExpiry(access: ClusterAccess, expiresAt: string): string {
  return timestamp(Math.min(Date.parse(expiresAt), lastMoment(access)));
}

/** How long a token for this access is asked for [s]. */
export function secondsLeft(access: ClusterAccess, now: number): number {
  return Math.max(SHORTEST_SECONDS, Math.ceil((lastMoment(access) - now) / 1_000));
}

/** Reads a token that an agent handed over. @throws InvalidTokenError */
export function readAccessToken(text: string, access: ClusterAccess): AccessToken {
  if (text.length > LONGEST_TOKEN)
    throw new InvalidTokenError(`it has ${text.length} characters, at most 16384 are taken`);
  if (!JWT.test(text)) throw new InvalidTokenError('it is no JSON Web Token');
  const claims = claimsOf(text);
  const subject = `system:serviceaccount:${USERS_NAMESPACE}:${accountName(access.spec.user)}`;
  if (claims.sub !== subject) throw new InvalidTokenError(`claim sub must be ${subject}`);
  const secret = field(field(claims['kubernetes.io'], 'secret'), 'name');
  const name = accessSecretName(access.metadata.uid ?? '');
  if (secret !== name) throw new InvalidTokenError(`claim kubernetes.io.secret.name must be ${name}`);
  const boundTo = field(field(claims['kubernetes.io'], 'secret'), 'uid');
  if (typeof boundTo !== 'string' || !/^[0-9a-f-]{36}$/.test(boundTo))
    throw new InvalidTokenError('claim kubernetes.io.secret.uid must be a uid');
  const { exp } = claims;
  if (typeof exp !== 'number' || !Number.isInteger(exp) || exp <= 0 || exp > 253_402_300_799)
    throw new InvalidTokenError('claim exp must be a time');
  return { token: text, boundTo, expiresAt: cappedExpiry(access, timestamp(exp * 1_000)) };
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims === 'object' && claims !== null) return claims as Readonly<Record<string, unknown>>;
  } catch {
    // refused below
  }
  throw new InvalidTokenError('its claims are no JSON object');
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null && Object.hasOwn(of, name) ? Reflect.get(of, name) : undefined;
}
