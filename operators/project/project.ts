import {
  type Cluster as ClusterObject,
  clusterNamespace,
  isPaused,
  type Project,
  ProjectResource,
  parseClusterNamespace,
  projectNamespace,
} from '#api';
import {
  addFinalizer,
  type Client,
  findCondition,
  hasFinalizer,
  type Informer,
  isConditionTrue,
  type KubeObject,
  type Manager,
  Namespaces,
  type ReconcileContext,
  type Result,
  removeFinalizer,
  TerminalError,
} from '#runtime';
import { isByAgent, releaseAgentStatus } from '../engagement/agent.ts';
import { endUse, isInUse } from '../engagement/in-use.ts';
import { keptBy } from '../engagement/remaining.ts';
import { readLive, type Verdicts } from '../engagement/verdicts.ts';
import { FINALIZER } from './deletion.ts';
import type { Engagements } from './engagements.ts';
import { ensureHome, homeState } from './home.ts';
import type { Plans } from './plans.ts';
import { gatherFacts, type Obstacle, statusOf } from './status.ts';
import { firstStatusAfterMs } from './status-pace.ts';
import { hubStatusOf, isDetached, isUnseenByAgent } from './status-parts.ts';

export interface ProjectScope {
  readonly manager: Manager;
  readonly client: Client;
  readonly plans: Plans;
  /** Every namespace of the hub. */
  readonly namespaces: Informer<KubeObject>;
  readonly clusters: Informer<ClusterObject>;
  readonly deletions: Verdicts<Project>;
  readonly engagements: Engagements;
  readonly now: () => number;
}

/** For so long a status stays while a cluster that counts as connected is being read. */
const READING_MS = 30_000;
/** How soon it is looked again whether a cluster that is being handed back was let go of; that is also told. */
const ENGAGED_RETRY_MS = 500;

/** Keeps a Project's namespace in the hub and its status; on deletion waits until the downstream is clean. */
export async function reconcileProject(
  scope: ProjectScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const project = scope.plans.projects.get(key);
  if (!project) return await endUseOfHome(scope, key, signal);
  const cluster = parseClusterNamespace(project.metadata.namespace ?? '');
  if (cluster === undefined) return undefined;
  if (project.metadata.deletionTimestamp) return await remove(scope, project, cluster, signal);
  if (isPaused(project.metadata)) return await writeStatus(scope, project, cluster, undefined, signal);
  const object = scope.clusters.get({ name: cluster });
  if (!object) return await writeStatus(scope, project, cluster, noCluster(cluster), signal);
  // asked live before the finalizer is put on, without which nothing is given: see docs/decisions/0010
  const stands =
    object.metadata.deletionTimestamp === undefined &&
    (hasFinalizer(project, FINALIZER) || (await scope.deletions.stands(cluster, signal)));
  if (!stands) return await writeStatus(scope, project, cluster, handedBack(cluster), signal);
  const current = await addFinalizer(scope.client, ProjectResource, project, FINALIZER, signal);
  return await writeStatus(scope, current, cluster, await home(scope, current, cluster, signal), signal);
}

/** The phase that keeps `p-<cluster>--<project>`. */
async function home(
  { client, manager, namespaces }: ProjectScope,
  project: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const name = projectNamespace(cluster, project.metadata.name ?? '');
  try {
    const existing = namespaces.get({ name });
    const state = await ensureHome({ client, hub: manager.hub.uid, signal }, project, cluster, existing);
    if (state === 'ours') return undefined;
    const kept = state === 'terminating' ? await keptBy(client, name, signal) : undefined;
    const why = kept === undefined ? '' : `: ${kept}`;
    return { reason: 'NamespacePending', message: `waiting for namespace ${name}, which is ${state}${why}` };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { reason: 'NamespaceConflict', message: error.message, stalled: true };
  }
}

