import { type Cluster as ClusterObject, ClusterResource, clusterNamespace } from '#api';
import {
  Backoff,
  BOUNDS,
  Cluster,
  Controller,
  type Credentials,
  errorMessage,
  findCondition,
  type Informer,
  type Manager,
  type ReconcileContext,
  type Result,
  type Runnable,
  systemClock,
  type TransportOptions,
} from '#runtime';
import { CLAIM, ConfigMaps, claimOwner, type Owner, readClaim, sameOwner } from './claim.ts';
import { Joining } from './joining.ts';
import { KubeconfigError, readKubeconfigSecret } from './kubeconfig.ts';
import { KubeconfigSecrets } from './secrets.ts';

export interface FollowOptions {
  readonly manager: Manager;
  readonly fieldManager: string;
  /** How this process reaches the hub; a `local` cluster is reached the same way. */
  readonly hubCredentials: Credentials;
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
}

/** How a Cluster is to be reached now; `hash` changes with the credential. */
interface Connection {
  readonly kind: 'local' | 'kubeconfig';
  readonly credentials: Credentials;
  readonly hash: string;
}

interface Engaged {
  readonly cluster: Cluster;
  readonly uid: string;
  /** The one in use. */
  readonly connection: Connection;
  /** Between tries of another connection. */
  readonly backoff: Backoff;
}

const RETRY_MS = 5_000;
/** A Secret that was not read yet is looked for again after this, should nothing be heard of it. */
const PENDING_MS = 1_000;
/** A Lease that has changed meanwhile is looked at again after this. */
const AGAIN_MS = 500;
/** A write that was on its way when the cluster was let go has arrived by then. */
const IN_FLIGHT_MS = 2_000;
/** A new kubeconfig that begins to work is taken within 30 s, the 10 s of a try included. */
const RECONNECT_BACKOFF = { base: 1_000, max: 10_000, resetAfter: 60_000, clock: systemClock };

/**
 * Keeps an operator's controllers engaged with every Cluster that the cluster operator reports as
 * connected and that is claimed by it, and with no other. Nothing is written to a cluster whose claim
 * was not read first, nor while the hub is not known to hold the cluster's engagement Lease.
 */
export class FollowClusters implements Runnable {
  readonly #options: FollowOptions;
  readonly #controller: Controller;
  readonly #clusters: Informer<ClusterObject>;
  readonly #secrets: KubeconfigSecrets;
  readonly #engaged = new Map<string, Engaged>();
  readonly #joining: Joining;

  constructor(options: FollowOptions) {
    this.#options = options;
    const { manager, fieldManager } = options;
    this.#joining = new Joining({ manager, fieldManager, onChange: name => this.#controller.add(name) });
    this.#clusters = manager.hub.cache.informer(ClusterResource);
    const user = `engagement by ${fieldManager}`;
    this.#secrets = new KubeconfigSecrets(manager.hub.cache, user, name => this.#controller.add(name));
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
    this.#joining.start();
    this.#controller.start(signal);
  }

  stopped(): Promise<void> {
    return this.#controller.stopped();
  }

