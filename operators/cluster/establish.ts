import {
  BOUNDS,
  type Cluster as ClusterConnection,
  type Credentials,
  isAlreadyExists,
  type KubeObject,
  Namespaces,
  parseObject,
  printable,
} from '#runtime';
import {
  AlreadyClaimedError,
  assertClaim,
  CLAIM,
  type ConfigMap,
  ConfigMaps,
  claim,
  isPredecessor,
  type Owner,
  takeOver,
} from '../engagement/claim.ts';
import type { Problem } from '../engagement/heartbeat.ts';
import { caFingerprint } from '../engagement/kubeconfig.ts';
import {
  type Distribution,
  distributionOfServer,
  distributionOfVersion,
  isSupported,
  OLDEST_SUPPORTED,
} from './version.ts';

/** What was learnt of a cluster that answers. */
export interface Identity {
  readonly apiServer: { readonly url: string; readonly caSHA256?: string };
  readonly version: string;
  readonly distribution: Distribution;
}

/** As much of a version as a status holds; those of Kubernetes have some twenty characters. */
const VERSION_LENGTH = 128;

/** Asks a server what it is: its version and, where that does not tell the distribution, its API groups. */
export async function identify(
  connection: ClusterConnection,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Identity> {
  const { server, tls } = await credentials.resolve();
  const version = gitVersion(await getJson(connection, '/version', signal));
  const distribution =
    distributionOfVersion(version) ??
    distributionOfServer(server, groupNames(await getJson(connection, '/apis', signal)));
  const caSHA256 = tls.ca === undefined ? undefined : caFingerprint(tls.ca.toString());
  return { apiServer: { url: server, ...(caSHA256 === undefined ? {} : { caSHA256 }) }, version, distribution };
}

/** A Kubernetes that Paddock can't guard; undefined for one that it can. */
export function versionProblem(version: string): Problem | undefined {
  if (isSupported(version)) return undefined;
  const oldest = `v${OLDEST_SUPPORTED.major}.${OLDEST_SUPPORTED.minor}`;
  const message = `the cluster runs Kubernetes ${version}, which has no ValidatingAdmissionPolicy: upgrade it to ${oldest} or newer`;
  return { reason: 'VersionUnsupported', message, terminal: true };
}

export interface ClaimRequest {
  readonly owner: Owner;
  readonly clusterName: string;
  /** Made if the cluster has no namespace of this name. */
  readonly systemNamespace: KubeObject;
  /** Asks the hub whether the Cluster that claims exists; without it no claim is taken over. */
  readonly isCurrent?: (signal: AbortSignal) => Promise<boolean>;
}

/** Namespace `paddock-system` is being deleted: there is nowhere to claim the cluster until it is gone. */
class GoingError extends Error {
  override readonly name = 'GoingError';
}

const GOING = `its namespace ${CLAIM.namespace} is being deleted, by the clean-up of an earlier Cluster or by somebody`;

/**
 * Claims the cluster. Reads first: a cluster that is somebody else's gets no write, not even the namespace. The claim
 * of an earlier Cluster of the same name is taken over: of that name the hub has one at a time.
 * @throws AlreadyClaimedError, and an error while its namespace is being deleted
 */
export async function takeClaim(
  { client }: ClusterConnection,
  { owner, clusterName, systemNamespace, isCurrent }: ClaimRequest,
  signal: AbortSignal,
): Promise<void> {
  // one after the other, over one socket
  const existing = await client.find(ConfigMaps, CLAIM, { signal });
  const namespace = await client.find(Namespaces, { name: CLAIM.namespace }, { signal, metadataOnly: true });
  const isTakenOver = existing && isPredecessor(existing, owner, clusterName) && (await isCurrent?.(signal));
  if (!isTakenOver) assertClaim(existing, owner);
  // a claim could still be changed there, and would go with its namespace
  if (namespace?.metadata?.deletionTimestamp) throw new GoingError(GOING);
  if (isTakenOver) return await takeOver(client, existing, owner, signal);
  if (existing) return;
  if (!namespace) {
    try {
      await client.create(Namespaces, {}, systemNamespace, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  await claim(client, owner, clusterName, signal);
}

/** Tells of the claim as it is and changes, and when there is none. Ends with the cluster. */
export function watchClaim(
  { cache }: ClusterConnection,
  { seen, gone }: { readonly seen: (claim: ConfigMap) => void; readonly gone: () => void },
  signal: AbortSignal,
): void {
  const claims = cache.informer(ConfigMaps, {
    namespace: CLAIM.namespace,
    fieldSelector: `metadata.name=${CLAIM.name}`,
  });
  claims.subscribe({ applied: seen, deleted: gone });
  // one that went between somebody's look at it and the first list is told as nothing
  claims.whenSynced(signal).then(
    () => claims.get(CLAIM) ?? gone(),
    () => undefined,
  );
}

/** What a failed claim means. */
export function claimProblem(error: unknown, describe: (error: unknown) => string): Problem {
  if (error instanceof AlreadyClaimedError) return { reason: 'AlreadyClaimed', message: error.message, terminal: true };
  if (error instanceof GoingError) {
    const message = `${error.message}: it is claimed when that namespace is gone; see what it waits for there`;
    return { reason: 'ClaimFailed', message, terminal: false };
  }
  const advice = 'grant the connection’s user what Paddock needs there; it is tried again with the next heartbeat';
  return {
    reason: 'ClaimFailed',
    message: `the cluster could not be claimed: ${describe(error)}; ${advice}`,
    terminal: false,
  };
}

/** The answer; undefined when it is not 200. */
async function getJson({ transport }: ClusterConnection, path: string, signal: AbortSignal): Promise<unknown> {
  const bounds = { timeoutMs: 10_000, maxBytes: BOUNDS.probeBytes };
  const { status, body } = await transport.request({ method: 'GET', path, signal, ...bounds });
  return status === 200 ? parseObject(body, `GET ${path}`) : undefined;
}

function gitVersion(answer: unknown): string {
  const version = printable(field(answer, 'gitVersion'), VERSION_LENGTH);
  if (version !== '') return version;
  throw new Error(
    'GET /version gives no gitVersion: this is no Kubernetes API server, or the credential may not ask it',
  );
}

function groupNames(answer: unknown): string[] {
  const groups = field(answer, 'groups');
  const names: unknown[] = Array.isArray(groups) ? groups.map(group => field(group, 'name')) : [];
  return names.filter(name => typeof name === 'string');
}

function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined;
}
