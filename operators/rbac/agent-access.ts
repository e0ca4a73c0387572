import { type ClusterAccess, ClusterAccessResource, type Cluster as ClusterObject } from '#api';
import {
  type Client,
  type Cluster,
  hasFinalizer,
  isAlreadyExists,
  isConditionTrue,
  type KubeObject,
  type ReconcileContext,
  type Result,
  type Watched,
} from '#runtime';
import { boundTo, endpointOf } from './access-objects.ts';
import { mint } from './access-secret.ts';
import { accessSecretName, accountName } from './account.ts';
import {
  type AccessSeen,
  ANCHOR_DELETED,
  agentsAccessConditions,
  attemptsBy,
  issuedByAgent,
  secretExists,
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
 * The agent's part of a ClusterAccess: the token, which its cluster gives, and the Secret, once the hub's operator has
 * seen to it who may read that. It writes what it can't read, so it remembers in the status which Secret downstream the
 * token is bound to.
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
  const conditions = seen && agentsAccessConditions(access, seen, scope.now());
  if (conditions) await writeWord(scope.client, ClusterAccessResource, access, { conditions, signal });
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
  const { deletion, prepared, cleared } = toldOfAccess(access);
  const account = accountName(access.spec.user);
  const done = place.accounts.isAccessDone(uid, account);
  if (isOver(access) || deletion === 'clean') return done ? 'revoked' : 'later';
  const word = issuedByAgent(access);
  if (deletionTimestamp !== undefined || (!prepared && !word)) return undefined;
  if (scope.people.standing(access) !== 'granted') return undefined;
  if (!done) return 'later';
  if (word?.reason === ANCHOR_DELETED) return undefined; // the hub's operator is about to say that it is over
  const blocked = obstacleOfConflicts(place.accounts.conflicts(uid, account));
  const anchor = place.accounts.anchor(accessSecretName(uid));
  if (word?.status === 'True')
    return anchor && word.message === inForce(anchor)
      ? { issued: true, reason: word.reason, message: word.message, blocked }
      : { issued: false, reason: ANCHOR_DELETED, message: LOST };
  if (blocked) return { issued: false, ...blocked };
  if (attemptsBy(access) > cleared) return undefined; // the hub's operator takes away what is in its place
  return anchor ? await issue(scope, access, place, anchor, signal) : 'later';
}

async function issue(
  { client, hub }: AgentAccessScope,
  access: ClusterAccess,
  { downstream, object }: Place,
  anchor: KubeObject,
  signal: AbortSignal,
): Promise<AccessSeen | undefined> {
  const endpoint = await endpointOf(object, client, signal);
  if (!endpoint) return undefined;
  try {
    await mint({ downstream: downstream.client, hub: client, hubUid: hub(), signal }, access, { endpoint, anchor });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return secretExists(access);
  }
  return { issued: true, reason: 'Issued', message: inForce(anchor) };
}

const LOST = 'the Secret that the token was bound to was deleted on the cluster';

const inForce = ({ metadata }: KubeObject) => boundTo(metadata?.name ?? '', metadata?.uid);