  async #reconcile(name: string, { signal, log }: ReconcileContext): Promise<Result | undefined> {
    const { clusters } = this.#options.manager;
    const object = this.#clusters.get(name);
    const connection = object && this.#connection(object);
    if (!object?.spec.connection.kubeconfig) this.#secrets.release(name);
    if (connection === 'pending') return { requeueAfterMs: PENDING_MS };
    const engaged = this.#engaged.get(name);
    if (engaged && connection && engaged.uid === object.metadata.uid && engaged.connection.kind === connection.kind)
      return (await this.#rejoin(engaged, signal)) ?? (await this.#reconnect(engaged, connection, signal));
    if (engaged) {
      this.#engaged.delete(name);
      await clusters.disengage(name);
      log.info({ cluster: name }, 'disengaged');
    }
    if (!object) clusters.forget(name);
    if (object && connection) return await this.#engage(object, connection, signal);
    if (engaged) await systemClock.sleep(IN_FLIGHT_MS, signal);
    return (await this.#joining.leave(name, signal)) ? undefined : { requeueAfterMs: AGAIN_MS };
  }

  /** Somebody has taken our name off the Lease. */
  async #rejoin({ cluster: { name }, uid }: Engaged, signal: AbortSignal): Promise<Result | undefined> {
    if (this.#joining.hasJoined(name) || (await this.#joining.join(name, uid, signal))) return undefined;
    return { requeueAfterMs: AGAIN_MS };
  }

  /** The connection to engage by; undefined while there is none that works, pending while its Secret is not read. */
  #connection(object: ClusterObject): Connection | 'pending' | undefined {
    const name = object.metadata?.name ?? '';
    const { conditions } = object.status ?? {};
    if (object.metadata?.deletionTimestamp || findCondition(conditions, 'Connected')?.status !== 'True')
      return undefined;
    if (findCondition(conditions, 'Stalled')?.status === 'True') return undefined;
    if (!this.#joining.isHubs(name, object.metadata?.uid ?? '')) return undefined;
    const { local, kubeconfig } = object.spec.connection;
    if (local) return { kind: 'local', credentials: this.#options.hubCredentials, hash: 'local' };
    if (!kubeconfig) return undefined;
    const reference = { namespace: clusterNamespace(name), ...kubeconfig.secretRef };
    const informer = this.#secrets.watch(name, reference);
    const secret = informer.get({ namespace: reference.namespace, name: reference.name });
    if (!secret && !informer.known) return 'pending';
    try {
      return { kind: 'kubeconfig', ...readKubeconfigSecret(secret, reference) };
    } catch (error) {
      if (!(error instanceof KubeconfigError)) throw error;
      // the cluster operator reports it; one that is refused ends nothing that works
      const engaged = this.#engaged.get(name);
      const goesOn = engaged?.uid === object.metadata?.uid && engaged?.connection.kind === 'kubeconfig';
      return goesOn && !error.isMissing ? engaged.connection : undefined;
    }
  }

  /** Moves the engaged cluster to another credential, if there is one and it works; what it has goes on by the old. */
  async #reconnect(engaged: Engaged, connection: Connection, signal: AbortSignal): Promise<Result | undefined> {
    if (engaged.connection.hash === connection.hash) return undefined;
    const { cluster, backoff } = engaged;
    const { log } = this.#options.manager;
    try {
      await cluster.reconnect(connection.credentials, signal);
    } catch (error) {
      const reason = errorMessage(error);
      log.warn({ cluster: cluster.name, reason }, 'the new kubeconfig does not work; the one before goes on');
      return { requeueAfterMs: backoff.next() };
    }
    backoff.reset();
    // it may have been let go meanwhile
    if (this.#engaged.get(cluster.name) === engaged) this.#engaged.set(cluster.name, { ...engaged, connection });
    log.info({ cluster: cluster.name }, 'reconnected with the new kubeconfig');
    return undefined;
  }

  async #engage(object: ClusterObject, connection: Connection, signal: AbortSignal): Promise<Result | undefined> {
    const { manager, fieldManager, transport } = this.#options;
    const name = object.metadata?.name ?? '';
    const uid = object.metadata?.uid ?? '';
    const cluster = new Cluster({
      ...transport,
      ...manager.timings,
      name,
      credentials: connection.credentials,
      fieldManager,
      log: manager.log,
      keptBytes: BOUNDS.keptBytes,
      writeGuard: () => {
        manager.writeGuard();
        this.#joining.assertMayWrite(name, uid);
      },
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
      if (!(await this.#joining.join(name, uid, signal))) {
        await cluster.stop();
        return { requeueAfterMs: AGAIN_MS };
      }
      this.#engaged.set(name, { cluster, uid, connection, backoff: new Backoff(RECONNECT_BACKOFF) });
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