async function writeStatus(
  scope: ProjectScope,
  project: Project,
  cluster: string,
  obstacle: Obstacle | undefined,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const object = scope.clusters.get({ name: cluster });
  if (object && isByAgent(object)) return await writeHubPart(scope, project, object, obstacle, signal);
  const engaged = scope.engagements.get(cluster);
  const settled = engaged?.settled ? engaged : undefined;
  const patience = settled || obstacle ? 0 : readingLeft(scope, project, cluster);
  if (patience > 0) return { requeueAfterMs: patience };
  const facts = settled && gatherFacts(scope.plans.get(project), settled);
  const later = facts && settled && !obstacle ? firstStatusAfterMs(project, facts, settled, scope.now()) : undefined;
  if (later !== undefined) return { requeueAfterMs: later };
  const status = statusOf({
    project,
    cluster,
    facts,
    obstacle: obstacle ?? (settled ? undefined : notEngaged(scope, cluster)),
    paused: isPaused(project.metadata),
    now: scope.now(),
  });
  if (!status) return undefined;
  const { name = '', namespace = '' } = project.metadata;
  const intent = { metadata: { name, namespace }, status };
  const written = await scope.client.applyStatus(ProjectResource, intent, { signal });
  await releaseAgentStatus(scope.client, ProjectResource, written, { operator: 'project', signal });
  return undefined;
}

/** What the agent of the cluster can't write of the status. */
async function writeHubPart(
  { client, now }: ProjectScope,
  project: Project,
  object: ClusterObject,
  obstacle: Obstacle | undefined,
  signal: AbortSignal,
): Promise<undefined> {
  const cluster = object.metadata.name ?? '';
  const connected = isConditionTrue(object.status?.conditions, 'Connected');
  const status = hubStatusOf({
    project,
    cluster,
    obstacle: obstacle ?? (connected ? unseen(project, cluster) : notConnected(object)),
    cleaning: project.metadata.deletionTimestamp !== undefined,
    paused: isPaused(project.metadata),
    now: now(),
  });
  const { name = '', namespace = '' } = project.metadata;
  if (status) await client.applyStatus(ProjectResource, { metadata: { name, namespace }, status }, { signal });
}

/**
 * How much longer the status may stay as it is although it can't be checked yet, ms: an operator that
 * starts must not report every project as broken and then as ready again.
 */
function readingLeft({ clusters, engagements, now }: ProjectScope, project: Project, cluster: string): number {
  if (!findCondition(project.status?.conditions, 'Ready')) return 0;
  if (!isConditionTrue(clusters.get({ name: cluster })?.status?.conditions, 'Connected')) return 0;
  return engagements.disengagedAt(cluster) + READING_MS - now();
}

/** Removes the finalizer once nothing of the project is left downstream, or nothing may be touched. */
async function remove(
  scope: ProjectScope,
  project: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, deletions } = scope;
  if (!hasFinalizer(project, FINALIZER)) return undefined;
  const verdict = await deletions.verdict(project, signal);
  if (verdict === undefined) return { requeueAfterMs: 1_000 };
  if (verdict === 'clean') {
    if (!isLeft(scope, project, cluster))
      return await writeStatus(scope, project, cluster, leaving(scope, cluster), signal);
    await removeHome(scope, project, cluster, signal);
  }
  if (verdict === 'letGo') await endUseOf(scope, project, cluster, signal);
  if (verdict === 'handBack') {
    // the finalizer tells the cluster operator that this one may still write there
    if (scope.engagements.get(cluster)) return { requeueAfterMs: ENGAGED_RETRY_MS };
    // where the Cluster is being deleted, its namespaces in the hub are the cluster operator's, which needs them longer
    if (!scope.clusters.get({ name: cluster })) await removeHome(scope, project, cluster, signal);
  }
  await removeFinalizer(client, ProjectResource, project, FINALIZER, signal);
  deletions.forget(project);
  return undefined;
}

/**
 * The namespace of a Project that is gone may be deleted by whoever may: also one that lost its finalizer to an
 * administrator. While its Cluster is being deleted, it is the cluster operator's to delete.
 */
