// Generated from crds/ by hack/generate. Do not edit: change the CRD and run it again.
import type { ResourceType } from '#runtime';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';
import type { Condition } from './condition.ts';

/**
 * A ClusterAccess is a kubeconfig for one person on the cluster in whose namespace c-<cluster> it lives. The
 * Secret that status.secretRef names holds it under the key kubeconfig, readable by that person. It ends after
 * spec.ttl, when the ClusterAccess is deleted, or when no binding names the person any more.
 */
export interface ClusterAccess {
  apiVersion: 'paddock.dev/v1alpha1';
  kind: 'ClusterAccess';
  metadata: ObjectMeta;
  spec: ClusterAccessSpec;
  status?: ClusterAccessStatus;
}
/**
 * Whose kubeconfig, and for how long. It can't be changed: make another ClusterAccess.
 */
export interface ClusterAccessSpec {
  /**
   * Name of the person as the hub's API server knows it. Example: alice@example.com.
   */
  user: string;
  /**
   * Groups of the person that the kubeconfig acts with, at most 32.
   */
  groups?: string[];
  /**
   * How long the kubeconfig is good. A Go duration from 10m to 720h, with groups to 24h; 12h by default.
   */
  ttl?: string;
}
/**
 * What became of the ClusterAccess, written by the operators.
 */
export interface ClusterAccessStatus {
  /**
   * The metadata.generation that the status describes.
   */
  observedGeneration?: number;
  secretRef?: ClusterAccessStatusSecretRef;
  /**
   * When the kubeconfig's token ends.
   */
  expiresAt?: string;
  /**
   * Ready, and, while they are True, Reconciling, Stalled and Paused.
   */
  conditions?: Condition[];
}
/**
 * The Secret in the same namespace that holds the kubeconfig.
 */
export interface ClusterAccessStatusSecretRef {
  /**
   * Name of the Secret.
   */
  name?: string;
}

/** Where {@link ClusterAccess} objects live in the API. */
export const ClusterAccessResource: ResourceType<ClusterAccess> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'ClusterAccess',
  plural: 'clusteraccesses',
  namespaced: true,
};
