import {
  type Cluster as ClusterObject,
  clusterNamespace,
  fieldManager,
  isPaused,
  type Project,
  ProjectResource,
} from '#api';
import {
  type Client,
  Controller,
  type Informer,
  isConditionTrue,
  type Manager,
  type ReconcileContext,
  type Result,
} from '#runtime';
import { connectionChanged } from '../engagement/agent.ts';
import type { Verdict } from '../engagement/verdicts.ts';
import { BACKOFF_MS } from './engaged.ts';
import { Engagements } from './engagements.ts';
import { OwnSharedObjects } from './own-shared.ts';
import { Plans, projectKeyOf, projectKeysOf } from './plans.ts';
import { gatherFacts } from './status.ts';
import { firstStatusAfterMs, statusChanges } from './status-pace.ts';
import { agentStatusOf, deletionTold } from './status-parts.ts';

export interface AgentProjectsOptions {
  readonly manager: Manager;
  /** The Cluster that the agent works for. */
  readonly cluster: string;
  readonly clusters: Informer<ClusterObject>;
  /** Namespaces of project `system` beside those of Kubernetes. */
  readonly systemNamespaces?: readonly string[];
}

/**
 * The project operator in an agent: the same work on the namespaces of its own cluster, and of a Project's status
 * what is seen there. What only the hub may write is left to the hub's operator.
 */
export function setUpAgentProjects({ manager, cluster, clusters, systemNamespaces = [] }: AgentProjectsOptions): void {
  const { hub, log } = manager;
  const manage = fieldManager('project', 'agent');
  const client = hub.client.as(manage);
  const projects = hub.cache.informer(ProjectResource, { namespace: clusterNamespace(cluster) });
  const shared = new OwnSharedObjects(hub, projects);
  const plans = new Plans({ projects, shared, hub: () => hub.uid });
  const changed = statusChanges(() => controller, plans);
  const engagements = new Engagements({
    manager,
    fieldManager: manage,
    plans,
    deletions: { verdict: (project, signal) => verdictTold(client, project, signal) },
    clusters,
    systemNamespaces,
    changed,
    now: Date.now,
  });
  const scope: AgentScope = { client, cluster, plans, shared, clusters, engagements };
  const controller = new Controller({
    name: 'project',
    log,
    reconcile: (key, context) => reconcileSeen(scope, key, context),
    backoffMs: BACKOFF_MS,
  });
  engagements.follow();
  manager.add({
    start: signal => {
      engagements.start(signal);
      controller
        .watches(projects, project => [projectKeyOf(project) ?? ''], { ownWrites: false })
        .watches(clusters, () => projectKeysOf(plans, cluster), { predicate: connectionChanged });
      plans.subscribe(changed);
      void Promise.all([plans.whenSynced(signal), clusters.whenSynced(signal)]).then(
        () => controller.start(signal),
        () => undefined,
      );
    },
    stopped: async () => {
      await Promise.all([controller.stopped(), engagements.stopped()]);
    },
  });
}

interface AgentScope {
  readonly client: Client;
  readonly cluster: string;
  readonly plans: Plans;
  readonly shared: OwnSharedObjects;
  readonly clusters: Informer<ClusterObject>;
  readonly engagements: Engagements;
}

/** Writes what is seen of a Project, while the hub counts the cluster as connected: until then the hub says why not. */
async function reconcileSeen(
  { client, cluster, plans, shared, clusters, engagements }: AgentScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const project = plans.projects.get(key);
  const engaged = engagements.get(cluster);
  if (!project || isPaused(project.metadata) || !engaged?.settled) return undefined;
  // the namespace of one that is being deleted may be gone before it
  const stands = shared.isKnown(project) && shared.homeState(project) === 'ours';
  if (!stands && !project.metadata.deletionTimestamp) return undefined;
  if (!isConditionTrue(clusters.get({ name: cluster })?.status?.conditions, 'Connected')) return undefined;
  const facts = gatherFacts(plans.get(project), engaged);
  const later = firstStatusAfterMs(project, facts, engaged, Date.now());
  if (later !== undefined) return { requeueAfterMs: later };
  const status = agentStatusOf({
    project,
    facts,
    free: deletionTold(project) === 'clean' && engaged.isFreeOf(project),
    now: Date.now(),
  });
  if (!status) return undefined;
  const { name = '', namespace = '', uid = '' } = project.metadata;
  await client.applyStatus(ProjectResource, { metadata: { name, namespace, uid }, status }, { signal });
  return undefined;
}

/** What the hub's operator has found out about a deletion, read from the server: cleaning up can't be undone. */
async function verdictTold(client: Client, { metadata }: Project, signal: AbortSignal): Promise<Verdict | undefined> {
  const { name = '', namespace = '', uid } = metadata;
  const live = await client.find(ProjectResource, { name, namespace }, { signal });
  if (!live?.metadata.deletionTimestamp || live.metadata.uid !== uid) return undefined;
  return deletionTold(live);
}
