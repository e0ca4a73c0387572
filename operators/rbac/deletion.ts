import {
  type ClusterAccess,
  ClusterAccessResource,
  finalizer,
  parseClusterNamespace,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
} from '#api';
import type { Client } from '#runtime';
import { Verdicts } from '../engagement/verdicts.ts';
import { placeOf } from './grants.ts';

export const FINALIZER = finalizer('rbac');

/** What is found out about bindings that are being deleted. */
export function bindingVerdicts(client: Client, hub: () => string): Verdicts<RoleTemplateBinding> {
  const clusterOf = (binding: RoleTemplateBinding) => placeOf(binding)?.cluster;
  return new Verdicts({ client, hub, kind: RoleTemplateBindingResource, clusterOf });
}

/** What is found out about ClusterAccesses that are being deleted. */
export function accessVerdicts(client: Client, hub: () => string): Verdicts<ClusterAccess> {
  const clusterOf = ({ metadata }: ClusterAccess) => parseClusterNamespace(metadata.namespace ?? '');
  return new Verdicts({ client, hub, kind: ClusterAccessResource, clusterOf });
}
