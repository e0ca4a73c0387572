import { type ClusterAccess, type Cluster as ClusterObject, isPaused } from '#api';
import { isConditionTrue, type KubeObject, keyOf, keyString, type Result } from '#runtime';
import { isByAgent } from '../engagement/agent.ts';
import { KubeconfigError } from '../engagement/kubeconfig.ts';
import { Secrets } from '../engagement/secrets.ts';
import { anchoredAs, endpointOf, expiryOf, isAnchoredTo, type PeoplesEndpoint } from './access-objects.ts';
import { type AccessScope, deleteSecret, ensureRole, report, secretKey } from './access-scope.ts';
import { mint } from './access-secret.ts';
import { accessSecretName, accountName } from './account.ts';
import { attemptsBy, issuedByAgent, toldOfAccess } from './agents-word.ts';
import { KEEPS_NO_REVOCATION, obstacleOfConflicts } from './conflicts.ts';

const RETRY_MS = 500;
/** How soon it is looked again whether a Secret that is somebody else's is gone. */
const TAKEN_RETRY_MS = 5_000;

/** Makes the kubeconfig of an access that has none, once its user is bound and has an account on the cluster. */
export async function issue(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { people, engagements, client, hub } = scope;
  const { uid = '' } = access.metadata;
  const cluster = object.metadata.name ?? '';
  const inHub = obstacleOfConflicts(await ensureRole(scope, access, signal));
  if (!people.isBound(access)) {
    await deleteSecret(scope, access, signal); // one that was made when the operator was stopped
    return await report(scope, access, { reason: 'NotBound', cluster }, signal);
  }
  if (isPaused(access.metadata)) return await report(scope, access, { reason: 'Paused', cluster }, signal);
  const { endpoint: said, connection } = object.spec;
  if (!said && !connection.kubeconfig)
    return await report(scope, access, { reason: 'EndpointUnknown', cluster }, signal);
  if (inHub) return await report(scope, access, { ...inHub, cluster }, signal);
  if (isByAgent(object)) return await leaveToAgent(scope, access, object, signal);
  const engaged = engagements.get(cluster);
  if (!engaged) {
    // a moment after it is connected it is engaged
    if (isConditionTrue(object.status?.conditions, 'Ready')) return { requeueAfterMs: RETRY_MS };
    return await report(scope, access, { reason: 'ClusterNotConnected', cluster }, signal);
  }
  const account = accountName(access.spec.user);
  if (!engaged.people.isAccessDone(uid, account)) return { requeueAfterMs: RETRY_MS };
  const obstacle = obstacleOfConflicts(engaged.people.conflicts(uid, account));
  if (obstacle) return await report(scope, access, { ...obstacle, cluster }, signal);
  const anchor = engaged.people.anchor(accessSecretName(uid));
  if (!anchor) return { requeueAfterMs: RETRY_MS };
  const endpoint = await endpointFor(scope, object, signal);
  if (!endpoint) return await report(scope, access, { reason: 'EndpointUnknown', cluster }, signal);
  // by this operator before it was stopped, or by somebody else
  const isBound = (made: KubeObject) => isAnchoredTo(made, anchor);
  if (await reportMade(scope, access, { cluster, isBound }, signal)) return undefined;
  const downstream = engaged.cluster.client;
  const { expiresAt } = await mint({ downstream, hub: client, hubUid: hub(), signal }, access, { endpoint, anchor });
  await report(scope, access, { reason: 'Issued', cluster, expiresAt }, signal);
  return undefined;
}

/** Where an agent asks for the token and writes the Secret: the hub sees to all around it. */
async function leaveToAgent(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const cluster = object.metadata.name ?? '';
  const word = issuedByAgent(access);
  const reason = isConditionTrue(object.status?.conditions, 'Connected') ? 'WaitingForAgent' : 'ClusterNotConnected';
  const cleared = attemptsBy(access);
  if (cleared > toldOfAccess(access).cleared) {
    const other = await deleteSecret(scope, access, signal);
    if (!other) return await report(scope, access, { reason, cluster, cleared }, signal);
    await report(scope, access, { reason: 'Conflict', cluster, message: foreign(other) }, signal);
    return { requeueAfterMs: TAKEN_RETRY_MS };
  }
  if (word && KEEPS_NO_REVOCATION.includes(word.reason))
    return await report(scope, access, { reason: word.reason, cluster, message: word.message }, signal);
  if (word?.status !== 'True') return await report(scope, access, { reason, cluster }, signal);
  const isBound = (made: KubeObject) => word.message === anchoredAs(made, access);
  if (await reportMade(scope, access, { cluster, isBound }, signal)) return undefined;
  return await report(scope, access, { reason: 'CredentialsDeleted', cluster, pending: true }, signal);
}

const foreign = (secret: KubeObject) =>
  `secrets ${keyString(keyOf(secret))} exists and was not made by Paddock: delete it`;

interface Made {
  readonly cluster: string;
  /** Whether its token hangs on what is on the cluster. */
  readonly isBound: (secret: KubeObject) => boolean;
}

/** Whether there is a Secret already, and says whose it is. One that somebody wrote with our marks goes. */
async function reportMade(
  scope: AccessScope,
  access: ClusterAccess,
  { cluster, isBound }: Made,
  signal: AbortSignal,
): Promise<boolean> {
  const made = await scope.client.find(Secrets, secretKey(access), { signal, metadataOnly: true });
  if (!made) return false;
  const expiresAt = expiryOf(made, access);
  if (expiresAt !== undefined && !isBound(made)) {
    await scope.client.delete(Secrets, secretKey(access), { uid: made.metadata?.uid, signal });
    return false;
  }
  const found =
    expiresAt === undefined ? { reason: 'Conflict', message: foreign(made) } : { reason: 'Issued', expiresAt };
  await report(scope, access, { ...found, cluster }, signal);
  return true;
}

async function endpointFor(
  { client }: AccessScope,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<PeoplesEndpoint | undefined> {
  try {
    return await endpointOf(object, client, signal);
  } catch (error) {
    if (error instanceof KubeconfigError) return undefined;
    throw error;
  }
}
