import type { Cluster } from '#api';
import { isConditionTrue } from '#runtime';

/**
 * Condition of a Cluster: its API server was seen to refuse by each of our admission policies what they must refuse.
 * Absent while that is not known.
 */
export const POLICIES_ENFORCED = 'PoliciesEnforced';

/** Whether what the policies guard may be given on the cluster. */
export function enforcesPolicies(cluster: Cluster | undefined): boolean {
  return isConditionTrue(cluster?.status?.conditions, POLICIES_ENFORCED);
}
