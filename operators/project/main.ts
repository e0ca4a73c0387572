import { ClusterResource, fieldManager, ProjectResource, parseProjectNamespace } from '#api';
import { Controller } from '#runtime';
import { FollowClusters } from '../engagement/follow.ts';
import { PROJECT_LIMITS } from '../engagement/hub-limits.ts';
import { HubQuotas } from '../engagement/hub-quotas.ts';
import type { SetUp } from '../settings.ts';
import { projectVerdicts } from './deletion.ts';
import { BACKOFF_MS } from './engaged.ts';
import { Engagements } from './engagements.ts';
import { Plans, projectKeyOf, projectKeysOf } from './plans.ts';
import { type ProjectScope, reconcileProject } from './project.ts';
import { HubSharedObjects, homeProjectKey } from './shared.ts';
import { STATUS_MS, statusChanges } from './status-pace.ts';

/**
 * The project operator: one controller over Projects in the hub, and on each engaged cluster one over its
 * namespaces.
 */
export const setUpProject: SetUp = context => {
  const { manager, hubCredentials, systemNamespaces = [], transport, projectLimits = PROJECT_LIMITS } = context;
  const { hub, log } = manager;
  const manage = fieldManager('project');
  const client = hub.client.as(manage);
  const shared = new HubSharedObjects(hub);
  const plans = new Plans({ projects: hub.cache.informer(ProjectResource), shared, hub: () => hub.uid });
  const clusters = hub.cache.informer(ClusterResource);
  const deletions = projectVerdicts(client, () => hub.uid);
  const now = Date.now;
  const changed = statusChanges(() => controller, plans);
  const engagements = new Engagements({
    manager,
    fieldManager: manage,
    plans,
    deletions,
    clusters,
    systemNamespaces,
    changed,
    now,
  });
  const scope: ProjectScope = {
    manager,
    client,
    plans,
    namespaces: shared.namespaces,
    clusters,
    deletions,
    engagements,
    now,
  };
  const controller = new Controller({
    name: 'project',
    log,
    reconcile: (key, context) => reconcileProject(scope, key, context),
    groupOf: key => key.split('/')[0] ?? '',
    backoffMs: BACKOFF_MS,
  });
  const keys = (key: string | undefined) => (key === undefined ? [] : [key]);

  engagements.follow();
  manager.add({
    start: signal => {
      engagements.start(signal);
      controller
        .watches(plans.projects, project => keys(projectKeyOf(project)), { ownWrites: false })
        // the cluster operator may run in this process, and makes the default ones
        .watches(plans.projects, project => keys(projectKeyOf(project)), { predicate: (_project, old) => !old })
        .watches(shared.namespaces, namespace => keys(homeProjectKey(namespace.metadata?.name ?? '')))
        .watches(clusters, cluster => projectKeysOf(plans, cluster.metadata.name ?? ''), { afterMs: STATUS_MS });
      plans.subscribe(changed);
      void Promise.all([plans.whenSynced(signal), clusters.whenSynced(signal)]).then(
        () => controller.start(signal),
        () => undefined,
      );
    },
    stopped: async () => {
      await Promise.all([controller.stopped(), engagements.stopped()]);
    },
  });
  manager.add(
    new HubQuotas({
      manager,
      client,
      namespaces: shared.namespaces,
      isOwn: namespace => parseProjectNamespace(namespace) !== undefined,
      limits: projectLimits,
      name: 'project-hub-quotas',
      now,
    }),
  );
  manager.add(
    new FollowClusters({ manager, fieldManager: manage, hubCredentials, ...(transport ? { transport } : {}) }),
  );
};
