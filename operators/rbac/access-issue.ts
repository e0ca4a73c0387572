import { type ClusterAccess, type Cluster as ClusterObject, isPaused, USERS_NAMESPACE } from '#api';
import { isConditionTrue, type Result } from '#runtime';
import { isByAgent } from '../engagement/agent.ts';
import type { Secret } from '../engagement/kubeconfig.ts';
import { policyProof } from '../engagement/policies-enforced.ts';
import { requestToken } from '../engagement/token.ts';
import {
  clearPlace,
  ensureTokenSecret,
  foreign,
  knownEndpoint,
  removeSecrets,
  writeKubeconfig,
} from './access-credentials.ts';
import { type AccessScope, ensureRole, report, tokenSecretKey } from './access-scope.ts';
import { type AccessToken, InvalidTokenError, lastMoment, readAccessToken, secondsLeft } from './access-token.ts';
import { accessSecretName, accountName } from './account.ts';
import { issuedByAgent } from './agents-word.ts';
import { KEEPS_NO_REVOCATION, obstacleOfConflicts } from './conflicts.ts';
import { POLICIES_NOT_INSTALLED } from './guards.ts';
import { tokenIn } from './kubeconfigs.ts';

const RETRY_MS = 500;
/** How soon a cluster is asked again that has answered with something else than a token of the access. */
const INVALID_RETRY_MS = 60_000;
/** How soon a Secret that is somebody else's is looked for again. */
const TAKEN_RETRY_MS = 5_000;

/** Makes the kubeconfig of an access that has none, once its user is bound and has an account on the cluster. */
export async function issue(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const cluster = object.metadata.name ?? '';
  if (lastMoment(access) <= scope.now()) {
    await report(scope, access, { reason: 'Expired', cluster, pending: true }, signal);
    return { requeueAfterMs: 1 };
  }
  const inHub = obstacleOfConflicts(await ensureRole(scope, access, signal));
  if (!scope.people.isBound(access)) {
    await removeSecrets(scope, access, signal); // those that were made when the operator was stopped
    return await report(scope, access, { reason: 'NotBound', cluster }, signal);
  }
  if (isPaused(access.metadata)) return await report(scope, access, { reason: 'Paused', cluster }, signal);
  const { endpoint: said, connection } = object.spec;
  if (!said && !connection.kubeconfig)
    return await report(scope, access, { reason: 'EndpointUnknown', cluster }, signal);
  if (policyProof(object) !== 'enforced')
    return await report(scope, access, { reason: POLICIES_NOT_INSTALLED, cluster }, signal);
  if (inHub) return await report(scope, access, { ...inHub, cluster }, signal);
  if (isByAgent(object)) return await issueByAgent(scope, access, object, signal);
  return await issueDirectly(scope, access, object, signal);
}

/** On a cluster where the operator itself requests the token. */
async function issueDirectly(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const cluster = object.metadata.name ?? '';
  const { uid = '' } = access.metadata;
  const engaged = scope.engagements.get(cluster);
  if (!engaged) {
    // a moment after it is connected it is engaged
    if (isConditionTrue(object.status?.conditions, 'Ready')) return { requeueAfterMs: RETRY_MS };
    return await report(scope, access, { reason: 'ClusterNotConnected', cluster }, signal);
  }
  const account = accountName(access.spec.user);
  if (!engaged.people.isAccessDone(uid, account)) return { requeueAfterMs: RETRY_MS };
  const obstacle = obstacleOfConflicts(engaged.people.conflicts(uid, account));
  if (obstacle) return await report(scope, access, { ...obstacle, cluster }, signal);
  const anchor = engaged.people.anchor(accessSecretName(uid))?.metadata;
  if (!anchor) return { requeueAfterMs: RETRY_MS };
  const endpoint = await knownEndpoint(object, scope.client, signal);
  if (!endpoint) return await report(scope, access, { reason: 'EndpointUnknown', cluster }, signal);
  const other = await clearPlace(scope, access, signal);
  if (other) return await taken(scope, access, { cluster, other }, signal);
  const request = {
    namespace: USERS_NAMESPACE,
    account,
    boundTo: { name: anchor.name ?? '', uid: anchor.uid ?? '' },
    seconds: secondsLeft(access, scope.now()),
  };
  const { token: text } = await requestToken(engaged.cluster.client, request, signal);
  const token = read(text, access);
  if (typeof token === 'string' || token.boundTo !== request.boundTo.uid) {
    const why = typeof token === 'string' ? token : 'it is bound to another Secret';
    await report(scope, access, { reason: 'TokenInvalid', cluster, message: invalidHere(why, cluster) }, signal);
    return { requeueAfterMs: INVALID_RETRY_MS };
  }
  const credentials = await writeKubeconfig(scope, access, { endpoint, token }, signal);
  const { record: kubeconfig, ...ends } = credentials;
  return await report(scope, access, { reason: 'Issued', cluster, kubeconfig, ...ends }, signal);
}

