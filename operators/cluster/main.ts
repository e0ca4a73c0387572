import { fieldManager, parseClusterNamespace } from '#api';
import { Namespaces } from '#runtime';
import { CLUSTER_LIMITS } from '../engagement/hub-limits.ts';
import { HubQuotas } from '../engagement/hub-quotas.ts';
import type { SetUp } from '../settings.ts';
import { ClusterReconciler } from './cluster.ts';

/** The cluster operator: connects to every Cluster, watches its health, claims it. */
export const setUpCluster: SetUp = context => {
  const { manager, clusterLimits = CLUSTER_LIMITS } = context;
  manager.add(new ClusterReconciler(context));
  manager.add(
    new HubQuotas({
      manager,
      client: manager.hub.client.as(fieldManager('cluster')),
      namespaces: manager.hub.cache.informer(Namespaces, { metadataOnly: true }),
      isOwn: namespace => parseClusterNamespace(namespace) !== undefined,
      limits: clusterLimits,
      name: 'cluster-quotas',
      now: Date.now,
    }),
  );
};
