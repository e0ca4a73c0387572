import type { ProjectSpec } from '#api';
import type { ResourceType } from '#runtime';

/** The name of what a project keeps in each of its namespaces: one LimitRange, NetworkPolicy and ResourceQuota. */
export const POLICY_NAME = 'paddock';

/** Whether a project's namespaces have a NetworkPolicy. */
export function isIsolated({ networkIsolation }: ProjectSpec): boolean {
  return networkIsolation !== undefined && networkIsolation.enabled !== false;
}

export const LimitRanges: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  namespaced: true,
};

export const ResourceQuotas: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
};

export const NetworkPolicies: ResourceType = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  namespaced: true,
};
