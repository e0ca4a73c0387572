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
  addFinalizer,
  type Client,
  type Clock,
  Controller,
  errorMessage,
  findCondition,
  hasFinalizer,
  type Informer,
  isNotFound,
  type KubeObject,
  Leases,
  Namespaces,
  type ReconcileContext,
  type Result,
  type Runnable,
  systemClock,
} from '#runtime';
import { HEARTBEAT_LEASE } from '../engagement/heartbeat.ts';
import { KubeconfigSecrets } from '../engagement/secrets.ts';
import type { OperatorContext } from '../settings.ts';
import { type AgentConnection, AgentSession } from './agent-session.ts';
import { type Connection, type ConnectionState, resolveConnection, secretReference } from './connection.ts';
import { createDefaultProjects, lacksDefaultProjects } from './default-projects.ts';
import { Deletions, FINALIZER } from './deletion.ts';
import { AgentHandBack } from './deletion-agent.ts';
import { HandBack } from './deletion-downstream.ts';
import { planClusterNamespace, systemNamespace } from './desired.ts';
import { Engagements } from './engagements.ts';
import { statusEvents } from './events.ts';
import { Registrations } from './registration/registration.ts';
import { registrationState } from './registration/secret.ts';
import { Session } from './session.ts';
import { desiredStatus, isStatusCurrent, type NamespaceState, pausedStatus } from './status.ts';

/** A Cluster as a status apply names it: without the spec, which is its user's. */
type StatusIntent = Pick<Cluster, 'apiVersion' | 'kind' | 'metadata' | 'status'>;

