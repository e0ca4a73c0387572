import { type ClusterAccess, ClusterAccessResource, type Cluster as ClusterObject, USERS_NAMESPACE } from '#api';
import {
  type Client,
  type Cluster,
  hasFinalizer,
  isConditionTrue,
  isConflict,
  isNotFound,
  type KubeObject,
  type ReconcileContext,
  type Result,
  type Watched,
} from '#runtime';
import { policyProof } from '../engagement/policies-enforced.ts';
import { Secrets } from '../engagement/secrets.ts';
import { requestToken } from '../engagement/token.ts';
import { TOKEN_KEY, tokenSecret } from './access-objects.ts';
import { accessSecretName, accountName } from './account.ts';
import {
  type AccessSeen,
  ANCHOR_DELETED,
  agentsAccessStatus,
  type ToldOfAccess,
  toldOfAccess,
  writeWord,
} from './agents-word.ts';
import { obstacleOfConflicts } from './conflicts.ts';
import { FINALIZER } from './deletion.ts';
import type { EngagedPeople } from './engaged-people.ts';
import type { Engagements } from './engagements.ts';
import { type HubPeople, isOver } from './people.ts';

export interface AgentAccessScope {
  readonly client: Client;
  /** The Cluster that the agent works for. */
  readonly cluster: string;
  readonly clusters: Watched<ClusterObject>;
  readonly people: HubPeople;
  readonly engagements: Engagements;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly now: () => number;
}

const RETRY_MS = 500;

/**
 * The agent's part of a ClusterAccess: the token, which its cluster gives. It puts it into the Secret that the hub's
 * operator names in the status, and watches over what it is bound to.
 */
export async function reconcileAgentAccess(
  scope: AgentAccessScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const { cluster, clusters, people, engagements } = scope;
  const access = people.accesses.get(key);
  const engaged = engagements.get(cluster);
  const object = clusters.get({ name: cluster });
  if (!access || !engaged || !object || !hasFinalizer(access, FINALIZER)) return undefined;
  if (!isConditionTrue(object.status?.conditions, 'Connected')) return undefined;
  const seen = await look(scope, access, { downstream: engaged.cluster, accounts: engaged.people, object }, signal);
  if (seen === 'later') return { requeueAfterMs: RETRY_MS };
  const status = seen && agentsAccessStatus(access, seen, scope.now());
  if (status) await writeWord(scope.client, ClusterAccessResource, access, { ...status, signal });
  return undefined;
}

interface Place {
  readonly downstream: Cluster;
  readonly accounts: EngagedPeople;
  readonly object: ClusterObject;
}

/** What is to be said of the access now; undefined for nothing. */
async function look(
  scope: AgentAccessScope,
  access: ClusterAccess,
  place: Place,
  signal: AbortSignal,
): Promise<AccessSeen | 'later' | undefined> {
  const { uid = '', deletionTimestamp } = access.metadata;
  const { deletion, tokenSecret, boundTo } = toldOfAccess(access);
  const account = accountName(access.spec.user);
  const done = place.accounts.isAccessDone(uid, account);
  if (isOver(access) || deletion === 'clean') return done ? 'revoked' : 'later';
  if (deletionTimestamp !== undefined || (!tokenSecret && boundTo === undefined)) return undefined;
  if (scope.people.standing(access) !== 'granted') return undefined;
  if (boundTo === undefined && policyProof(place.object) !== 'enforced') return undefined; // the hub's operator says so
  if (!done) return 'later';
  const blocked = obstacleOfConflicts(place.accounts.conflicts(uid, account));
  const anchor = place.accounts.anchor(accessSecretName(uid));
  if (boundTo !== undefined) return anchor?.metadata?.uid === boundTo ? { ...TAKEN, blocked } : LOST;
  if (blocked) return { issued: false, ...blocked };
  if (!anchor) return 'later';
  return tokenSecret && (await handOver(scope, access, { ...place, tokenSecret, anchor }, signal));
}

interface HandOver extends Place {
  readonly tokenSecret: NonNullable<ToldOfAccess['tokenSecret']>;
  readonly anchor: KubeObject;
}

/** Puts a token into the Secret, unless it has put one there that is bound to what is on the cluster now. */
async function handOver(
  { client, hub }: AgentAccessScope,
  access: ClusterAccess,
  { downstream, tokenSecret: { uid, expirationSeconds }, anchor }: HandOver,
  signal: AbortSignal,
): Promise<AccessSeen | 'later' | undefined> {
  const { name = '', uid: boundTo = '' } = anchor.metadata ?? {};
  const before = access.status?.agent;
  if (before?.tokenSecretUID === uid && before.boundTo === boundTo) return undefined;
  const account = accountName(access.spec.user);
  const request = { namespace: USERS_NAMESPACE, account, boundTo: { name, uid: boundTo }, seconds: expirationSeconds };
  const { token } = await requestToken(downstream.client, request, signal);
  const { metadata, ...empty } = tokenSecret(access, hub());
  const body = {
    ...empty,
    metadata: { ...metadata, uid },
    data: { [TOKEN_KEY]: Buffer.from(token).toString('base64') },
  };
  try {
    await client.replace(Secrets, body, { signal });
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return 'later'; // the hub is about to name another
    throw error;
  }
  return { ...TAKEN, token: { tokenSecretUID: uid, boundTo } };
}

/** The token is where the hub takes it from, or was taken. */
const TAKEN = {
  issued: true,
  reason: 'TokenHandedOver',
  message: 'the token is in the Secret that status.tokenSecret names',
} as const;
const LOST: AccessSeen = {
  issued: false,
  reason: ANCHOR_DELETED,
  message: 'the Secret that the token was bound to was deleted on the cluster',
};
