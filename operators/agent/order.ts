import { type Cluster, isPaused } from '#api';
import { findCondition } from '#runtime';
import type { Registration } from './manifest-secret.ts';

/**
 * What the hub wants of the agent of a Cluster: `engage` while the Cluster stands; once it is being deleted `wait`,
 * `clean`, then `release` the cluster; `leave` is to release it as it is.
 */
export type Order = 'engage' | 'wait' | 'clean' | 'release' | 'leave';

/**
 * Reads the order from the agent's Cluster as the server has it now. An API that is uninstalled, or a hub that was
 * emptied, orders nothing: a Cluster is handed back only when the cluster operator says so in its condition Cleaned.
 */
export function orderOf({ metadata, spec, status }: Cluster, { clusterUid }: Pick<Registration, 'clusterUid'>): Order {
  if (metadata.uid !== clusterUid) return 'wait';
  if (metadata.deletionTimestamp === undefined) return 'engage';
  if (isPaused(metadata) || spec.connection.agent === undefined) return 'wait';
  return ORDERS[findCondition(status?.conditions, 'Cleaned')?.reason ?? ''] ?? 'wait';
}

/** Reasons of the condition Cleaned; with every other nothing is to be done. */
const ORDERS: Readonly<Record<string, Order>> = {
  Cleaning: 'clean',
  CleanupFailed: 'clean',
  Cleaned: 'release',
  Orphaned: 'leave',
};
