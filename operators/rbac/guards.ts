import type { Cluster as ClusterObject } from '#api';
import type { Watched } from '#runtime';
import { enforcesPolicies } from '../engagement/policies-enforced.ts';
import type { Obstacle } from './binding-status.ts';

/** Reason of Ready, where what a binding or an access gives waits for the cluster's admission policies. */
export const POLICIES_NOT_INSTALLED = 'PoliciesNotInstalled';

/** Whether clusters enforce the admission policies, as their Clusters say. */
export class Guards {
  readonly #clusters: Watched<ClusterObject>;

  constructor(clusters: Watched<ClusterObject>) {
    this.#clusters = clusters;
  }

  /** What the policies guard may be given there. */
  areProven(cluster: string): boolean {
    return enforcesPolicies(this.#clusters.get({ name: cluster }));
  }

  /** Calls back when {@link areProven} has changed for this cluster, until the signal aborts. */
  follow(cluster: string, changed: () => void, signal: AbortSignal): void {
    const unsubscribe = this.#clusters.subscribe({
      applied: (now, old) => {
        if (now.metadata.name === cluster && provenChanged(now, old)) changed();
      },
      deleted: () => undefined,
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
  }
}

/** Whether the Cluster says otherwise than before that its policies are proven. */
export function provenChanged(now: ClusterObject, old: ClusterObject | undefined): boolean {
  return enforcesPolicies(now) !== enforcesPolicies(old);
}

/** Why a binding gives less than its template allows. */
export function withheld(cluster: string, template: string): Obstacle {
  return {
    reason: POLICIES_NOT_INSTALLED,
    message: `what RoleTemplate ${template} allows on namespaces and projects, or by a role that only cluster ${cluster} knows, is not given: the cluster is not proven to enforce the admission policies that hold it within bounds, see condition PoliciesEnforced of Cluster ${cluster}; the rest is in force, what was given before stays, and all is given once they are proven`,
  };
}
