import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** All metrics of the process. Names are those of controller-runtime and client-go where they exist there. */
export const registry = new Registry();

const registers = [registry];

export const restRequests = new Counter({
  name: 'rest_client_requests_total',
  help: 'Requests to API servers by method and HTTP code; <error> means that no answer came.',
  labelNames: ['code', 'method'] as const,
  registers,
});

export const reconcileTotal = new Counter({
  name: 'controller_runtime_reconcile_total',
  help: 'Reconciliations by controller and result: success, requeue_after, error, terminal_error.',
  labelNames: ['controller', 'result'] as const,
  registers,
});

export const reconcileErrors = new Counter({
  name: 'controller_runtime_reconcile_errors_total',
  help: 'Reconciliations that ended in an error, by controller.',
  labelNames: ['controller'] as const,
  registers,
});

export const reconcileSeconds = new Histogram({
  name: 'controller_runtime_reconcile_time_seconds',
  help: 'Seconds a reconciliation took, by controller.',
  labelNames: ['controller'] as const,
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  registers,
});

export const activeWorkers = new Gauge({
  name: 'controller_runtime_active_workers',
  help: 'Reconciliations running now, by controller.',
  labelNames: ['controller'] as const,
  registers,
});

export const maxConcurrent = new Gauge({
  name: 'controller_runtime_max_concurrent_reconciles',
  help: 'Reconciliations that may run at once, by controller.',
  labelNames: ['controller'] as const,
  registers,
});

export const queueDepth = new Gauge({
  name: 'workqueue_depth',
  help: 'Items waiting in the queue, by name.',
  labelNames: ['name'] as const,
  registers,
});

export const queueAdds = new Counter({
  name: 'workqueue_adds_total',
  help: 'Items added to the queue (an item already waiting is not added again), by name.',
  labelNames: ['name'] as const,
  registers,
});

export const queueRetries = new Counter({
  name: 'workqueue_retries_total',
  help: 'Items put back after an error, by name.',
  labelNames: ['name'] as const,
  registers,
});

export const queueSeconds = new Histogram({
  name: 'workqueue_queue_duration_seconds',
  help: 'Seconds an item waited in the queue before it was taken, by name.',
  labelNames: ['name'] as const,
  buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60, 600],
  registers,
});

export const leaderStatus = new Gauge({
  name: 'leader_election_master_status',
  help: '1 while this process holds the lease, 0 while it stands by.',
  labelNames: ['name'] as const,
  registers,
});

export const clusterConnected = new Gauge({
  name: 'paddock_cluster_connected',
  help: '1 while controllers are engaged with the cluster, 0 while they are not.',
  labelNames: ['cluster'] as const,
  registers,
});

/** A source of `paddock_watch_last_event_age_seconds` samples: one per open watch. */
export interface WatchAge {
  readonly cluster: string;
  readonly resource: string;
  /** Milliseconds since the server last sent anything on this watch. */
  readonly ageMs: () => number;
}

const watchAges = new Set<WatchAge>();

new Gauge({
  name: 'paddock_watch_last_event_age_seconds',
  help: 'Seconds since the server last sent anything, bookmarks included, on the watch of a resource.',
  labelNames: ['cluster', 'resource'] as const,
  registers,
  collect() {
    this.reset();
    const oldest = new Map<string, { watch: WatchAge; age: number }>();
    for (const watch of watchAges) {
      const id = `${watch.cluster} ${watch.resource}`;
      const age = watch.ageMs();
      if ((oldest.get(id)?.age ?? -1) < age) oldest.set(id, { watch, age });
    }
    for (const { watch, age } of oldest.values())
      this.set({ cluster: watch.cluster, resource: watch.resource }, age / 1000);
  },
});

/** Reports the age of a watch until the result is called. */
export function reportWatchAge(watch: WatchAge): () => void {
  watchAges.add(watch);
  return () => watchAges.delete(watch);
}

/** Starts Node's own metrics: memory, CPU, event-loop lag. Once a process. */
export function collectProcessMetrics(): void {
  if (!registry.getSingleMetric('process_cpu_seconds_total')) collectDefaultMetrics({ register: registry });
}
