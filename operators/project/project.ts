import {
  type Cluster as ClusterObject,
  clusterNamespace,
  finalizer,
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
  type Manager,
  Namespaces,
  type ReconcileContext,
  type Result,
  removeFinalizer,
  TerminalError,
} from '#runtime';
import type { Deletions } from './deletion.ts';
import type { EngagedProjects } from './engaged.ts';
import { ensureHome, homeState } from './home.ts';
import { type Plans, projectKeyOf } from './plans.ts';
import { gatherFacts, type Obstacle, statusOf } from './status.ts';

export const FINALIZER = finalizer('project');

export interface ProjectScope {
  readonly manager: Manager;
  readonly client: Client;
  readonly plans: Plans;
  readonly clusters: Informer<ClusterObject>;
  readonly deletions: Deletions;
  readonly engaged: (cluster: string) => EngagedProjects | undefined;
  /** Since when, by {@link now}, this process has had no connection to the cluster. */
  readonly disengagedAt: (cluster: string) => number;
  readonly now: () => number;
}

/** For so long a status stays while a cluster that counts as connected is being read. */
const READING_MS = 30_000;

/** Keeps a Project's namespace in the hub and its status; on deletion waits until the downstream is clean. */
export async function reconcileProject(
  scope: ProjectScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const project = scope.plans.projects.get(key);
  const cluster = parseClusterNamespace(project?.metadata.namespace ?? '');
  if (!project || cluster === undefined) return undefined;
  if (project.metadata.deletionTimestamp) return await remove(scope, project, cluster, signal);
  if (isPaused(project.metadata)) return await writeStatus(scope, project, cluster, undefined, signal);
  if (!scope.clusters.get({ name: cluster }))
    return await writeStatus(scope, project, cluster, noCluster(cluster), signal);
  const current = await addFinalizer(scope.client, ProjectResource, project, FINALIZER, signal);
  return await writeStatus(scope, current, cluster, await home(scope, current, cluster, signal), signal);
}

/** The phase that keeps `p-<cluster>--<project>`. */
async function home(
  { client, manager, plans }: ProjectScope,
  project: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const name = projectNamespace(cluster, project.metadata.name ?? '');
  try {
    const existing = plans.namespaces.get({ name });
    const state = await ensureHome({ client, hub: manager.hub.uid, signal }, project, cluster, existing);
    if (state === 'ours') return undefined;
    return { reason: 'NamespacePending', message: `waiting for namespace ${name}, which is ${state}` };
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
  const engaged = scope.engaged(cluster);
  const settled = engaged?.settled ? engaged : undefined;
  const patience = settled || obstacle ? 0 : readingLeft(scope, project, cluster);
  if (patience > 0) return { requeueAfterMs: patience };
  const status = statusOf({
    project,
    cluster,
    facts: settled && gatherFacts(scope.plans.get(project), settled),
    obstacle: obstacle ?? (settled ? undefined : notEngaged(scope, cluster)),
    paused: isPaused(project.metadata),
    now: scope.now(),
  });
  if (!status) return undefined;
  const { name = '', namespace = '' } = project.metadata;
  await scope.client.applyStatus(ProjectResource, { metadata: { name, namespace }, status }, { signal });
  return undefined;
}

/**
 * How much longer the status may stay as it is although it can't be checked yet, ms: an operator that
 * starts must not report every project as broken and then as ready again.
 */
function readingLeft({ clusters, disengagedAt, now }: ProjectScope, project: Project, cluster: string): number {
  if (!findCondition(project.status?.conditions, 'Ready')) return 0;
  if (!isConditionTrue(clusters.get({ name: cluster })?.status?.conditions, 'Connected')) return 0;
  return disengagedAt(cluster) + READING_MS - now();
}

/** Removes the finalizer once nothing of the project is left downstream, or nothing may be touched. */
async function remove(
  scope: ProjectScope,
  project: Project,
  cluster: string,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, deletions, plans } = scope;
  if (!hasFinalizer(project, FINALIZER)) return undefined;
  const verdict = await deletions.verdict(project, signal);
  if (verdict === undefined) return { requeueAfterMs: 1_000 };
  if (verdict === 'clean') {
    const waiting = leftBehind(scope, project, cluster);
    if (waiting) return await writeStatus(scope, project, cluster, waiting, signal);
    const name = projectNamespace(cluster, project.metadata.name ?? '');
    const existing = plans.namespaces.get({ name });
    if (existing && homeState(existing, cluster, project.metadata.name ?? '') === 'ours')
      await client.delete(Namespaces, { name }, { uid: existing.metadata?.uid, signal });
  }
  await removeFinalizer(client, ProjectResource, project, FINALIZER, signal);
  deletions.forget(project);
  return undefined;
}

/** What keeps a deleted project; undefined when it can go. A cluster that is gone keeps nothing. */
function leftBehind(scope: ProjectScope, project: Project, cluster: string): Obstacle | undefined {
  if (!scope.clusters.get({ name: cluster })) return undefined;
  const engaged = scope.engaged(cluster);
  if (!engaged)
    return {
      reason: 'ClusterNotConnected',
      message: `what the project left in cluster ${cluster} is removed when the cluster is connected again, or when its Cluster object is deleted`,
    };
  if (engaged.isFreeOf(project)) return undefined;
  return { reason: 'Deleting', message: 'namespaces are being detached' };
}

function noCluster(cluster: string): Obstacle {
  return {
    reason: 'ClusterNotFound',
    message: `Cluster ${cluster}, which namespace ${clusterNamespace(cluster)} belongs to, does not exist: create it`,
  };
}

function notEngaged({ clusters, engaged }: ProjectScope, cluster: string): Obstacle {
  if (engaged(cluster)) return { reason: 'Reading', message: `cluster ${cluster} is being read` };
  const connected = findCondition(clusters.get({ name: cluster })?.status?.conditions, 'Connected');
  const why = connected ? `: ${connected.message}` : '';
  return { reason: 'ClusterNotConnected', message: `cluster ${cluster} is not connected${why}` };
}

/** The keys of a cluster's projects. */
export function projectKeysOf(plans: Plans, cluster: string): string[] {
  return plans.projects
    .list()
    .filter(({ metadata }) => metadata.namespace === clusterNamespace(cluster))
    .map(project => projectKeyOf(project) ?? '');
}
