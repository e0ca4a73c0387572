import type { SetUp } from '../settings.ts';
import { ClusterReconciler } from './cluster.ts';

/** The cluster operator: connects to every Cluster, watches its health, claims it. */
export const setUpCluster: SetUp = context => {
  context.manager.add(new ClusterReconciler(context));
};
