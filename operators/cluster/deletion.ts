import {
  ANNOTATION_CLUSTER_DELETION,
  type Cluster,
  ClusterResource,
  clusterNamespace,
  finalizer,
  LABEL_CLUSTER,
  LABEL_PROJECT_HOME,
  type Project,
  ProjectResource,
  parseProjectNamespace,
} from '#api';
import {
  type Client,
  type Clock,
  type ConditionIntent,
  findCondition,
  hasFinalizer,
  type Informer,
  isNotFound,
  type KubeObject,
  Namespaces,
  type Recorder,
  type Result,
  removeFinalizer,
} from '#runtime';
import { parseDuration } from '../engagement/duration.ts';
import { endUse, isInUse } from '../engagement/in-use.ts';
import { describeRemaining, isKeptByOthers, type Remaining, remaining } from '../engagement/remaining.ts';
import type { ConnectionState } from './connection.ts';
import type { HandingBack } from './deletion-downstream.ts';
import { connectedWhileDeleting, deletionStatus, withWhatIsLeft } from './deletion-status.ts';
import { FINAL, LEAVING, nextStep, type Step } from './deletion-step.ts';
import { verdictOn } from './deletion-verdict.ts';
import { planClusterNamespace } from './desired.ts';

export const FINALIZER = finalizer('cluster');
const PROJECT_FINALIZER = finalizer('project');

/** The ways to a downstream. */
export type Way = Extract<ConnectionState, { readonly kind: 'usable' | 'agent' }>;

export interface DeletionOptions {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly hub: () => string;
  readonly clock: Clock;
  readonly namespaces: Informer<KubeObject>;
  /** Begins to hand a downstream back; undefined where no agent was ever heard of. */
  readonly open: (cluster: Cluster, way: Way) => HandingBack | undefined;
}

/** How soon it is looked again whether the Projects are gone: they are not watched. */
const PROJECTS_MS = 300;
/** The same where only others' finalizers keep them, which may be for days. */
const KEPT_MS = 5_000;
const UNKNOWN_MS = 1_000;

/**
 * Reconciles Clusters that are being deleted: their Projects go, so that nothing is given any more; the downstream is
 * handed back; then the namespaces in the hub go, and last the finalizer. See docs/decisions/0010.
 */