async function endUseOfHome(
  { client, manager, namespaces, clusters }: ProjectScope,
  key: string,
  signal: AbortSignal,
): Promise<undefined> {
  const [namespace = '', name = ''] = key.split('/');
  const cluster = parseClusterNamespace(namespace);
  if (cluster === undefined || clusters.get({ name: cluster })?.metadata.deletionTimestamp) return;
  const home = namespaces.get({ name: projectNamespace(cluster, name) });
  if (!home || !isInUse(home) || homeState(home, cluster, name) !== 'ours') return;
  const { uid, live } = await readLive(client, ProjectResource, { namespace, name }, signal);
  if (uid === manager.hub.uid && !live) await endUse(client, home, signal);
}

async function removeHome(
  { client, namespaces }: ProjectScope,
  project: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<void> {
  const name = projectNamespace(cluster, project.metadata.name ?? '');
  const existing = namespaces.get({ name });
  if (existing && homeState(existing, cluster, project.metadata.name ?? '') === 'ours')
    await client.delete(Namespaces, { name }, { uid: existing.metadata?.uid, signal });
}

/** The API is being uninstalled: the namespace stays, and no operator will delete it. */
async function endUseOf(
  { client, namespaces }: ProjectScope,
  { metadata }: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<void> {
  const { name = '' } = metadata;
  const home = namespaces.get({ name: projectNamespace(cluster, name) });
  if (home && isInUse(home) && homeState(home, cluster, name) === 'ours') await endUse(client, home, signal);
}

/** Whether nothing keeps a deleted project any more. A cluster that is handed back, or gone, keeps nothing. */
function isLeft({ engagements, clusters }: ProjectScope, project: Project, cluster: string): boolean {
  const object = clusters.get({ name: cluster });
  if (object && isByAgent(object)) return object.metadata.deletionTimestamp !== undefined || isDetached(project);
  const engaged = engagements.get(cluster);
  return engaged ? engaged.isFreeOf(project) : !object || object.metadata.deletionTimestamp !== undefined;
}

/** What a deleted project waits for; undefined when an agent tells. */
function leaving({ engagements, clusters }: ProjectScope, cluster: string): Obstacle | undefined {
  const object = clusters.get({ name: cluster });
  const byAgent = object !== undefined && isByAgent(object);
  if (byAgent && isConditionTrue(object.status?.conditions, 'Connected')) return undefined;
  if (!byAgent && engagements.get(cluster)) return { reason: 'Deleting', message: 'namespaces are being detached' };
  return {
    reason: 'ClusterNotConnected',
    message: `what the project left in cluster ${cluster} is removed when the cluster is connected again, or when its Cluster object is deleted`,
  };
}

function handedBack(cluster: string): Obstacle {
  return {
    reason: 'ClusterDeleting',
    message: `Cluster ${cluster} is being deleted, and this Project goes with it: create it in another cluster's namespace`,
  };
}

function noCluster(cluster: string): Obstacle {
  return {
    reason: 'ClusterNotFound',
    message: `Cluster ${cluster}, which namespace ${clusterNamespace(cluster)} belongs to, does not exist: create it`,
  };
}

function notEngaged({ clusters, engagements }: ProjectScope, cluster: string): Obstacle {
  if (engagements.get(cluster)) return { reason: 'Reading', message: `cluster ${cluster} is being read` };
  const object = clusters.get({ name: cluster });
  if (!object) return noCluster(cluster);
  const { conditions } = object.status ?? {};
  if (!isConditionTrue(conditions, 'Connected') || isConditionTrue(conditions, 'Stalled')) return notConnected(object);
  return { reason: 'Reading', message: `cluster ${cluster} is connected and about to be read` };
}

function notConnected({ metadata, status }: ClusterObject): Obstacle {
  const stalled = findCondition(status?.conditions, 'Stalled');
  const cause = stalled?.status === 'True' ? stalled : findCondition(status?.conditions, 'Connected');
  const why = cause ? `: ${cause.message}` : '';
  return { reason: 'ClusterNotConnected', message: `cluster ${metadata.name} is not connected${why}` };
}

function unseen(project: Project, cluster: string): Obstacle | undefined {
  if (!isUnseenByAgent(project)) return undefined;
  return { reason: 'WaitingForAgent', message: `the agent of cluster ${cluster} has not looked at the project yet` };
}
