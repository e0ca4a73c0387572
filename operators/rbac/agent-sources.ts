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
import { type Cluster, type Watched, WatchedTogether } from '#runtime';
import { hasHome } from '../engagement/project-home.ts';
import { InstalledAsTold } from './installed.ts';
import { type Sources, WHAT_IT_GIVES } from './sources.ts';

/** What an agent may read of it: its cluster's namespace in the hub, and those of its projects, each by itself. */
export function agentSources(
  { cache }: Pick<Cluster, 'cache'>,
  cluster: string,
  clusters: Watched<ClusterObject>,
): Sources {
  const namespace = clusterNamespace(cluster);
  const bindings = new WatchedTogether<RoleTemplateBinding>();
  bindings.add(cache.informer(RoleTemplateBindingResource, { namespace, ...WHAT_IT_GIVES }));
  const projects = cache.informer(ProjectResource, { namespace });
  const homeOf = ({ metadata }: Project) => ({
    namespace: projectNamespace(cluster, metadata.name ?? ''),
    ...WHAT_IT_GIVES,
  });
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