/** A Secret that was not read yet, or can't be read now, is looked for again after this. */
const PENDING_MS = 1_000;
/** To hand a cluster back begins without knowing whose turn it is, if that takes longer. */
const SETTLE_MS = 10_000;

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
  readonly #deletions: Deletions;
  readonly #registrations: Registrations;
  readonly #heartbeats: Informer<KubeObject>;
  readonly #engagements: Engagements;
  readonly #sessions = new Map<string, Session | AgentSession>();
  readonly #closing = new Set<Promise<void>>();

  constructor(context: OperatorContext, clock: Clock = systemClock) {
    this.#context = context;
    this.#clock = clock;
    const { hub, log } = context.manager;
    this.#client = hub.client.as(fieldManager('cluster'));
    this.#clusters = hub.cache.informer(ClusterResource);
    this.#namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    this.#secrets = new KubeconfigSecrets(hub.cache, 'operator cluster', name => this.#controller.add(name));
    this.#heartbeats = hub.cache.informer<KubeObject>(Leases, {
      fieldSelector: `metadata.name=${HEARTBEAT_LEASE}`,
      metadataOnly: true,
    });
    this.#registrations = new Registrations({ context, onChange: name => this.#controller.add(name) });
    this.#engagements = new Engagements({ context, clock, onChange: name => this.#engagementChanged(name) });
    this.#deletions = new Deletions({
      client: this.#client,
      recorder: context.manager.recorder,
      hub: () => hub.uid,
      clock,
      namespaces: this.#namespaces,
      open: (cluster, way) =>
        way.kind === 'agent' ? this.#agentHandBack(cluster, way.connection) : this.#handBack(cluster, way.connection),
    });
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
    this.#registrations.start(signal);
    this.#heartbeats.subscribe({
      applied: (lease, _old, { initial }) => {
        if (!initial) this.#heard(lease);
      },
      deleted: () => undefined, // silence will tell
    });
    // a namespace that was not listed yet is not one that is missing
    const known = [this.#clusters, this.#namespaces, this.#heartbeats];
    Promise.all(known.map(informer => informer.whenSynced(signal))).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
    await Promise.all([...this.#closing, this.#deletions.stopped(), this.#registrations.stopped()]);
    await this.#engagements.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<Result | undefined> {
    const found = this.#clusters.get(name);
    if (!found || (found.metadata.deletionTimestamp && !hasFinalizer(found, FINALIZER))) {
      this.#close(name);
      this.#deletions.forget(name);
      this.#engagements.drop(name);
      this.#secrets.release(name);
      return undefined;
    }
    if (isPaused(found.metadata)) {
      this.#close(name);
      this.#deletions.forget(name);
      // a pause is no change of the writer: who may write goes on to be settled
      if (!found.spec.connection.agent && this.#hasHome(name)) this.#engagements.of(found);
      await this.#writeStatus(found, pausedStatus(found, this.#clock.now()), signal);
      return undefined;
    }
    if (found.metadata.deletionTimestamp) {
      this.#close(name);
      return await this.#deletions.reconcile(found, this.#resolve(found), signal);
    }
    this.#deletions.forget(name);
    const cluster = await addFinalizer(this.#client, ClusterResource, found, FINALIZER, signal);
    const { error, ...namespace } = await this.#ensureNamespace(cluster, signal);
    const connection = this.#resolve(cluster);
    const session = this.#connect(cluster, connection, namespace);
    const observation = session?.observation ?? {};
    const registration = connection.kind === 'agent' ? this.#registrations.secret(name) : undefined;
    const { hubAddressUnknown } = this.#registrations;
    const now = this.#clock.now();
    const inputs = { cluster, namespace, connection, observation, registration, hubAddressUnknown, now };
    const status = desiredStatus(inputs);
    await this.#writeStatus(cluster, status, signal);
    if (error !== undefined) throw error;
    const home = this.#namespaces.get({ name: clusterNamespace(name) });
    if (namespace.state === 'ready' && lacksDefaultProjects(cluster, home))
      await createDefaultProjects(this.#client, cluster, signal);
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
  #connect(cluster: Cluster, state: ConnectionState, namespace: NamespaceState): Session | AgentSession | undefined {
    const name = cluster.metadata.name ?? '';
    const current = this.#sessions.get(name);
    if (state.kind === 'pending' && namespace.state !== 'conflict') return current;
    const open = (state.kind === 'usable' || state.kind === 'agent') && namespace.state !== 'conflict';
    if (current && open && (goesOn(current, state, cluster) || isLossNews(current, cluster))) return current;
    this.#close(name);
    if (namespace.state === 'conflict') this.#engagements.drop(name); // its Lease is not ours to write
    if (state.kind === 'agent') this.#engagements.release(name, Promise.allSettled(this.#closing));
    if (!open) return undefined;
    const session =
      state.kind === 'agent' ? this.#follow(cluster, state.connection) : this.#session(cluster, state.connection);
    this.#sessions.set(name, session);
    return session;
  }

  /** Waits for heartbeats of the cluster's agent. */
  #follow(cluster: Cluster, connection: AgentConnection): AgentSession {
    const { status, metadata } = cluster;
    const { name = '' } = metadata;
    return new AgentSession({
      uid: metadata.uid,
      connection,
      clock: this.#clock,
      last: this.#heartbeats.get({ namespace: clusterNamespace(name), name: HEARTBEAT_LEASE }),
      before: {
        answered: status?.lastHeartbeat !== undefined,
        connected: findCondition(status?.conditions, 'Connected')?.status === 'True',
      },
      onChange: () => this.#controller.add(name),
    });
  }

  #heard(lease: KubeObject): void {
    const session = this.#sessions.get(parseClusterNamespace(lease.metadata?.namespace ?? '') ?? '');
    if (session instanceof AgentSession) session.heard(lease);
  }

  #session(cluster: Cluster, connection: Connection): Session {
    const name = cluster.metadata.name ?? '';
    const { manager, transport } = this.#context;
    const { log, writeGuard, hub } = manager;
    const { status } = cluster;
    const engagement = this.#engagements.of(cluster);
    const sameServer = connection.server === undefined || connection.server === status?.apiServer?.url;
    return new Session({
      connection,
      clock: this.#clock,
      engagement,
      cluster: {
        ...transport,
        name,
        log,
        fieldManager: fieldManager('cluster'),
        writeGuard: () => {
          writeGuard();
          engagement.assertHeld();
        },
      },
      claim: {
        owner: { hub: hub.uid, cluster: cluster.metadata.uid ?? '' },
        clusterName: name,
        systemNamespace: systemNamespace(cluster, hub.uid),
        isCurrent: async signal => {
          const live = await this.#client.find(ClusterResource, { name }, { signal, metadataOnly: true });
          return live?.metadata.uid === cluster.metadata.uid;
        },
      },
      before: {
        answered: sameServer && status?.lastHeartbeat !== undefined,
        connected: findCondition(status?.conditions, 'Connected')?.status === 'True',
      },
      onChange: () => this.#controller.add(name),
    });
  }

  #engagementChanged(name: string): void {
    const session = this.#sessions.get(name);
    if (session instanceof Session) session.engagementChanged();
    else this.#controller.add(name);
  }

  /** The cluster's namespace in the hub, where its Lease lies, is there and stays. */
  #hasHome(name: string): boolean {
    const home = this.#namespaces.get({ name: clusterNamespace(name) });
    return home !== undefined && !home.metadata?.deletionTimestamp;
  }

  /** Begins to hand the downstream of a deleted Cluster back, over a connection of its own. */
  #handBack(cluster: Cluster, { credentials }: Connection): HandBack {
    const { manager, transport } = this.#context;
    const { log, hub } = manager;
    const { metadata, spec } = cluster;
    const { name = '', uid = '' } = metadata;
    const engagement = this.#hasHome(name) ? this.#engagements.of(cluster) : undefined;
    const settled = engagement?.settled(AbortSignal.timeout(SETTLE_MS)) ?? Promise.resolve();
    const writeGuard = () => {
      manager.writeGuard();
      // where the namespace is gone there is no Lease, and none that anybody else could hold
      if (this.#hasHome(name)) engagement?.assertHeld();
    };
    return new HandBack({
      cluster: { ...transport, name, credentials, log, writeGuard, fieldManager: fieldManager('cluster') },
      owner: { hub: hub.uid, cluster: uid },
      isLocal: spec.connection.local !== undefined,
      clock: this.#clock,
      onChange: () => this.#controller.add(name),
      // a session that ends may be about to claim the cluster
      after: Promise.allSettled([...this.#closing, settled]),
    });
  }

  /** Follows how the agent of a deleted Cluster hands it back; undefined for one that no agent has ever joined. */
  #agentHandBack({ metadata }: Cluster, { timeoutMs }: AgentConnection): AgentHandBack | undefined {
    const { name = '', uid = '' } = metadata;
    const namespace = clusterNamespace(name);
    const heartbeat = this.#heartbeats.get({ namespace, name: HEARTBEAT_LEASE });
    if (!heartbeat && registrationState(this.#registrations.secret(name)).kind !== 'spent') return undefined;
    return new AgentHandBack({
      uid,
      namespace,
      heartbeats: this.#heartbeats,
      timeoutMs,
      clock: this.#clock,
      onChange: () => this.#controller.add(name),
    });
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
function isLossNews({ observation: { connected } }: Session | AgentSession, { status }: Cluster): boolean {
  const told = findCondition(status?.conditions, 'Connected')?.status;
  return connected !== undefined && connected.status !== 'True' && told === 'True';
}

/** Whether the session serves the connection as it is now; one by kubeconfig tries a new credential beside the old. */
function goesOn(session: Session | AgentSession, state: ConnectionState, { metadata }: Cluster): boolean {
  if (state.kind === 'agent') return session instanceof AgentSession && session.adopt(state.connection, metadata.uid);
  return state.kind === 'usable' && session instanceof Session && session.adopt(state.connection, metadata.uid);
}
