import {
  type Cluster,
  ClusterResource,
  type ClusterStatus,
  clusterNamespace,
  fieldManager,
  isPaused,
  LABEL_CLUSTER,
  parseClusterNamespace,
} from '#api';
import {
  addFinalizer,
  type Client,
  type Clock,
  Controller,
  errorMessage,
  hasFinalizer,
  type Informer,
  isNotFound,
  type KubeObject,
  Namespaces,
  type ReconcileContext,
  type Result,
  type Runnable,
  systemClock,
} from '#runtime';
import { isByAgent, releaseAgentStatus } from '../engagement/agent.ts';
import { dropForeignFields } from '../engagement/foreign-fields.ts';
import { endUse, isInUse } from '../engagement/in-use.ts';
import { keptBy } from '../engagement/remaining.ts';
import { KubeconfigSecrets } from '../engagement/secrets.ts';
import { readLive } from '../engagement/verdicts.ts';
import type { OperatorContext } from '../settings.ts';
import { type ConnectionState, resolveConnection, secretReference } from './connection.ts';
import { createDefaultProjects, lacksDefaultProjects } from './default-projects.ts';
import { Deletions, FINALIZER } from './deletion.ts';
import { planClusterNamespace } from './desired.ts';
import { statusEvents } from './events.ts';
import { Registrations } from './registration/registration.ts';
import { registrationState } from './registration/secret.ts';
import { Sessions } from './sessions.ts';
import { desiredStatus, isStatusCurrent, type NamespaceState, OWN_FIELDS, pausedStatus } from './status.ts';

/** A Cluster as a status apply names it: without the spec, which is its user's. */
type StatusIntent = Pick<Cluster, 'apiVersion' | 'kind' | 'metadata' | 'status'>;

/** A Secret that was not read yet, or can't be read now, is looked for again after this. */
const PENDING_MS = 1_000;
/** What keeps a namespace that is being deleted is looked for again after this. */
const TERMINATING_MS = 5_000;

