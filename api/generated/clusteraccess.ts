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
   * When the kubeconfig ends; never later than the creation of the ClusterAccess plus spec.ttl.
   */
  expiresAt?: string;
  kubeconfig?: ClusterAccessStatusKubeconfig;
  tokenSecret?: ClusterAccessStatusTokenSecret;
  agent?: ClusterAccessStatusAgent;
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
/**
 * The kubeconfig that the operator wrote. It restores or removes any other that it finds in the Secret.
 */
export interface ClusterAccessStatusKubeconfig {
  /**
   * UID of the Secret that status.secretRef names, as the operator wrote it.
   */
  secretUID?: string;
  /**
   * SHA-256 of the kubeconfig, in lower-case hexadecimal digits.
   */
  sha256?: string;
  /**
   * UID of the Secret in paddock-users on the cluster that the token is bound to.
   */
  boundTo?: string;
}
/**
 * The Secret in the same namespace that the agent of the cluster puts the token into, while the operator waits
 * for one.
 */
export interface ClusterAccessStatusTokenSecret {
  /**
   * Name of the Secret.
   */
  name?: string;
  /**
   * UID of the Secret.
   */
  uid?: string;
  /**
   * Lifetime in seconds that the agent requests for the token.
   */
  expirationSeconds?: number;
}
/**
 * The token that the agent of the cluster handed over last, written by the agent.
 */
export interface ClusterAccessStatusAgent {
  /**
   * UID of the Secret that the agent put the token into.
   */
  tokenSecretUID?: string;
  /**
   * UID of the Secret in paddock-users on the cluster that the token is bound to.
   */
  boundTo?: string;
}

/** Where {@link ClusterAccess} objects live in the API. */
export const ClusterAccessResource: ResourceType<ClusterAccess> = {
  group: 'paddock.dev',
  version: 'v1alpha1',
  kind: 'ClusterAccess',
  plural: 'clusteraccesses',
  namespaced: true,
};
