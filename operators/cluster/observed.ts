import type { ClusterStatus } from '#api';
import { type ConditionIntent, findCondition } from '#runtime';
import type { Identity } from './establish.ts';
import type { InventoryState } from './inventory/inventory.ts';
import { INVENTORY_FIELDS, inventoryFields, NODES_READY_REASONS, nodesReadyCondition } from './inventory/status.ts';

/**
 * The part of a Cluster's status that is seen in the cluster itself: written by who is connected to it, the hub's
 * cluster operator or the agent.
 */
export const OBSERVED_FIELDS = ['apiServer', 'version', 'distribution', ...INVENTORY_FIELDS] as const;
export const OBSERVED_CONDITIONS: readonly string[] = ['NodesReady'];

export interface Observed {
  readonly identity?: Identity;
  readonly inventory?: InventoryState | undefined;
}

/** The fields as they are known; what was not learnt yet stays as it was. */
export function observedFields({ identity, inventory }: Observed, before: ClusterStatus): ClusterStatus {
  const { apiServer, version, distribution } = identity ?? before;
  return {
    ...(apiServer ? { apiServer } : {}),
    ...(version ? { version } : {}),
    ...(distribution ? { distribution } : {}),
    ...inventoryFields(inventory, before),
  };
}

export function observedConditions({ inventory }: Observed, before: ClusterStatus): ConditionIntent[] {
  const nodes = nodesReadyCondition(inventory) ?? existing(before, 'NodesReady', NODES_READY_REASONS);
  return nodes ? [nodes] : [];
}

/** The condition as it stands, if its reason is one of these. */
export function existing(
  status: ClusterStatus | undefined,
  type: string,
  reasons: readonly string[],
): ConditionIntent | undefined {
  const before = findCondition(status?.conditions, type);
  if (!before || !reasons.includes(before.reason)) return undefined;
  const { status: truth, reason, message } = before;
  return { type, status: truth, reason, message };
}
