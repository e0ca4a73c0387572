import type { ClusterAccess, Cluster as ClusterObject } from '#api';
import { isAlreadyExists, keyOf, keyString } from '#runtime';
import { KubeconfigError, type Secret } from '../engagement/kubeconfig.ts';
import { Secrets } from '../engagement/secrets.ts';
import { accessSecret, endpointOf, isMarked, kubeconfigOf, tokenSecret } from './access-objects.ts';
import { type AccessScope, secretKey, tokenSecretKey } from './access-scope.ts';
import { type AccessToken, InvalidTokenError, readAccessToken } from './access-token.ts';
import type { PeoplesEndpoint } from './endpoint.ts';
import { digestOf, isAsWritten, type KubeconfigRecord, kubeconfigIn, tokensIn } from './kubeconfigs.ts';

/** A kubeconfig that is in its Secret. */
export interface Credentials {
  readonly expiresAt: string;
  readonly record: KubeconfigRecord;
}

/** Writes the Secret with the kubeconfig. @throws where a Secret of its name is there */
export async function writeKubeconfig(
  scope: AccessScope,
  access: ClusterAccess,
  { endpoint, token }: { readonly endpoint: PeoplesEndpoint; readonly token: AccessToken },
  signal: AbortSignal,
): Promise<Credentials> {
  const { expiresAt, boundTo } = token;
  return await write(
    scope,
    access,
    { kubeconfig: kubeconfigOf(access, endpoint, token.token), expiresAt, boundTo },
    signal,
  );
}

interface Content {
  readonly kubeconfig: string;
  readonly expiresAt: string;
  readonly boundTo: string;
}

async function write(
  { client, hub, known }: AccessScope,
  access: ClusterAccess,
  { kubeconfig, expiresAt, boundTo }: Content,
  signal: AbortSignal,
): Promise<Credentials> {
  const secret = accessSecret(access, hub(), { kubeconfig, expiresAt });
  const { metadata } = await client.create(Secrets, { namespace: access.metadata.namespace ?? '' }, secret, { signal });
  known.set(access, kubeconfig);
  return recorded({ metadata: metadata ?? {} }, { kubeconfig, expiresAt, boundTo });
}

function recorded({ metadata }: Secret, { kubeconfig, expiresAt, boundTo }: Content): Credentials {
  return { expiresAt, record: { secretUID: metadata?.uid ?? '', sha256: digestOf(kubeconfig), boundTo } };
}

/**
 * Sees that the Secret of an issued access holds what the operator wrote, and restores that. Undefined where the Secret
 * is gone, or what it held is not known any more: then the kubeconfig ends. `later` while that can't be decided.
 */
