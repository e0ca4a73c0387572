import { type Cluster, ClusterResource, type ClusterStatus, fieldManager, isPaused } from '#api';
import {
  type Client,
  type Clock,
  Controller,
  type Informer,
  isConditionTrue,
  jsonEqual,
  type Manager,
  mergeConditions,
  type ReconcileContext,
  type Runnable,
} from '#runtime';
import type { Identity } from '../cluster/establish.ts';
import { Inventory } from '../cluster/inventory/inventory.ts';
import { OBSERVED_CONDITIONS, OBSERVED_FIELDS, observedConditions, observedFields } from '../cluster/observed.ts';

export interface ObservedStatusOptions {
  readonly manager: Manager;
  /** The Cluster that the agent works for, and no other. */
  readonly clusters: Informer<Cluster>;
  readonly cluster: { readonly name: string; readonly uid: string };
  /** What the cluster was found to be when it was looked at last. */
  readonly identity: () => Identity | undefined;
  readonly clock: Clock;
}

/** The Cluster as a status apply names it: without the spec, which is its user's. */
type StatusIntent = Pick<Cluster, 'apiVersion' | 'kind' | 'metadata' | 'status'>;

/**
 * Writes the part of the Cluster's status that is seen in the cluster itself, while the hub counts it as connected.
 * The rest, health above all, is the hub's to judge.
 */
export class ObservedStatus implements Runnable {
  readonly #options: ObservedStatusOptions;
  readonly #client: Client;
  readonly #controller: Controller;
  #inventory: Inventory | undefined;

  constructor(options: ObservedStatusOptions) {
    this.#options = options;
    const { manager, cluster, clock } = options;
    this.#client = manager.hub.client.as(fieldManager('cluster', 'agent'));
    this.#controller = new Controller({
      name: 'cluster-status',
      log: manager.log,
      reconcile: (name, context) => this.#reconcile(name, context),
      backoffMs: [100, 60_000],
    });
    const changed = () => this.#controller.add(cluster.name);
    manager.clusters.subscribe({
      engaged: engaged => {
        this.#inventory = new Inventory({ cluster: engaged, clock, onChange: changed });
        changed();
      },
      disengaged: () => {
        this.#inventory?.stop();
        this.#inventory = undefined;
      },
    });
  }

  start(signal: AbortSignal): void {
    const { clusters } = this.#options;
    this.#controller.watches(clusters, ({ metadata }) => [metadata.name ?? ''], { ownWrites: false });
    clusters.whenSynced(signal).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<undefined> {
    const { clusters, cluster, clock, identity } = this.#options;
    const object = clusters.get(name);
    if (object?.metadata.uid !== cluster.uid || object.metadata.deletionTimestamp || isPaused(object.metadata)) return;
    if (!this.#inventory || !isConditionTrue(object.status?.conditions, 'Connected')) return;
    const known = identity();
    const status = observedStatus(object, {
      observed: { ...(known ? { identity: known } : {}), inventory: this.#inventory.state },
      now: clock.now(),
    });
    if (!status) return;
    const { apiVersion, kind } = object;
    const intent: StatusIntent = { apiVersion, kind, metadata: { name, uid: cluster.uid }, status };
    await this.#client.applyStatus<StatusIntent>(ClusterResource, intent, { signal });
  }
}

/** The agent's part of the status; undefined when it is there already. */
function observedStatus(
  { metadata, status: before = {} }: Cluster,
  { observed, now }: { readonly observed: Parameters<typeof observedFields>[0]; readonly now: number },
): ClusterStatus | undefined {
  const { generation = 0 } = metadata;
  const conditions = mergeConditions(before.conditions, observedConditions(observed, before), {
    now,
    observedGeneration: generation,
  });
  const status = { ...observedFields(observed, before), conditions };
  const current: ClusterStatus = {
    ...Object.fromEntries(OBSERVED_FIELDS.flatMap(field => (before[field] ? [[field, before[field]]] : []))),
    conditions: (before.conditions ?? []).filter(({ type }) => OBSERVED_CONDITIONS.includes(type)),
  };
  return jsonEqual(status, current) ? undefined : status;
}
