import { DEFAULT_PROJECT, isReservedNamespace } from '#api';
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
  /** Namespaces of project `system` beside those of Kubernetes, see {@link systemNamespacesFrom}. */
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

/** A setting can't be used; the message names the value and the rule. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

/**
 * The names of namespaces that belong to project `system` by the operator's settings. They are whole names: whoever may
 * create namespaces finds a name for every pattern, and with it a way into the project. @throws SettingError
 */
export function systemNamespacesFrom(names: readonly string[]): readonly string[] {
  for (const name of names) {
    const problem = problemWith(name);
    if (problem !== undefined) throw new SettingError(`--system-namespaces "${name}" must be ${problem}`);
  }
  return names;
}

function problemWith(name: string): string | undefined {
  if (name.includes('*')) return 'the name of a namespace, not a pattern: give the name of each namespace';
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return 'the name of a namespace';
  if (isReservedNamespace(name))
    return 'a name that does not begin with c-, p- or paddock-: these namespaces are in no project';
  if (name === 'default') return `another namespace: this one belongs to project ${DEFAULT_PROJECT}`;
  return undefined;
}
