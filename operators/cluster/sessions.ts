import { type Cluster, ClusterResource, clusterNamespace, fieldManager, parseClusterNamespace } from '#api';
import { type Client, type Clock, findCondition, type Informer, type KubeObject, Leases } from '#runtime';
import { HEARTBEAT_LEASE } from '../engagement/heartbeat.ts';
import type { OperatorContext } from '../settings.ts';
import { type AgentConnection, AgentSession } from './agent-session.ts';
import type { Connection, ConnectionState } from './connection.ts';
import { AgentHandBack } from './deletion-agent.ts';
import { HandBack } from './deletion-downstream.ts';
import { systemNamespace } from './desired.ts';
import { Engagements } from './engagements.ts';
import { Session } from './session.ts';
import type { NamespaceState } from './status.ts';

export interface SessionsOptions {
  readonly context: OperatorContext;
  readonly client: Client;
  readonly clock: Clock;
  /** Namespaces of the hub, metadata only. */
  readonly namespaces: Informer<KubeObject>;
  /** Whether an agent has used its registration to join the cluster. */
  readonly hasJoined: (cluster: string) => boolean;
  /** What is known of a cluster has changed. */
  readonly onChange: (cluster: string) => void;
}

/** To hand a cluster back begins without knowing whose turn it is, if that takes longer. */
const SETTLE_MS = 10_000;

