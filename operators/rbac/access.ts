import { type ClusterAccess, ClusterAccessResource, type Cluster as ClusterObject, isPaused } from '#api';
import { addFinalizer, hasFinalizer, type ReconcileContext, type Result, removeFinalizer, timestamp } from '#runtime';
import { holdKubeconfig, removeSecrets, removeTokenSecret } from './access-credentials.ts';
import { issue } from './access-issue.ts';
import { deletionDue, isTooMany } from './access-limit.ts';
import { type AccessScope, ensureRole, isAgents, removeRole, report } from './access-scope.ts';
import { endOf } from './access-token.ts';
import { accessSecretName, accountName } from './account.ts';
import { ANCHOR_DELETED, blockedByAgent, isRevokedByAgent, issuedByAgent } from './agents-word.ts';
import { obstacleOfConflicts } from './conflicts.ts';
import { FINALIZER } from './deletion.ts';
import { clusterOfAccess, isOver } from './people.ts';

const RETRY_MS = 500;
const LONGEST_WAIT_MS = 86_400_000;
/** How soon the endpoint of the cluster is looked for again, which is needed to restore a kubeconfig. */
const LATER_MS = 10_000;

/** Makes a kubeconfig of a ClusterAccess, once, and ends it: when it is deleted, expires, or nobody is bound any more. */
export async function reconcileAccess(
  scope: AccessScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const access = scope.people.accesses.get(key);
  if (!access) return undefined;
  if (access.metadata.deletionTimestamp) return await remove(scope, access, signal);
  const cluster = clusterOfAccess(access);
  const object = cluster === undefined ? undefined : scope.clusters.get({ name: cluster });
  if (cluster === undefined || !object || object.metadata.deletionTimestamp)
    return await report(scope, access, { reason: 'ClusterNotFound', cluster: cluster ?? '' }, signal);
  if (scope.people.isLocal(cluster)) return await report(scope, access, { reason: 'LocalCluster', cluster }, signal);
  if (!isOver(access) && scope.people.known && scope.people.isSurplus(access)) {
    const pending = hasFinalizer(access, FINALIZER) ? { pending: true } : {};
    await report(scope, access, { reason: 'TooMany', cluster, ...pending }, signal);
    return { requeueAfterMs: 1 };
  }
  if (isOver(access) && hasFinalizer(access, FINALIZER)) return await over(scope, access, cluster, signal);
  if (!hasFinalizer(access, FINALIZER)) {
    // asked live before the finalizer is put on, without which nothing is given
    if (!(await scope.verdicts.stands(cluster, signal))) return { requeueAfterMs: RETRY_MS };
    await addFinalizer(scope.client, ClusterAccessResource, access, FINALIZER, signal);
    return undefined;
  }
  if (!scope.people.known) return { requeueAfterMs: RETRY_MS };
  if (access.status?.expiresAt === undefined) return await issue(scope, access, object, signal);
  return await keep(scope, access, object, signal);
}

/** One that has its kubeconfig. */
async function keep(
  scope: AccessScope,
  access: ClusterAccess,
  object: ClusterObject,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const cluster = object.metadata.name ?? '';
  const end = endOf(access);
  const left = end - scope.now();
  const reason =
    left <= 0
      ? 'Expired'
      : !scope.people.isBound(access)
        ? 'NoLongerBound'
        : isAdrift(scope, access, cluster)
          ? 'CredentialsDeleted'
          : undefined;
  const expiresAt = timestamp(end);
  const held = reason === undefined ? await holdKubeconfig(scope, access, { object, expiresAt }, signal) : undefined;
  if (held === 'later') return { requeueAfterMs: LATER_MS };
  // the status first: once the Secret is gone it could not be told any more why
  if (held === undefined) {
    await report(scope, access, { reason: reason ?? 'CredentialsDeleted', cluster, pending: true }, signal);
    return { requeueAfterMs: 1 };
  }
  const inHub = obstacleOfConflicts(await ensureRole(scope, access, signal));
  const obstacle = inHub ?? obstacleThere(scope, access, cluster);
  const { record: kubeconfig } = held;
  await report(scope, access, { ...(obstacle ?? { reason: 'Issued' }), cluster, expiresAt, kubeconfig }, signal);
  await removeTokenSecret(scope, access, signal);
  return { requeueAfterMs: Math.min(left, LONGEST_WAIT_MS) };
}

