import {
  type ClusterAccess,
  ClusterAccessResource,
  type Cluster as ClusterObject,
  ClusterResource,
  type Project,
  ProjectResource,
  type RoleTemplate,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
  RoleTemplateResource,
} from '#api';
import type { Cluster, Watched } from '#runtime';
import { boundedMetadata } from '../engagement/bounded-fields.ts';
import { type Installed, InstalledKind } from './installed.ts';

/** Where it is read from who may do what. */
export interface Sources {
  readonly templates: Watched<RoleTemplate>;
  readonly bindings: Watched<RoleTemplateBinding>;
  readonly projects: Watched<Project>;
  readonly accesses: Watched<ClusterAccess>;
  readonly clusters: Watched<ClusterObject>;
  /** The kinds of {@link bindings} and {@link accesses}. */
  readonly installed: { readonly bindings: Installed; readonly accesses: Installed };
}

/** Of a binding, which people of projects write. */
export const WHAT_IT_GIVES = {
  transform: { name: 'bounded', apply: boundedMetadata<RoleTemplateBinding> },
} as const;

/** Everything in the hub, for its own operator. */
export function hubSources(hub: Cluster): Sources {
  const { cache } = hub;
  return {
    templates: cache.informer(RoleTemplateResource),
    bindings: cache.informer(RoleTemplateBindingResource, WHAT_IT_GIVES),
    projects: cache.informer(ProjectResource),
    accesses: cache.informer(ClusterAccessResource),
    clusters: cache.informer(ClusterResource),
    installed: {
      bindings: new InstalledKind(hub, RoleTemplateBindingResource),
      accesses: new InstalledKind(hub, ClusterAccessResource),
    },
  };
}