/**
 * What connects the hub with each cluster: a session by kubeconfig or by the heartbeats of an agent, and the Lease
 * that says who writes there.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly heartbeats: Informer<KubeObject>;
  readonly #engagements: Engagements;
  readonly #sessions = new Map<string, Session | AgentSession>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    const { context, clock } = options;
    this.heartbeats = context.manager.hub.cache.informer<KubeObject>(Leases, {
      fieldSelector: `metadata.name=${HEARTBEAT_LEASE}`,
      metadataOnly: true,
    });
    this.#engagements = new Engagements({ context, clock, onChange: name => this.#engagementChanged(name) });
  }

  start(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.#closeAll(), { once: true });
    this.heartbeats.subscribe({
      applied: (lease, _old, { initial }) => {
        if (!initial) this.#heard(lease);
      },
      deleted: () => undefined, // silence will tell
    });
  }

  /** When all sessions have ended. */
  async closed(): Promise<void> {
    await Promise.all(this.#closing);
  }

  /** When nothing is written to any cluster any more. */
  async stopped(): Promise<void> {
    await this.#engagements.stopped();
  }

  /** The session of the connection as it is now; an older one that can't go on with it is closed. */
  connect(cluster: Cluster, state: ConnectionState, namespace: NamespaceState): Session | AgentSession | undefined {
    const name = cluster.metadata.name ?? '';
    const current = this.#sessions.get(name);
    if (state.kind === 'pending' && namespace.state !== 'conflict') return current;
    const open = (state.kind === 'usable' || state.kind === 'agent') && namespace.state !== 'conflict';
    if (current && open && (goesOn(current, state, cluster) || isLossNews(current, cluster))) return current;
    if (current && namespace.state !== 'conflict' && isKept(current, state, cluster)) return current;
    this.close(name);
    if (namespace.state === 'conflict') this.#engagements.drop(name); // its Lease is not ours to write
    if (state.kind === 'agent') this.#engagements.release(name, Promise.allSettled(this.#closing));
    if (!open) return undefined;
    const session =
      state.kind === 'agent' ? this.#follow(cluster, state.connection) : this.#session(cluster, state.connection);
    this.#sessions.set(name, session);
    return session;
  }

  /** Goes on settling who may write to a cluster, without a session: a pause is no change of the writer. */
  pause(cluster: Cluster): void {
    const name = cluster.metadata.name ?? '';
    this.close(name);
    if (!cluster.spec.connection.agent && this.#hasHome(name)) this.#engagements.of(cluster);
  }

  /** Ends a session; who may write to the cluster stays as it is. */
  close(name: string): void {
    const session = this.#sessions.get(name);
    if (!session) return;
    this.#sessions.delete(name);
    const closing = session.stop().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** The Cluster is gone. */
  drop(name: string): void {
    this.close(name);
    this.#engagements.drop(name);
  }

  /** Begins to hand the downstream of a deleted Cluster back, over a connection of its own. */
  handBack(cluster: Cluster, { credentials }: Connection): HandBack {
    const { manager, transport } = this.#options.context;
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
      clock: this.#options.clock,
      onChange: () => this.#options.onChange(name),
      // a session that ends may be about to claim the cluster
      after: Promise.allSettled([...this.#closing, settled]),
    });
  }

  /** Follows how the agent of a deleted Cluster hands it back; undefined for one that no agent has ever joined. */
  agentHandBack({ metadata }: Cluster, { timeoutMs }: AgentConnection): AgentHandBack | undefined {
    const { name = '', uid = '' } = metadata;
    const namespace = clusterNamespace(name);
    const heartbeat = this.heartbeats.get({ namespace, name: HEARTBEAT_LEASE });
    if (!heartbeat && !this.#options.hasJoined(name)) return undefined;
    return new AgentHandBack({
      uid,
      namespace,
      heartbeats: this.heartbeats,
      timeoutMs,
      clock: this.#options.clock,
      onChange: () => this.#options.onChange(name),
    });
  }

  /** Waits for heartbeats of the cluster's agent. */
  #follow(cluster: Cluster, connection: AgentConnection): AgentSession {
    const { status, metadata } = cluster;
    const { name = '' } = metadata;
    return new AgentSession({
      uid: metadata.uid,
      connection,
      clock: this.#options.clock,
      last: this.heartbeats.get({ namespace: clusterNamespace(name), name: HEARTBEAT_LEASE }),
      before: {
        answered: status?.lastHeartbeat !== undefined,
        connected: findCondition(status?.conditions, 'Connected')?.status === 'True',
      },
      onChange: () => this.#options.onChange(name),
    });
  }

  #heard(lease: KubeObject): void {
    const session = this.#sessions.get(parseClusterNamespace(lease.metadata?.namespace ?? '') ?? '');
    if (session instanceof AgentSession) session.heard(lease);
  }

  #session(cluster: Cluster, connection: Connection): Session {
    const name = cluster.metadata.name ?? '';
    const { manager, transport } = this.#options.context;
    const { log, writeGuard, hub } = manager;
    const { status } = cluster;
    const engagement = this.#engagements.of(cluster);
    const sameServer = connection.server === undefined || connection.server === status?.apiServer?.url;
    return new Session({
      connection,
      clock: this.#options.clock,
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
          const live = await this.#options.client.find(ClusterResource, { name }, { signal, metadataOnly: true });
          return live?.metadata.uid === cluster.metadata.uid;
        },
      },
      before: {
        answered: sameServer && status?.lastHeartbeat !== undefined,
        connected: findCondition(status?.conditions, 'Connected')?.status === 'True',
      },
      onChange: () => this.#options.onChange(name),
    });
  }

  #engagementChanged(name: string): void {
    const session = this.#sessions.get(name);
    if (session instanceof Session) session.engagementChanged();
    else this.#options.onChange(name);
  }

  /** The cluster's namespace in the hub, where its Lease lies, is there and stays. */
  #hasHome(name: string): boolean {
    const home = this.#options.namespaces.get({ name: clusterNamespace(name) });
    return home !== undefined && !home.metadata?.deletionTimestamp;
  }

  #closeAll(): void {
    for (const name of [...this.#sessions.keys()]) this.close(name);
  }
}

/** Whether the session has lost its cluster and the status says otherwise yet: that is told before another one begins. */
function isLossNews({ observation: { connected } }: Session | AgentSession, { status }: Cluster): boolean {
  const told = findCondition(status?.conditions, 'Connected')?.status;
  return connected !== undefined && connected.status !== 'True' && told === 'True';
}

/** Whether the session goes on although the kubeconfig that is there now is refused. */
function isKept(session: Session | AgentSession, state: ConnectionState, cluster: Cluster): boolean {
  if (state.kind !== 'none' || !state.refusal || !(session instanceof Session)) return false;
  return session.refuse(state.refusal, cluster.metadata.uid) || isLossNews(session, cluster);
}

/** Whether the session serves the connection as it is now; one by kubeconfig tries a new credential beside the old. */
function goesOn(session: Session | AgentSession, state: ConnectionState, { metadata }: Cluster): boolean {
  if (state.kind === 'agent') return session instanceof AgentSession && session.adopt(state.connection, metadata.uid);
  return state.kind === 'usable' && session instanceof Session && session.adopt(state.connection, metadata.uid);
}
