import {
  ClusterAccessResource,
  type Cluster as ClusterObject,
  clusterNamespace,
  type Project,
  ProjectResource,
  projectNamespace,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
  RoleTemplateResource,
} from '#api';
import { type Cluster, findCondition, type Watched, WatchedTogether } from '#runtime';
import { InstalledAsTold } from './installed.ts';
import type { Sources } from './sources.ts';

/** Where Ready of a Project says that its namespace is not its own: an agent may not read there, and nobody binds there. */
const HOMELESS = ['NamespacePending', 'NamespaceConflict'];

/** What an agent may read of it: its cluster's namespace in the hub, and those of its projects, each by itself. */
export function agentSources(
  { cache }: Pick<Cluster, 'cache'>,
  cluster: string,
  clusters: Watched<ClusterObject>,
): Sources {
  const namespace = clusterNamespace(cluster);
  const bindings = new WatchedTogether<RoleTemplateBinding>();
  bindings.add(cache.informer(RoleTemplateBindingResource, { namespace }));
  const projects = cache.informer(ProjectResource, { namespace });
  const homeOf = ({ metadata }: Project) => ({ namespace: projectNamespace(cluster, metadata.name ?? '') });
  projects.subscribe({
    applied: project => {
      if (hasHome(project)) bindings.add(cache.informer(RoleTemplateBindingResource, homeOf(project)));
    },
    deleted: project => {
      bindings.remove(cache.informer(RoleTemplateBindingResource, homeOf(project)));
      cache.release(RoleTemplateBindingResource, homeOf(project));
    },
  });
  const accesses = cache.informer(ClusterAccessResource, { namespace });
  return {
    templates: cache.informer(RoleTemplateResource),
    bindings,
    projects,
    accesses,
    clusters,
    installed: { bindings: new InstalledAsTold(bindings), accesses: new InstalledAsTold(accesses) },
  };
}

/** The hub has made the namespace, and so is about to let the agent read there. */
function hasHome({ status }: Project): boolean {
  const { reason = '' } = findCondition(status?.conditions, 'Ready') ?? {};
  return status?.namespace !== undefined && !HOMELESS.includes(reason);
}
