import {
  type Cluster,
  ClusterResource,
  type ClusterStatus,
  clusterNamespace,
  fieldManager,
  isPaused,
  parseClusterNamespace,
} from '#api';
import {
  type Client,
  type Clock,
  Controller,
  errorMessage,
  findCondition,
  type Informer,
  isNotFound,
  type KubeObject,
  Namespaces,
  type ReconcileContext,
  type Result,
  type Runnable,
  systemClock,
} from '#runtime';
import { KubeconfigSecrets } from '../engagement/secrets.ts';
import type { OperatorContext } from '../settings.ts';
import { type ConnectionState, resolveConnection, secretReference } from './connection.ts';
import { planClusterNamespace, systemNamespace } from './desired.ts';
import { statusEvents } from './events.ts';
import { Session } from './session.ts';
import { desiredStatus, isStatusCurrent, type NamespaceState, pausedStatus } from './status.ts';

/** A Cluster as a status apply names it: without the spec, which is its user's. */
type StatusIntent = Pick<Cluster, 'apiVersion' | 'kind' | 'metadata' | 'status'>;

/** A Secret that was not read yet, or can't be read now, is looked for again after this. */
const PENDING_MS = 1_000;

/**
 * Reconciles Clusters: the namespace in the hub, the connection, the status. All that a downstream could
 * keep waiting happens in the cluster's {@link Session}; a reconcile speaks to the hub only.
 */
export class ClusterReconciler implements Runnable {
  readonly #context: OperatorContext;
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #clusters: Informer<Cluster>;
  readonly #namespaces: Informer<KubeObject>;
  readonly #secrets: KubeconfigSecrets;
  readonly #controller: Controller;
  readonly #sessions = new Map<string, Session>();
  readonly #closing = new Set<Promise<void>>();

