import { ClusterResource, fieldManager, ProjectResource } from '#api';
import { Controller } from '#runtime';
import { FollowClusters } from '../engagement/follow.ts';
import type { SetUp } from '../settings.ts';
import { Deletions } from './deletion.ts';
import { BACKOFF_MS, EngagedProjects } from './engaged.ts';
import { ProjectEvents } from './events.ts';
import { Plans, projectKeyOf } from './plans.ts';
import { type ProjectScope, projectKeysOf, reconcileProject } from './project.ts';
import { HubSharedObjects, homeProjectKey } from './shared.ts';

/** A status is written at most this often while copies come in. */
const STATUS_MS = 250;

/**
 * The project operator: one controller over Projects in the hub, and on each engaged cluster one over its
 * namespaces.
 */
export const setUpProject: SetUp = ({ manager, hubCredentials, systemNamespaces = [], transport }) => {
  const { hub, log } = manager;
  const manage = fieldManager('project');
  const client = hub.client.as(manage);
  const shared = new HubSharedObjects(hub);
  const plans = new Plans({ projects: hub.cache.informer(ProjectResource), shared, hub: () => hub.uid });
  const clusters = hub.cache.informer(ClusterResource);
  const deletions = new Deletions(client, () => hub.uid);
  const events = new ProjectEvents(manager.recorder);
  const engaged = new Map<string, EngagedProjects>();
  const disengagedAt = new Map<string, number>();
  let startedAt = Number.POSITIVE_INFINITY;
  // the work on the clusters ends before their connections, so that what runs can end in good order
  const stopping = new AbortController();
  const scope: ProjectScope = {
    manager,
    client,
    plans,
    namespaces: shared.namespaces,
    clusters,
    deletions,
    engaged: cluster => engaged.get(cluster),
    disengagedAt: cluster => disengagedAt.get(cluster) ?? startedAt,
    now: Date.now,
  };
  const controller = new Controller({
    name: 'project',
    log,
    reconcile: (key, context) => reconcileProject(scope, key, context),
    groupOf: key => key.split('/')[0] ?? '',
    backoffMs: BACKOFF_MS,
  });
  const keys = (key: string | undefined) => (key === undefined ? [] : [key]);

  manager.clusters.subscribe({
    engaged: cluster => {
      const projects = new EngagedProjects({
        cluster,
        fieldManager: manage,
        plans,
        deletions,
        clusters,
        systemNamespaces,
        hub: hub.uid,
        log,
        changed: key => controller.add(key, { afterMs: STATUS_MS }),
        observed: observation => events.observed(observation),
      });
      engaged.set(cluster.name, projects);
      projects.start(stopping.signal);
    },
    disengaged: cluster => {
      engaged.delete(cluster.name);
      disengagedAt.set(cluster.name, scope.now());
      events.forget(cluster.name);
      for (const key of projectKeysOf(plans, cluster.name)) controller.add(key, { afterMs: STATUS_MS });
    },
  });

  manager.add({
    start: signal => {
      startedAt = scope.now();
      signal.addEventListener('abort', () => stopping.abort(signal.reason), { once: true });
      controller
        .watches(plans.projects, project => keys(projectKeyOf(project)), { ownWrites: false })
        .watches(shared.namespaces, namespace => keys(homeProjectKey(namespace.metadata?.name ?? '')))
        .watches(clusters, cluster => projectKeysOf(plans, cluster.metadata.name ?? ''), { afterMs: STATUS_MS });
      plans.subscribe(key => controller.add(key, { afterMs: STATUS_MS }));
      void Promise.all([plans.whenSynced(signal), clusters.whenSynced(signal)]).then(
        () => controller.start(signal),
        () => undefined,
      );
    },
    stopped: async () => {
      await Promise.all([controller.stopped(), ...[...engaged.values()].map(projects => projects.stopped())]);
    },
  });
  manager.add(
    new FollowClusters({ manager, fieldManager: manage, hubCredentials, ...(transport ? { transport } : {}) }),
  );
};
