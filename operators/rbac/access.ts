import { type ClusterAccess, ClusterAccessResource } from '#api';
import {
  addFinalizer,
  hasFinalizer,
  type KubeObject,
  type ReconcileContext,
  type Result,
  removeFinalizer,
} from '#runtime';
import { Secrets } from '../engagement/secrets.ts';
import { issue } from './access-issue.ts';
import { anchoredAs, expiryOf, isAnchoredTo } from './access-objects.ts';
import { type AccessScope, deleteSecret, ensureRole, isAgents, removeRole, report, secretKey } from './access-scope.ts';
import { accessSecretName, accountName } from './account.ts';
import { blockedByAgent, isRevokedByAgent, issuedByAgent } from './agents-word.ts';
import { obstacleOfConflicts } from './conflicts.ts';
import { FINALIZER } from './deletion.ts';
import { clusterOfAccess, isOver } from './people.ts';

const RETRY_MS = 500;
const LONGEST_WAIT_MS = 86_400_000;

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
  if (isOver(access)) return await over(scope, access, cluster, signal);
  if (!hasFinalizer(access, FINALIZER)) {
    // asked live before the finalizer is put on, without which nothing is given
    if (!(await scope.verdicts.stands(cluster, signal))) return { requeueAfterMs: RETRY_MS };
    await addFinalizer(scope.client, ClusterAccessResource, access, FINALIZER, signal);
    return undefined;
  }
  if (!scope.people.known) return { requeueAfterMs: RETRY_MS };
  const { expiresAt } = access.status ?? {};
  if (expiresAt !== undefined) return await keep(scope, access, { cluster, expiresAt }, signal);
  return await issue(scope, access, object, signal);
}

/** One that has its kubeconfig. */
async function keep(
  scope: AccessScope,
  access: ClusterAccess,
  { cluster, expiresAt }: { readonly cluster: string; readonly expiresAt: string },
  signal: AbortSignal,
): Promise<Result | undefined> {
  const left = Date.parse(expiresAt) - scope.now();
  const secret = await scope.client.find(Secrets, secretKey(access), { signal, metadataOnly: true });
  const reason =
    left <= 0
      ? 'Expired'
      : !scope.people.isBound(access)
        ? 'NoLongerBound'
        : secret && expiryOf(secret, access) !== undefined && !isAdrift(scope, access, cluster, secret)
          ? undefined
          : 'CredentialsDeleted';
  // the status first: once the Secret is gone it could not be told any more why
  if (reason !== undefined) {
    await report(scope, access, { reason, cluster, pending: true }, signal);
    return { requeueAfterMs: 1 };
  }
  const conflicts = await ensureRole(scope, access, signal);
  const obstacle = obstacleOfConflicts(conflicts) ?? obstacleThere(scope, access, cluster);
  await report(scope, access, { ...(obstacle ?? { reason: 'Issued' }), cluster, expiresAt }, signal);
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
function isAdrift({ engagements }: AccessScope, access: ClusterAccess, cluster: string, secret: KubeObject): boolean {
  const { uid = '' } = access.metadata;
  const word = issuedByAgent(access);
  if (word) return word.message !== anchoredAs(secret, access);
  const people = engagements.get(cluster)?.people;
  if (!people?.isAccessDone(uid, accountName(access.spec.user))) return false;
  return !isAnchoredTo(secret, people.anchor(accessSecretName(uid)));
}

/** One that is over: its Secret goes, and what it hangs on downstream. */
async function over(
  scope: AccessScope,
  access: ClusterAccess,
  cluster: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  await ensureRole(scope, access, signal); // to read why, and to delete it
  await deleteSecret(scope, access, signal);
  const pending = isConfirmed(scope, access, cluster) ? {} : { pending: true };
  return await report(scope, access, { reason: undefined, cluster, ...pending }, signal);
}

async function remove(scope: AccessScope, access: ClusterAccess, signal: AbortSignal): Promise<Result | undefined> {
  const { people, verdicts, engagements, client } = scope;
  const cluster = clusterOfAccess(access) ?? '';
  if (!hasFinalizer(access, FINALIZER)) return undefined;
  const verdict = await verdicts.verdict(access, signal);
  if (verdict === undefined) return { requeueAfterMs: RETRY_MS };
  if (verdict === 'clean') {
    await deleteSecret(scope, access, signal);
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
  verdicts.forget(access);
  return undefined;
}

/** Nothing of the access is left on its cluster. */
function isConfirmed(scope: AccessScope, access: ClusterAccess, cluster: string): boolean {
  const { engagements } = scope;
  const { metadata, spec } = access;
  if (isAgents(scope, access)) return isRevokedByAgent(access);
  return engagements.get(cluster)?.people.isAccessDone(metadata.uid ?? '', accountName(spec.user)) ?? false;
}
