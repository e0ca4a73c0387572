import { type Cluster as ClusterObject, marks, SYSTEM_NAMESPACE } from '#api';
import { type Client, type Cluster, Controller, type Informer, jsonEqual, type Logger } from '#runtime';
import { type ConfigMap, ConfigMaps } from '../engagement/claim.ts';
import { FULL_PROJECTS } from '../membership/full-projects.ts';

export interface FullProjectsOptions {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly clusters: Informer<ClusterObject>;
  /** The limits of the projects that are full, by name. */
  readonly full: () => ReadonlyMap<string, number>;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly log: Logger;
  readonly backoffMs: readonly [number, number];
}

/** Names the full projects of a downstream: the parameter of the policy that refuses another namespace in one. */
const KEY = { namespace: SYSTEM_NAMESPACE, name: FULL_PROJECTS };
/** Changes are gathered this long, so that many namespaces at once make one write. */
const GATHER_MS = 500;
/** Names that one ConfigMap has room for: 1 MiB, with 30 characters a name. */
const NAMED = 10_000;

/**
 * Keeps ConfigMap `paddock-system/full-projects` on one cluster. It reads it once when the cluster is engaged, and writes
 * it when the set of full projects changes.
 */
export class FullProjects {
  readonly #options: FullProjectsOptions;
  readonly #controller: Controller;
  #present: ConfigMap | undefined;
  #isRead = false;

  constructor(options: FullProjectsOptions) {
    this.#options = options;
    const { cluster, log, backoffMs } = options;
    this.#controller = new Controller({
      name: 'project-limits',
      log: log.child({ cluster: cluster.name }),
      reconcile: async (_key, { signal }) => {
        await this.#reconcile(signal);
        return undefined;
      },
      concurrency: 1,
      backoffMs,
    });
  }

  changed(): void {
    this.#controller.add(KEY.name, { afterMs: GATHER_MS });
  }

  start(signal: AbortSignal): void {
    this.changed();
    this.#controller.start(signal);
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    const { client, cluster, clusters, full, hub } = this.#options;
    if (!this.#isRead) this.#present = await client.find(ConfigMaps, KEY, { signal });
    this.#isRead = true;
    const sorted = [...full()].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, NAMED);
    const data = Object.fromEntries(sorted.map(([project, limit]) => [project, String(limit)]));
    if (jsonEqual(this.#present?.data ?? {}, data)) return;
    const uid = clusters.get({ name: cluster.name })?.metadata.uid;
    if (uid === undefined) return; // the Cluster is gone: so is what is said of its projects
    const mark = marks({ owner: { kind: 'Cluster', name: cluster.name, uid }, cluster: cluster.name, hub });
    try {
      const intent = { metadata: { ...KEY, ...mark }, data };
      this.#present = await client.apply(ConfigMaps, intent, { signal });
    } catch (error) {
      this.#isRead = false; // what is there now is read before the next attempt
      throw error;
    }
  }
}
