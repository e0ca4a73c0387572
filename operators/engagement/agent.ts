import type { Cluster } from '#api';

/** Whether an agent works on the cluster and observes it; the hub's operators reach it through the hub alone. */
export function isByAgent({ spec }: Cluster): boolean {
  return spec.connection.agent !== undefined;
}