export class Deletions {
  readonly #options: DeletionOptions;
  readonly #handBacks = new Map<string, { readonly id: string; readonly handBack: HandingBack }>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: DeletionOptions) {
    this.#options = options;
  }

  /** Ends the work on a Cluster that is gone, or paused. */
  forget(name: string): void {
    const entry = this.#handBacks.get(name);
    if (!entry) return;
    this.#handBacks.delete(name);
    const closing = entry.handBack.stop().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async stopped(): Promise<void> {
    for (const name of [...this.#handBacks.keys()]) this.forget(name);
    await Promise.all(this.#closing);
  }

  async reconcile(cluster: Cluster, connection: ConnectionState, signal: AbortSignal): Promise<Result | undefined> {
    const name = cluster.metadata.name ?? '';
    if (!hasFinalizer(cluster, FINALIZER)) return this.#done(name);
    const { client, hub } = this.#options;
    const verdict = await verdictOn(cluster, { client, hub: hub(), signal });
    if (verdict === 'unknown') return { requeueAfterMs: UNKNOWN_MS };
    if (verdict === 'clean') {
      const isForeign = this.#namespaceState(cluster) === 'foreign';
      if (!isForeign) await this.#announce(cluster, signal);
      const usable = isForeign ? NO_NAMESPACE : connection;
      const next = await this.#proceed(cluster, usable, signal);
      if (next) return next.result;
      if (!isForeign) await this.#removeNamespaces(name, signal);
    }
    if (verdict === 'letGo') await this.#endUse(cluster, signal);
    await removeFinalizer(client, ClusterResource, cluster, FINALIZER, signal);
    return this.#done(name);
  }

  /** The API is being uninstalled: the namespace stays, and no operator will delete it. */
  async #endUse(cluster: Cluster, signal: AbortSignal): Promise<void> {
    const { client, namespaces } = this.#options;
    const namespace = namespaces.get({ name: clusterNamespace(cluster.metadata.name ?? '') });
    if (namespace && isInUse(namespace) && this.#namespaceState(cluster) === 'ours')
      await endUse(client, namespace, signal);
  }

  #done(name: string): undefined {
    this.forget(name);
    return undefined;
  }

  /** Takes the next step; undefined when nothing but the hub's namespaces is left. */
  async #proceed(
    cluster: Cluster,
    connection: ConnectionState,
    signal: AbortSignal,
  ): Promise<{ readonly result: Result | undefined } | undefined> {
    if (this.#isHandedBack(cluster)) return undefined;
    const handBack = this.#handBack(cluster, connection);
    const step = this.#step(cluster, connection, handBack);
    const projects = step.kind === 'wait' ? [] : await this.#projects(cluster, signal);
    const cleaned = withWhatIsLeft(cluster, step.cleaned, projects);
    await this.#record(cluster, cleaned);
    const connected = connectedWhileDeleting(connection, handBack?.state);
    const { atWork, kept } = sortProjects(projects);
    if (step.kind === 'wait') {
      await this.#writeStatus(cluster, { cleaned, connected }, signal);
      return { result: step.ms === undefined ? undefined : { requeueAfterMs: step.ms } };
    }
    const said = atWork.length > 0 && !FINAL.includes(cleaned.reason) ? waitingFor(atWork) : cleaned;
    const waits = kept.length > 0 ? `waiting for Projects: ${describeRemaining(kept)}` : undefined;
    await this.#writeStatus(cluster, { cleaned: said, connected, waits }, signal);
    for (const { metadata } of projects.filter(project => !project.metadata.deletionTimestamp)) {
      const { name = '', namespace = '', uid } = metadata;
      await this.#options.client.delete(ProjectResource, { namespace, name }, { uid, signal });
    }
    if (atWork.length > 0) return { result: { requeueAfterMs: PROJECTS_MS } };
    const later = kept.length > 0 ? { requeueAfterMs: KEPT_MS } : undefined;
    if (step.kind === 'finish') return later && { result: later };
    // nothing that is kept in the hub delays the clean-up; the cluster itself is not let go of before all is gone
    handBack?.raise(kept.length > 0 && step.goal === 'release' ? 'clean' : step.goal);
    return { result: later };
  }

  /** Notes on the Cluster's namespace that its deletion has begun: a policy lets Project `system` go then. */
  async #announce({ metadata }: Cluster, signal: AbortSignal): Promise<void> {
    const { client, namespaces } = this.#options;
    const name = clusterNamespace(metadata.name ?? '');
    const existing = namespaces.get({ name });
    if (!existing || existing.metadata?.deletionTimestamp) return;
    const annotations = { [ANNOTATION_CLUSTER_DELETION]: metadata.uid };
    if (existing.metadata?.annotations?.[ANNOTATION_CLUSTER_DELETION] === metadata.uid) return;
    await client.mergePatch(
      Namespaces,
      { name },
      { metadata: { uid: existing.metadata?.uid, annotations } },
      { signal },
    );
  }

  #namespaceState(cluster: Cluster): 'foreign' | 'gone' | 'ours' {
    const { namespaces, hub } = this.#options;
    const existing = namespaces.get({ name: clusterNamespace(cluster.metadata.name ?? '') });
    if (!existing || existing.metadata?.deletionTimestamp) return 'gone';
    return planClusterNamespace(cluster, existing, hub()).action === 'conflict' ? 'foreign' : 'ours';
  }

  /** Only when all was done downstream does the cluster's namespace go, with the credentials: nothing is to be done twice. */
  #isHandedBack(cluster: Cluster): boolean {
    const cleaned = findCondition(cluster.status?.conditions, 'Cleaned');
    return cleaned !== undefined && FINAL.includes(cleaned.reason) && this.#namespaceState(cluster) === 'gone';
  }

  /** The hand-back over the connection as it is now; while none is known the one that runs goes on. */
  #handBack(cluster: Cluster, state: ConnectionState): HandingBack | undefined {
    const name = cluster.metadata.name ?? '';
    const current = this.#handBacks.get(name);
    if (state.kind === 'pending') return current?.handBack;
    const id = wayOf(cluster, state);
    if (current && current.id === id) return current.handBack;
    this.forget(name);
    if (state.kind === 'none') return undefined;
    const handBack = this.#options.open(cluster, state);
    if (id !== undefined && handBack) this.#handBacks.set(name, { id, handBack });
    return handBack;
  }

  #step(cluster: Cluster, connection: ConnectionState, handBack: HandingBack | undefined): Step {
    const { deletionPolicy = 'Clean', cleanupTimeout = '5m' } = cluster.spec;
    const { lastHeartbeat } = cluster.status ?? {};
    const signs = [cluster.metadata.deletionTimestamp, lastHeartbeat].map(time => (time ? Date.parse(time) : 0));
    return nextStep({
      policy: deletionPolicy,
      connection: connection.kind,
      ...(connection.kind === 'none' ? { connectionProblem: connection.connected.message } : {}),
      handBack: handBack?.state,
      everConnected: lastHeartbeat !== undefined,
      lastContactAt: Math.max(...signs, handBack?.contactAt ?? 0),
      timeoutMs: parseDuration(cleanupTimeout),
      now: this.#options.clock.now(),
    });
  }

  async #projects(cluster: Cluster, signal: AbortSignal): Promise<readonly Project[]> {
    if (this.#namespaceState(cluster) === 'foreign') return [];
    const namespace = clusterNamespace(cluster.metadata.name ?? '');
    return (await this.#options.client.list(ProjectResource, { namespace }, { signal })).items;
  }

  /** An event for what stays on the cluster; it is sent before the condition that would keep it from being sent again. */
  async #record(cluster: Cluster, { reason, message }: ConditionIntent): Promise<void> {
    const before = findCondition(cluster.status?.conditions, 'Cleaned');
    if (!LEAVING.includes(reason) || before?.reason === reason) return;
    const { recorder } = this.#options;
    recorder.record(ClusterResource, cluster, { type: 'Warning', reason, action: 'Delete', note: message });
    await recorder.flush();
  }

  async #writeStatus(
    cluster: Cluster,
    conditions: { cleaned: ConditionIntent; connected: ConditionIntent | undefined; waits?: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const status = deletionStatus(cluster, { ...conditions, now: this.#options.clock.now() });
    if (!status) return;
    const { name = '', uid = '' } = cluster.metadata;
    try {
      await this.#options.client.applyStatus(ClusterResource, { metadata: { name, uid }, status }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** `c-<name>` and every `p-<name>--*`, with all that is in them. Their names are read from the server. */
  async #removeNamespaces(cluster: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const selection = { labelSelector: `${LABEL_CLUSTER}=${cluster}`, metadataOnly: true };
    const { items } = await client.list(Namespaces, selection, { signal });
    const homes = items.filter(
      ({ metadata }) =>
        parseProjectNamespace(metadata?.name ?? '')?.cluster === cluster && metadata?.labels?.[LABEL_PROJECT_HOME],
    );
    // last the one without which the Cluster counts as handed back
    const own = items.filter(({ metadata }) => metadata?.name === clusterNamespace(cluster));
    for (const { metadata } of [...homes, ...own])
      if (!metadata?.deletionTimestamp)
        await client.delete(Namespaces, { name: metadata?.name ?? '' }, { uid: metadata?.uid, signal });
  }
}

const NO_NAMESPACE: ConnectionState = {
  kind: 'none',
  connected: {
    type: 'Connected',
    status: 'Unknown',
    reason: 'NamespaceConflict',
    message: 'its namespace in the hub is somebody else’s',
  },
};

/** Tells ways to a downstream apart; undefined where there is none. */
function wayOf({ metadata }: Cluster, state: ConnectionState): string | undefined {
  if (state.kind === 'agent') return `${metadata.uid} agent ${state.connection.timeoutMs}`;
  return state.kind === 'usable' ? `${metadata.uid} ${state.connection.hash}` : undefined;
}

interface SortedProjects {
  /** The project operator may still write for them. */
  readonly atWork: readonly Project[];
  /** Others' finalizers alone keep them. */
  readonly kept: readonly Remaining[];
}

function sortProjects(projects: readonly Project[]): SortedProjects {
  const isKept = (project: Project) =>
    project.metadata.deletionTimestamp !== undefined && !hasFinalizer(project, PROJECT_FINALIZER);
  return {
    atWork: projects.filter(project => !isKept(project)),
    kept: projects.filter(isKept).flatMap(project => remaining('Project', project) ?? []),
  };
}

function waitingFor(projects: readonly Project[]): ConditionIntent {
  const names = projects.map(({ metadata }) => metadata.name ?? '').sort();
  const named = `${names.slice(0, 20).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`;
  const others = projects.flatMap(project => remaining('Project', project) ?? []).filter(isKeptByOthers);
  const foreign = others.length > 0 ? `. Others keep them, too: ${describeRemaining(others)}` : '';
  const message = `the cluster's Projects are being deleted first: ${named}; if they stay, see that the project operator runs${foreign}`;
  return { type: 'Cleaned', status: 'False', reason: 'DeletingProjects', message };
}