  constructor(context: OperatorContext, clock: Clock = systemClock) {
    this.#context = context;
    this.#clock = clock;
    const { hub, log } = context.manager;
    this.#client = hub.client.as(fieldManager('cluster'));
    this.#clusters = hub.cache.informer(ClusterResource);
    this.#namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    this.#secrets = new KubeconfigSecrets(hub.cache, 'operator cluster', name => this.#controller.add(name));
    this.#controller = new Controller({
      name: 'cluster',
      log,
      reconcile: (name, reconcileContext) => this.#reconcile(name, reconcileContext),
      backoffMs: [100, 60_000],
      timeoutMs: 30_000,
    });
  }

  start(signal: AbortSignal): void {
    const named = (object: KubeObject) => object.metadata?.name ?? '';
    this.#controller
      .watches(this.#clusters, (object, old) => [named(object), ...this.#otherLocals(object, old)])
      .watches(this.#namespaces, object => {
        const cluster = parseClusterNamespace(named(object));
        return cluster === undefined ? [] : [cluster];
      });
    signal.addEventListener('abort', () => this.#closeAll(), { once: true });
    // a namespace that was not listed yet is not one that is missing
    Promise.all([this.#clusters.whenSynced(signal), this.#namespaces.whenSynced(signal)]).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
    await Promise.all(this.#closing);
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<Result | undefined> {
    const cluster = this.#clusters.get(name);
    if (!cluster || cluster.metadata.deletionTimestamp) {
      this.#close(name);
      this.#secrets.release(name);
      return undefined;
    }
    if (isPaused(cluster.metadata)) {
      this.#close(name);
      await this.#writeStatus(cluster, pausedStatus(cluster, this.#clock.now()), signal);
      return undefined;
    }
    const { error, ...namespace } = await this.#ensureNamespace(cluster, signal);
    const connection = this.#resolve(cluster);
    const session = this.#connect(cluster, connection, namespace);
    const observation = session?.observation ?? {};
    const status = desiredStatus({ cluster, namespace, connection, observation, now: this.#clock.now() });
    await this.#writeStatus(cluster, status, signal);
    if (error !== undefined) throw error;
    return connection.kind === 'pending' ? { requeueAfterMs: PENDING_MS } : undefined;
  }

  async #ensureNamespace(cluster: Cluster, signal: AbortSignal): Promise<NamespaceState & { error?: unknown }> {
    const name = clusterNamespace(cluster.metadata.name ?? '');
    const plan = planClusterNamespace(cluster, this.#namespaces.get({ name }), this.#context.manager.hub.uid);
    if (plan.action === 'conflict') return { state: 'conflict', message: plan.message };
    if (plan.action === 'wait')
      return { state: 'terminating', message: `namespace ${name} is being deleted: it is made again when it is gone` };
    try {
      if (plan.action === 'create') await this.#client.create(Namespaces, {}, plan.body, { signal });
      if (plan.action === 'patch') await this.#client.mergePatch(Namespaces, { name }, plan.patch, { signal });
      return { state: 'ready', message: '' };
    } catch (error) {
      const message = `namespace ${name} could not be written: ${errorMessage(error)}; it is tried again`;
      return { state: 'failed', message, error };
    }
  }

  #resolve(cluster: Cluster): ConnectionState {
    const name = cluster.metadata.name ?? '';
    if (!secretReference(cluster)) this.#secrets.release(name);
    return resolveConnection(cluster, {
      hubCredentials: this.#context.hubCredentials,
      clusters: this.#clusters.list(),
      secret: reference => this.#secrets.watch(name, reference),
    });
  }

  /** The session of the connection as it is now; an older one that can't go on with it is closed. */
  #connect(cluster: Cluster, state: ConnectionState, namespace: NamespaceState): Session | undefined {
    const name = cluster.metadata.name ?? '';
    const current = this.#sessions.get(name);
    if (state.kind === 'pending' && namespace.state !== 'conflict') return current;
    const connection = state.kind === 'usable' && namespace.state !== 'conflict' ? state.connection : undefined;
    if (current && connection && (current.adopt(connection, cluster.metadata.uid) || isLossNews(current, cluster)))
      return current;
    this.#close(name);
    if (!connection) return undefined;
    const { manager, transport } = this.#context;
    const { log, writeGuard, hub } = manager;
    const { status } = cluster;
    const sameServer = connection.server === undefined || connection.server === status?.apiServer?.url;
    const session = new Session({
      connection,
      clock: this.#clock,
      cluster: { ...transport, name, log, writeGuard, fieldManager: fieldManager('cluster') },
      claim: {
        owner: { hub: hub.uid, cluster: cluster.metadata.uid ?? '' },
        clusterName: name,
        systemNamespace: systemNamespace(cluster, hub.uid),
      },
      before: {
        answered: sameServer && status?.lastHeartbeat !== undefined,
        connected: findCondition(status?.conditions, 'Connected')?.status === 'True',
      },
      onChange: () => this.#controller.add(name),
    });
    this.#sessions.set(name, session);
    return session;
  }

  async #writeStatus(cluster: Cluster, status: ClusterStatus, signal: AbortSignal): Promise<void> {
    if (isStatusCurrent(cluster, status)) return;
    const { apiVersion, kind, metadata } = cluster;
    const intent: StatusIntent = { apiVersion, kind, metadata: { name: metadata.name ?? '' }, status };
    try {
      await this.#client.applyStatus<StatusIntent>(ClusterResource, intent, { signal });
    } catch (error) {
      if (isNotFound(error)) return; // deleted meanwhile
      throw error;
    }
    for (const event of statusEvents(cluster.status, status))
      this.#context.manager.recorder.record(ClusterResource, cluster, event);
  }

  /** The other Clusters that want to stand for the hub: which of them may depends on this one. */
  #otherLocals(object: Cluster, old: Cluster | undefined): string[] {
    if (!object.spec.connection.local && !old?.spec.connection.local) return [];
    const locals = this.#clusters
      .list()
      .filter(({ spec, metadata }) => spec.connection.local && metadata.uid !== object.metadata.uid);
    return locals.map(({ metadata }) => metadata.name ?? '');
  }

  #close(name: string): void {
    const session = this.#sessions.get(name);
    if (!session) return;
    this.#sessions.delete(name);
    const closing = session.stop().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #closeAll(): void {
    for (const name of [...this.#sessions.keys()]) this.#close(name);
  }
}

/** Whether the session has lost its cluster and the status says otherwise yet: that is told before another one begins. */
function isLossNews({ observation: { connected } }: Session, { status }: Cluster): boolean {
  const told = findCondition(status?.conditions, 'Connected')?.status;
  return connected !== undefined && connected.status !== 'True' && told === 'True';
}
