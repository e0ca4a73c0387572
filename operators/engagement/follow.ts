import { type Cluster as ClusterObject, ClusterResource, clusterNamespace } from '#api';

import {
  Cluster,
  Controller,
  type Credentials,
  errorMessage,
  findCondition,
  type Informer,
  type Manager,
  type ReconcileContext,
  type ResourceType,
  type Result,
  type Runnable,
  type TransportOptions,
} from '#runtime';
import { CLAIM, ConfigMaps, claimOwner, type Owner, readClaim, sameOwner } from './claim.ts';
import { KubeconfigError, readKubeconfigSecret, type Secret } from './kubeconfig.ts';

export const Secrets: ResourceType<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

export interface FollowOptions {
  readonly manager: Manager;
  readonly fieldManager: string;
  /** How this process reaches the hub; a `local` cluster is reached the same way. */
  readonly hubCredentials: Credentials;
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
}

/** How a Cluster is to be reached now; `hash` changes with the credential. */
interface Connection {
  readonly credentials: Credentials;
  readonly hash: string;
}

interface Engaged {
  readonly cluster: Cluster;
  readonly uid: string;
  readonly hash: string;
}

const RETRY_MS = 5_000;

/**
 * Keeps an operator's controllers engaged with every Cluster that the cluster operator reports as
 * connected and that is claimed by it, and with no other. Nothing is written to a cluster whose claim
 * was not read first.
 */
export class FollowClusters implements Runnable {
  readonly #options: FollowOptions;
  readonly #controller: Controller;
  readonly #clusters: Informer<ClusterObject>;
  readonly #secrets = new Map<string, Informer<Secret>>();
  readonly #engaged = new Map<string, Engaged>();

  constructor(options: FollowOptions) {
    this.#options = options;
    const { manager } = options;
    this.#clusters = manager.hub.cache.informer(ClusterResource);
    this.#controller = new Controller({
      name: 'engagement',
      log: manager.log,
      reconcile: (name, context) => this.#reconcile(name, context),
      // one that hangs until its time is up takes no place from the others
      concurrency: 64,
      timeoutMs: 20_000,
      backoffMs: [200, 30_000],
    });
  }

  start(signal: AbortSignal): void {
    this.#controller.watches(this.#clusters, object => [object.metadata?.name ?? '']);
    this.#controller.start(signal);
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  async #reconcile(name: string, { signal, log }: ReconcileContext): Promise<Result | undefined> {
    const { clusters } = this.#options.manager;
    const object = this.#clusters.get(name);
    const connection = object && this.#connection(object);
    const engaged = this.#engaged.get(name);
    if (engaged && engaged.hash === connection?.hash && engaged.uid === object?.metadata?.uid) return undefined;
    if (engaged) {
      this.#engaged.delete(name);
      await clusters.disengage(name);
      log.info({ cluster: name }, 'disengaged');
    }
    if (!object) clusters.forget(name);
    if (!object || !connection) return undefined;
    return await this.#engage(object, connection, signal);
  }

  /** The connection to engage by; undefined while there is none that works. */
  #connection(object: ClusterObject): Connection | undefined {
    const name = object.metadata?.name ?? '';
    const { conditions } = object.status ?? {};
    if (object.metadata?.deletionTimestamp || findCondition(conditions, 'Connected')?.status !== 'True')
      return undefined;
    if (findCondition(conditions, 'Stalled')?.status === 'True') return undefined;
    const { local, kubeconfig } = object.spec.connection;
    if (local) return { credentials: this.#options.hubCredentials, hash: 'local' };
    if (!kubeconfig) return undefined;
    const reference = { namespace: clusterNamespace(name), ...kubeconfig.secretRef };
    try {
      return readKubeconfigSecret(this.#secret(name, reference), reference);
    } catch (error) {
      if (error instanceof KubeconfigError) return undefined; // the cluster operator reports it
      throw error;
    }
  }

  #secret(cluster: string, { namespace, name }: { namespace: string; name: string }): Secret | undefined {
    const id = `${namespace}/${name}`;
    let informer = this.#secrets.get(id);
    if (!informer) {
      informer = this.#options.manager.hub.cache.informer(Secrets, {
        namespace,
        fieldSelector: `metadata.name=${name}`,
      });
      this.#secrets.set(id, informer);
      this.#controller.watches(informer, () => [cluster]);
    }
    return informer.get({ namespace, name });
  }

  async #engage(object: ClusterObject, connection: Connection, signal: AbortSignal): Promise<Result | undefined> {
    const { manager, fieldManager, transport } = this.#options;
    const name = object.metadata?.name ?? '';
    const uid = object.metadata?.uid ?? '';
    const cluster = new Cluster({
      ...transport,
      name,
      credentials: connection.credentials,
      fieldManager,
      log: manager.log,
      writeGuard: manager.writeGuard,
      onReplaced: error => {
        manager.log.warn({ cluster: name, reason: errorMessage(error) }, 'another cluster answers');
        void this.#letGo(name);
      },
    });
    try {
      await cluster.connect(signal);
      const owner = { hub: manager.hub.uid, cluster: uid };
      const holder = await readClaim(cluster.client, signal);
      if (!sameOwner(holder, owner)) {
        await cluster.stop();
        return { requeueAfterMs: holder ? 30_000 : 500 }; // unclaimed: the cluster operator is about to claim it
      }
      this.#engaged.set(name, { cluster, uid, hash: connection.hash });
      this.#guardClaim(cluster, owner);
      manager.clusters.engage(cluster);
      manager.log.info({ cluster: name }, 'engaged');
      return undefined;
    } catch (error) {
      await cluster.stop();
      manager.log.info({ cluster: name, reason: errorMessage(error) }, 'cluster can not be engaged yet');
      return { requeueAfterMs: RETRY_MS };
    }
  }

  /** Lets the cluster go the moment somebody else's claim appears in it. */
  #guardClaim(cluster: Cluster, owner: Owner): void {
    const selection = { namespace: CLAIM.namespace, fieldSelector: `metadata.name=${CLAIM.name}` };
    cluster.cache.informer(ConfigMaps, selection).subscribe({
      applied: claim => {
        if (!sameOwner(claimOwner(claim), owner)) void this.#letGo(cluster.name);
      },
      deleted: () => undefined, // the cluster operator claims it again, or another hub does and is seen above
    });
  }

  async #letGo(name: string): Promise<void> {
    this.#engaged.delete(name);
    await this.#options.manager.clusters.disengage(name);
    this.#controller.add(name, { afterMs: RETRY_MS });
  }
}
