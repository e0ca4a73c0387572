import { type Cluster, clusterNamespace } from '#api';
import type { ConditionIntent, Credentials, Informer } from '#runtime';
import { parseDuration } from '../engagement/duration.ts';
import { KubeconfigError, readKubeconfigSecret, type Secret, type SecretReference } from '../engagement/kubeconfig.ts';
import type { AgentConnection } from './agent-session.ts';

/** How a cluster is to be reached and watched; another `hash` means another credential. */
export interface Connection {
  readonly credentials: Credentials;
  /** Where a kubeconfig points; undefined for `local`. */
  readonly server?: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly hash: string;
}

/** For messages: where a connection goes. */
export function nameOf({ server = 'the hub' }: Connection): string {
  return server;
}

/** Why a kubeconfig is not used; the reason is that of Connected. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** What the spec and its Secret say about the connection. */
export type ConnectionState =
  | { readonly kind: 'usable'; readonly connection: Connection }
  /** Nothing is opened from here: the agent's heartbeats are waited for. */
  | { readonly kind: 'agent'; readonly connection: AgentConnection }
  /** There is none to open; the condition says why. */
  | {
      readonly kind: 'none';
      readonly connected: ConditionIntent;
      readonly stalled?: ConditionIntent;
      /** There is a kubeconfig that can't be used: a connection that works by the one before goes on. */
      readonly refusal?: Refusal;
    }
  /** Not known yet: the Secret has not been read. */
  | { readonly kind: 'pending' };

export interface ConnectionSources {
  readonly hubCredentials: Credentials;
  /** All Clusters of the hub. */
  readonly clusters: readonly Cluster[];
  /** The informer of one Secret. */
  readonly secret: (reference: SecretReference) => Pick<Informer<Secret>, 'known' | 'get'>;
}

/** Heartbeat settings where the spec leaves them out. */
const DEFAULT_HEARTBEAT = { interval: '5s', timeout: '15s' };

/** Where the kubeconfig of a pushed cluster lies; undefined for other clusters. */
export function secretReference(cluster: Cluster): SecretReference | undefined {
  const { kubeconfig } = cluster.spec.connection;
  return kubeconfig && { namespace: clusterNamespace(cluster.metadata.name ?? ''), ...kubeconfig.secretRef };
}

/** Decides how a cluster is to be reached. Sends nothing and executes nothing. */
export function resolveConnection(cluster: Cluster, sources: ConnectionSources): ConnectionState {
  if (cluster.spec.connection.local) return localConnection(cluster, sources);
  const reference = secretReference(cluster);
  if (!reference) return { kind: 'agent', connection: heartbeatOf(cluster) };
  const informer = sources.secret(reference);
  const secret = informer.get({ namespace: reference.namespace, name: reference.name });
  if (!secret && !informer.known) return { kind: 'pending' };
  try {
    const { credentials, hash, server } = readKubeconfigSecret(secret, reference);
    return usable(cluster, { credentials, hash, server });
  } catch (error) {
    if (error instanceof KubeconfigError) return without(error);
    throw error;
  }
}

/** The Cluster that is the hub itself: of several the oldest, of those the first by name. */
export function localHolder(clusters: readonly Cluster[]): Cluster | undefined {
  const [first] = clusters.filter(({ spec }) => spec.connection.local).sort(byAge);
  return first;
}

function localConnection(cluster: Cluster, { clusters, hubCredentials }: ConnectionSources): ConnectionState {
  const holder = localHolder(clusters);
  if (!holder || holder.metadata.name === cluster.metadata.name)
    return usable(cluster, { credentials: hubCredentials, hash: 'local' });
  const reason = 'LocalTaken';
  const message = `Cluster ${holder.metadata.name} stands for the hub already: delete one of the two`;
  return {
    kind: 'none',
    connected: { type: 'Connected', status: 'Unknown', reason, message },
    stalled: { type: 'Stalled', status: 'True', reason, message },
  };
}

function usable(cluster: Cluster, how: Pick<Connection, 'credentials' | 'server' | 'hash'>): ConnectionState {
  return { kind: 'usable', connection: { ...how, ...heartbeatOf(cluster) } };
}

function heartbeatOf({ spec }: Cluster): { intervalMs: number; timeoutMs: number } {
  const { interval, timeout } = { ...DEFAULT_HEARTBEAT, ...spec.heartbeat };
  return { intervalMs: parseDuration(interval), timeoutMs: parseDuration(timeout) };
}

function without({ reason, message, isMissing }: KubeconfigError): ConnectionState {
  const connected: ConditionIntent = { type: 'Connected', status: 'False', reason, message };
  return { kind: 'none', connected, ...(isMissing ? {} : { refusal: { reason, message } }) };
}

function byAge(a: Cluster, b: Cluster): number {
  const left = [a.metadata.creationTimestamp ?? '', a.metadata.name ?? ''];
  const right = [b.metadata.creationTimestamp ?? '', b.metadata.name ?? ''];
  return compare(left[0], right[0]) || compare(left[1], right[1]);
}

function compare(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