export async function holdKubeconfig(
  scope: AccessScope,
  access: ClusterAccess,
  { object, expiresAt }: { readonly object: ClusterObject; readonly expiresAt: string },
  signal: AbortSignal,
): Promise<Credentials | 'later' | undefined> {
  const { client, secrets, known, hub } = scope;
  const key = secretKey(access);
  // one without our labels is in no cache
  const found = secrets.get(key) ?? (await client.find(Secrets, key, { signal }));
  const { secretUID, sha256, boundTo } = access.status?.kubeconfig ?? {};
  if (!found || !isOwn(found, access)) return undefined;
  if (boundTo !== undefined && isAsWritten(found, access, { hub: hub(), sha256 })) {
    known.set(access, kubeconfigIn(found));
    return recorded(found, { kubeconfig: kubeconfigIn(found), expiresAt, boundTo });
  }
  if (secretUID !== undefined && found.metadata?.uid !== secretUID) return undefined; // somebody deleted that one
  const kubeconfig = known.get(access);
  const content =
    kubeconfig !== undefined && boundTo !== undefined
      ? { kubeconfig, boundTo, expiresAt }
      : await rebuilt(scope, access, { object, expiresAt, found }, signal);
  if (content === undefined || content === 'later') return content;
  if (isAsWritten(found, access, { hub: hub(), sha256: digestOf(content.kubeconfig) })) return recorded(found, content);
  await client.delete(Secrets, key, { uid: found.metadata?.uid, signal });
  try {
    return await write(scope, access, content, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return undefined; // a foreign finalizer keeps it, or somebody was quicker
  }
}

/** Whether a Secret is the one that the operator wrote, changed or not. */
function isOwn(secret: Secret, access: ClusterAccess): boolean {
  return isMarked(secret, access) || secret.metadata?.uid === access.status?.kubeconfig?.secretUID;
}

interface Found {
  readonly object: ClusterObject;
  readonly expiresAt: string;
  readonly found: Secret;
}

/** The kubeconfig anew, by the token in what was found. Also of one that an earlier version issued. */
async function rebuilt(
  { client }: AccessScope,
  access: ClusterAccess,
  { object, expiresAt, found }: Found,
  signal: AbortSignal,
): Promise<Content | 'later' | undefined> {
  const { boundTo } = access.status?.kubeconfig ?? {};
  const token = tokensIn(kubeconfigIn(found))
    .map(text => tokenOf(text, access))
    .find(each => each !== undefined && (boundTo === undefined || each.boundTo === boundTo));
  if (!token) return undefined;
  const endpoint = await knownEndpoint(object, client, signal);
  if (!endpoint) return 'later';
  return { kubeconfig: kubeconfigOf(access, endpoint, token.token), boundTo: token.boundTo, expiresAt };
}

function tokenOf(text: string, access: ClusterAccess): AccessToken | undefined {
  try {
    return readAccessToken(text, access);
  } catch (error) {
    if (error instanceof InvalidTokenError) return undefined;
    throw error;
  }
}

/** {@link endpointOf}; undefined also where the kubeconfig of the cluster can't be used. */
export async function knownEndpoint(
  ...[object, client, signal]: Parameters<typeof endpointOf>
): Promise<PeoplesEndpoint | undefined> {
  try {
    return await endpointOf(object, client, signal);
  } catch (error) {
    if (error instanceof KubeconfigError) return undefined;
    throw error;
  }
}

/**
 * Frees the place of the kubeconfig of an access that has none: what bears its marks goes, whoever wrote it. Returns a
 * Secret without marks, which is left alone.
 */
export async function clearPlace(
  scope: AccessScope,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const found = await scope.client.find(Secrets, secretKey(access), { signal, metadataOnly: true });
  if (!found || (!isMarked(found, access) && found.metadata?.uid !== access.status?.kubeconfig?.secretUID))
    return found;
  await scope.client.delete(Secrets, secretKey(access), { uid: found.metadata?.uid, signal });
  return undefined;
}

/** Deletes both Secrets of an access, and forgets what they held. */
export async function removeSecrets(scope: AccessScope, access: ClusterAccess, signal: AbortSignal): Promise<void> {
  scope.known.delete(access.metadata.uid ?? '');
  await clearPlace(scope, access, signal);
  await removeTokenSecret(scope, access, signal);
}

/** The Secret that the agent puts a token into, made empty where there is none; undefined where another is in its place. */
export async function ensureTokenSecret(
  { client, secrets, hub }: AccessScope,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const key = tokenSecretKey(access);
  const cached = secrets.get(key);
  if (cached) return isMarked(cached, access) ? cached : undefined;
  try {
    return await client.create(Secrets, { namespace: key.namespace }, tokenSecret(access, hub()), { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await client.find(Secrets, key, { signal });
    return found && isMarked(found, access) ? found : undefined;
  }
}

/** Once the token was taken, or none is wanted any more. */
export async function removeTokenSecret(
  { client, secrets }: AccessScope,
  access: ClusterAccess,
  signal: AbortSignal,
): Promise<void> {
  const known = secrets.get(tokenSecretKey(access));
  if (!known || !isMarked(known, access) || known.metadata?.deletionTimestamp) return;
  await client.delete(Secrets, tokenSecretKey(access), { uid: known.metadata?.uid, signal });
}

export const foreign = (secret: Secret): string =>
  `secrets ${keyString(keyOf(secret))} exists and was not made by Paddock: delete it`;
