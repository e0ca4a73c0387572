import type { Cluster as ClusterObject } from '#api';
import type { Watched } from '#runtime';
import { type PolicyProof, policyProof } from '../engagement/policies-enforced.ts';
import type { Obstacle } from './binding-status.ts';

/** Reason of Ready, where what a binding or an access gives waits for the cluster's admission policies. */
export const POLICIES_NOT_INSTALLED = 'PoliciesNotInstalled';

type Clusters = Pick<Watched<ClusterObject>, 'get' | 'subscribe'>;

/** Whether clusters enforce the admission policies, as their Clusters say. */
export class Guards {
  readonly #clusters: Clusters;

  constructor(clusters: Clusters) {
    this.#clusters = clusters;
  }

  proof(cluster: string): PolicyProof {
    return policyProof(this.#clusters.get({ name: cluster }));
  }

  /** What the policies guard may be given there. */
  areProven(cluster: string): boolean {
    return this.proof(cluster) === 'enforced';
  }

  /** Resolves when {@link proof} is known, after this time [ms], or when the signal aborts. */
  async whenKnown(cluster: string, withinMs: number, signal: AbortSignal): Promise<void> {
    const isKnown = () => this.proof(cluster) !== 'unknown';
    if (isKnown()) return;
    const ends = new AbortController();
    const until = AbortSignal.any([signal, ends.signal]);
    this.follow(cluster, () => isKnown() && ends.abort(), until);
    const timer = setTimeout(() => ends.abort(), withinMs);
    await new Promise<void>(resolve => {
      if (until.aborted || isKnown()) resolve();
      until.addEventListener('abort', () => resolve(), { once: true });
    });
    clearTimeout(timer);
    ends.abort();
  }

  /** Calls back when {@link proof} has changed for this cluster, until the signal aborts. */
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
  return policyProof(now) !== policyProof(old);
}

/** Why a binding gives less than its template allows. */
export function withheld(cluster: string, template: string): Obstacle {
  return {
    reason: POLICIES_NOT_INSTALLED,
    message: `not all of RoleTemplate ${template} is given: cluster ${cluster} is not proven to enforce the admission policies that limit rights on namespaces to projects and guard people's accounts, see Ready of Cluster ${cluster}; what depends on no policy is in force, what was given before stays, and the rest follows once they are proven`,
  };
}