/**
 * Reconciles Clusters: the namespace in the hub, the connection, the status. All that a downstream could
 * keep waiting happens in the cluster's session; a reconcile speaks to the hub only.
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
  readonly #sessions: Sessions;

  constructor(context: OperatorContext, clock: Clock = systemClock) {
    this.#context = context;
    this.#clock = clock;
    const { hub, log } = context.manager;
    this.#client = hub.client.as(fieldManager('cluster'));
    this.#clusters = hub.cache.informer(ClusterResource);
    this.#namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    this.#secrets = new KubeconfigSecrets(hub.cache, 'operator cluster', name => this.#controller.add(name));
    this.#registrations = new Registrations({ context, onChange: name => this.#controller.add(name) });
    this.#sessions = new Sessions({
      context,
      client: this.#client,
      clock,
      namespaces: this.#namespaces,
      hasJoined: name => registrationState(this.#registrations.secret(name)).kind === 'spent',
      onChange: name => this.#controller.add(name),
    });
    this.#deletions = new Deletions({
      client: this.#client,
      recorder: context.manager.recorder,
      hub: () => hub.uid,
      clock,
      namespaces: this.#namespaces,
      open: (cluster, way) =>
        way.kind === 'agent'
          ? this.#sessions.agentHandBack(cluster, way.connection)
          : this.#sessions.handBack(cluster, way.connection),
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
    this.#sessions.start(signal);
    this.#registrations.start(signal);
    // a namespace that was not listed yet is not one that is missing
    const known = [this.#clusters, this.#namespaces, this.#sessions.heartbeats];
    Promise.all(known.map(informer => informer.whenSynced(signal))).then(
      () => this.#controller.start(signal),
      () => undefined,
    );
  }

  async stopped(): Promise<void> {
    await this.#controller.stopped();
    await Promise.all([this.#sessions.closed(), this.#deletions.stopped(), this.#registrations.stopped()]);
    await this.#sessions.stopped();
  }

  async #reconcile(name: string, { signal }: ReconcileContext): Promise<Result | undefined> {
    const found = this.#clusters.get(name);
    if (!found || (found.metadata.deletionTimestamp && !hasFinalizer(found, FINALIZER))) {
      this.#sessions.drop(name);
      this.#deletions.forget(name);
      this.#secrets.release(name);
      if (!found) await this.#endUse(name, signal);
      return undefined;
    }
    if (isPaused(found.metadata)) {
      this.#sessions.pause(found);
      this.#deletions.forget(name);
      await this.#writeStatus(found, pausedStatus(found, this.#clock.now()), signal);
      return undefined;
    }
    if (found.metadata.deletionTimestamp) {
      this.#sessions.close(name);
      return await this.#deletions.reconcile(found, this.#resolve(found), signal);
    }
    this.#deletions.forget(name);
    const cluster = await addFinalizer(this.#client, ClusterResource, found, FINALIZER, signal);
    const { error, ...namespace } = await this.#ensureNamespace(cluster, signal);
    const connection = this.#resolve(cluster);
    const session = this.#sessions.connect(cluster, connection, namespace);
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
    if (connection.kind === 'pending') return { requeueAfterMs: PENDING_MS };
    return namespace.state === 'terminating' ? { requeueAfterMs: TERMINATING_MS } : undefined;
  }

  async #ensureNamespace(cluster: Cluster, signal: AbortSignal): Promise<NamespaceState & { error?: unknown }> {
    const name = clusterNamespace(cluster.metadata.name ?? '');
    const plan = planClusterNamespace(cluster, this.#namespaces.get({ name }), this.#context.manager.hub.uid);
    if (plan.action === 'conflict') return { state: 'conflict', message: plan.message };
    if (plan.action === 'wait') return await this.#terminating(name, signal);
    try {
      if (plan.action === 'create') await this.#client.create(Namespaces, {}, plan.body, { signal });
      if (plan.action === 'patch') await this.#client.mergePatch(Namespaces, { name }, plan.patch, { signal });
      return { state: 'ready', message: '' };
    } catch (error) {
      const message = `namespace ${name} could not be written: ${errorMessage(error)}; it is tried again`;
      return { state: 'failed', message, error };
    }
  }

  async #terminating(name: string, signal: AbortSignal): Promise<NamespaceState> {
    const message = `namespace ${name} is being deleted: it is made again when it is gone`;
    const kept = await keptBy(this.#client, name, signal);
    if (kept === undefined) return { state: 'terminating', message };
    return { state: 'terminating', message: `${message}; ${kept}`, isKept: true };
  }

  /** The namespace of a Cluster that is gone, by whatever way, may be deleted by whoever may. */
  async #endUse(name: string, signal: AbortSignal): Promise<void> {
    const namespace = this.#namespaces.get({ name: clusterNamespace(name) });
    if (!namespace || !isInUse(namespace) || namespace.metadata?.labels?.[LABEL_CLUSTER] !== name) return;
    const { uid, live } = await readLive(this.#client, ClusterResource, { name }, signal);
    if (uid === this.#context.manager.hub.uid && !live) await endUse(this.#client, namespace, signal);
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

  async #writeStatus(cluster: Cluster, status: ClusterStatus, signal: AbortSignal): Promise<void> {
    if (isStatusCurrent(cluster, status)) return;
    const { apiVersion, kind, metadata } = cluster;
    const intent: StatusIntent = { apiVersion, kind, metadata: { name: metadata.name ?? '' }, status };
    try {
      const written = await this.#client.applyStatus<StatusIntent>(ClusterResource, intent, { signal });
      const call = { operator: 'cluster', signal };
      if (!isByAgent(cluster)) await releaseAgentStatus(this.#client, ClusterResource, written, call);
      else await dropForeignFields(this.#client, ClusterResource, written, { status, fields: OWN_FIELDS, signal });
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
}
