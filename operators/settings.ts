import type { Credentials, Manager, TransportOptions } from '#runtime';
import type { HubLimits } from './engagement/hub-limits.ts';

/** What an operator is given to set itself up on a manager. */
export interface OperatorContext {
  readonly manager: Manager;
  /** How this process reaches the hub; a `local` cluster is reached the same way. */
  readonly hubCredentials: Credentials;
  /** How agents reach the hub [as this process does, unless that is an address that only pods of the hub know]. */
  readonly hubAddress?: { readonly server: string; readonly ca: string };
  /** The image of the agent in the manifests that join clusters. */
  readonly agentImage?: string;
  /** Namespaces of project `system` beside `kube-*`: names, or beginnings of names that end in `*`. */
  readonly systemNamespaces?: readonly string[];
  /** Of each `c-<cluster>` [see CLUSTER_LIMITS]; none: no quota. */
  readonly clusterLimits?: HubLimits;
  /** Of each `p-<cluster>--<project>` [see PROJECT_LIMITS]; none: no quota. */
  readonly projectLimits?: HubLimits;
  /** Passed on to every connection to a downstream. */
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
}

/** Adds an operator's controllers to the manager. */
export type SetUp = (context: OperatorContext) => void;