/** Where an agent requests the token: all that is taken from it is that, by a Secret that nobody reads. */
async function issueByAgent(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const cluster = object.metadata.name ?? '';
  const isConnected = isConditionTrue(object.status?.conditions, 'Connected');
  const handOver = isConnected
    ? await ensureTokenSecret(scope, access, signal)
    : scope.secrets.get(tokenSecretKey(access));
  if (!handOver && !isConnected) return await report(scope, access, { reason: 'ClusterNotConnected', cluster }, signal);
  const other = handOver ? await clearPlace(scope, access, signal) : { metadata: tokenSecretKey(access) };
  if (!handOver || other) return await taken(scope, access, { cluster, other: other ?? {} }, signal);
  const tokenSecret = placeOf(access, handOver, scope.now());
  const said = issuedByAgent(access);
  if (said && KEEPS_NO_REVOCATION.includes(said.reason))
    return await report(scope, access, { reason: said.reason, cluster, message: said.message, tokenSecret }, signal);
  const text = tokenIn(handOver);
  const waits = isConnected ? 'WaitingForAgent' : 'ClusterNotConnected';
  if (text === '') return await report(scope, access, { reason: waits, cluster, tokenSecret }, signal);
  const token = read(text, access);
  if (typeof token === 'string')
    return await report(
      scope,
      access,
      { reason: 'TokenInvalid', cluster, message: invalid(token, cluster), tokenSecret },
      signal,
    );
  const endpoint = await knownEndpoint(object, scope.client, signal);
  if (!endpoint) return await report(scope, access, { reason: 'EndpointUnknown', cluster, tokenSecret }, signal);
  const { record: kubeconfig, ...ends } = await writeKubeconfig(scope, access, { endpoint, token }, signal);
  await report(scope, access, { reason: 'Issued', cluster, kubeconfig, ...ends }, signal);
  return { requeueAfterMs: 1 }; // the token was taken: its Secret goes
}

/** What the agent is told of the Secret; for how long it requests a token stays as it was said first. */
function placeOf(access: ClusterAccess, { metadata }: Secret, now: number) {
  const { name = '', uid = '' } = metadata ?? {};
  const before = access.status?.tokenSecret;
  const seconds = before?.uid === uid ? before.expirationSeconds : undefined;
  return { name, uid, expirationSeconds: seconds ?? secondsLeft(access, now) };
}

/** The token, or why it is none. */
function read(text: string, access: ClusterAccess): AccessToken | string {
  try {
    return readAccessToken(text, access);
  } catch (error) {
    if (error instanceof InvalidTokenError) return error.message;
    throw error;
  }
}

const invalidHere = (why: string, cluster: string) =>
  `what cluster ${cluster} answers to a TokenRequest is no token of this ClusterAccess: ${why}; look at its API server, and at what stands before it; it is tried again`;

const invalid = (why: string, cluster: string) =>
  `what the agent of cluster ${cluster} handed over is no token of this ClusterAccess: ${why}; look after the agent, then delete this ClusterAccess and make another`;

interface Taken {
  readonly cluster: string;
  readonly other: Secret;
}

async function taken(
  scope: AccessScope,
  access: ClusterAccess,
  { cluster, other }: Taken,
  signal: AbortSignal,
): Promise<Result> {
  await report(scope, access, { reason: 'Conflict', cluster, message: foreign(other) }, signal);
  return { requeueAfterMs: TAKEN_RETRY_MS };
}
