import type { ClusterStatus } from '#api';
import type { ConditionIntent } from '#runtime';
import type { InventoryState, Summary } from './inventory.ts';
import { leftOutMessage } from './left-out.ts';

/** The fields of a Cluster's status that an inventory fills. */
export const INVENTORY_FIELDS = ['nodes', 'capacity', 'allocatable', 'requested'] as const;

type InventoryFields = Pick<ClusterStatus, (typeof INVENTORY_FIELDS)[number]>;

/** Every reason that condition NodesReady can have. */
export const NODES_READY_REASONS = ['NodesReady', 'NodesUnhealthy', 'Forbidden', 'ReadFailed'];

/** As many nodes as a message names. */
const NAMED = 3;

/** What was counted; what was there before where nothing was counted yet. */
export function inventoryFields(state: InventoryState | undefined, before: ClusterStatus): InventoryFields {
  const { nodes, capacity, allocatable, requested } = state?.summary ?? before;
  return {
    ...(nodes ? { nodes } : {}),
    ...(capacity ? { capacity } : {}),
    ...(allocatable ? { allocatable } : {}),
    ...(requested ? { requested } : {}),
  };
}

/**
 * Condition NodesReady; undefined while nothing is known. A cluster without nodes is well as it is: control planes
 * without any are legal, and so are node pools that have shrunk to none.
 */
export function nodesReadyCondition(state: InventoryState | undefined): ConditionIntent | undefined {
  const { summary, nodesUnreadable } = state ?? {};
  const type = 'NodesReady';
  if (nodesUnreadable) return { type, status: 'Unknown', ...nodesUnreadable };
  if (!summary) return undefined;
  const message = [nodesMessage(summary), podsMessage(state), leftMessage(summary)].filter(Boolean).join('; ');
  return summary.unhealthyTotal === 0
    ? { type, status: 'True', reason: 'NodesReady', message }
    : { type, status: 'False', reason: 'NodesUnhealthy', message };
}

function nodesMessage({ nodes, unhealthyTotal }: Summary): string {
  const { total = 0, unhealthy = [] } = nodes;
  if (total === 0) return 'the cluster has no nodes: its Pods wait until one joins';
  if (unhealthyTotal === 0) return 'all nodes are ready and none is under pressure';
  const named = unhealthy.slice(0, NAMED).map(({ name, reasons = [] }) => `${name} (${reasons.join(', ')})`);
  const more = unhealthyTotal - named.length;
  const which = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `${unhealthyTotal} of ${total} nodes are unhealthy: ${which}; look at them in the cluster with kubectl describe node`;
}

function podsMessage({ podsUnreadable }: InventoryState = {}): string {
  return podsUnreadable ? `what Pods request is not known: ${podsUnreadable.message}` : '';
}

function leftMessage({ leftOut }: Summary): string {
  return leftOut ? leftOutMessage(leftOut) : '';
}