/** What keeps the account from acting as its user for now: a foreign object in the place of one of its, or one of its that is Terminating. */
function obstacleThere({ engagements }: AccessScope, access: ClusterAccess, cluster: string) {
  const byAgent = blockedByAgent(access);
  if (byAgent) return { reason: byAgent.reason, message: byAgent.message };
  const people = engagements.get(cluster)?.people;
  return people && obstacleOfConflicts(people.conflicts(access.metadata.uid ?? '', accountName(access.spec.user)));
}

/** What its token is bound to was deleted on the cluster. Not known of one that is away. */
function isAdrift(scope: AccessScope, access: ClusterAccess, cluster: string): boolean {
  const { uid = '' } = access.metadata;
  if (isAgents(scope, access)) return issuedByAgent(access)?.reason === ANCHOR_DELETED;
  const { boundTo } = access.status?.kubeconfig ?? {};
  const people = scope.engagements.get(cluster)?.people;
  if (boundTo === undefined || !people?.isAccessDone(uid, accountName(access.spec.user))) return false;
  return people.anchor(accessSecretName(uid))?.metadata?.uid !== boundTo;
}

/** One that is over: its Secrets go, and what its token hangs on downstream; one that nobody misses goes itself. */
async function over(
  scope: AccessScope,
  access: ClusterAccess,
  cluster: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  await ensureRole(scope, access, signal); // to read why, and to delete it
  await removeSecrets(scope, access, signal);
  const pending = isConfirmed(scope, access, cluster) ? {} : { pending: true };
  await report(scope, access, { reason: undefined, cluster, ...pending }, signal);
  const due = deletionDue(access);
  if (due === undefined || isPaused(access.metadata)) return undefined;
  const left = due - scope.now();
  if (left > 0) return { requeueAfterMs: left };
  const { name = '', namespace = '', uid } = access.metadata;
  await scope.client.delete(ClusterAccessResource, { namespace, name }, { uid, signal });
  return undefined;
}

async function remove(scope: AccessScope, access: ClusterAccess, signal: AbortSignal): Promise<Result | undefined> {
  const { people, verdicts, engagements, client } = scope;
  const cluster = clusterOfAccess(access) ?? '';
  if (!hasFinalizer(access, FINALIZER)) return undefined;
  const verdict = await verdicts.verdict(access, signal);
  if (verdict === undefined) return { requeueAfterMs: RETRY_MS };
  if (verdict === 'clean') {
    await removeSecrets(scope, access, signal);
    people.revoke(access);
    if (!isConfirmed(scope, access, cluster))
      return await report(scope, access, { reason: 'Deleting', cluster, pending: true }, signal);
    await removeRole(scope, access, signal);
  }
  if (verdict === 'letGo') {
    people.letGo();
    if (isAgents(scope, access))
      await report(scope, access, { reason: 'Uninstalled', cluster, deletion: 'letGo' }, signal);
  }
  if (verdict === 'handBack' && engagements.get(cluster)) return { requeueAfterMs: RETRY_MS };
  await removeFinalizer(client, ClusterAccessResource, access, FINALIZER, signal);
  scope.known.delete(access.metadata.uid ?? '');
  verdicts.forget(access);
  return undefined;
}

/** Nothing of the access is left on its cluster. */
function isConfirmed(scope: AccessScope, access: ClusterAccess, cluster: string): boolean {
  const { engagements } = scope;
  const { metadata, spec, status } = access;
  if (isTooMany(access) && status?.expiresAt === undefined) return true; // nothing was ever given
  if (isAgents(scope, access)) return isRevokedByAgent(access, { over: isOver(access) });
  return engagements.get(cluster)?.people.isAccessDone(metadata.uid ?? '', accountName(spec.user)) ?? false;
}
