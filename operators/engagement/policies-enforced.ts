import type { Cluster } from '#api';

/** Whether a cluster was seen to enforce our admission policies, so that what they guard may be given there. */
export type PolicyProof = 'enforced' | 'notEnforced' | 'unknown';

/** As the Cluster says; unknown of one that is not there. */
export function policyProof(cluster: Cluster | undefined): PolicyProof {
  const { policiesEnforced } = cluster?.status ?? {};
  if (policiesEnforced === undefined) return 'unknown';
  return policiesEnforced ? 'enforced' : 'notEnforced';
}
