import {
  type ClusterAccess,
  type Cluster as ClusterObject,
  fieldManager,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
} from '#api';
import {
  type Client,
  Controller,
  hasFinalizer,
  isConditionTrue,
  type Manager,
  type ReconcileContext,
  type Result,
  type Watched,
} from '#runtime';
import { connectionChanged } from '../engagement/agent.ts';
import { reconcileAgentAccess } from './agent-access.ts';
import { agentSources } from './agent-sources.ts';
import { agentsConditions, told, toldOfAccess, writeWord } from './agents-word.ts';
import { FINALIZER } from './deletion.ts';
import { Engagements } from './engagements.ts';
import { placeOf } from './grants.ts';
import { Guards, provenChanged } from './guards.ts';
import { PATIENCE_MS, Patience } from './patience.ts';
import { accessKey, HubPeople } from './people.ts';
import { bindingKey, HubSays } from './says.ts';
import { engagedSide } from './sides.ts';

export interface AgentAccessOptions {
  readonly manager: Manager;
  /** The Cluster that the agent works for. */
  readonly cluster: string;
  readonly clusters: Watched<ClusterObject>;
}

const STATUS_MS = 100;
const BACKOFF_MS = [5, 30_000] as const;
const RETRY_MS = 500;

/**
 * The rbac operator in an agent: the same work on the roles, bindings and accounts of its own cluster. What is in the
 * hub stays with the hub's operator, which learns from a binding's status what is in force here.
 */
export function setUpAgentAccess({ manager, cluster, clusters }: AgentAccessOptions): void {
  const { hub, log } = manager;
  const manage = fieldManager('rbac', 'agent');
  const sources = agentSources(hub, cluster, clusters);
  const says = new HubSays(sources);
  const people = new HubPeople(sources, says);
  const engagements = new Engagements({
    manager,
    fieldManager: manage,
    says,
    people,
    guards: new Guards(clusters),
    settled: keys => {
      for (const key of keys.bindings) controller.add(key, { afterMs: STATUS_MS });
      for (const key of keys.accesses) accesses.add(key);
    },
    unknownTemplate: name => templateUnused(says, name),
    changed: (name, place) => {
      for (const binding of says.bindingsIn(name, place)) controller.add(bindingKey(binding), { afterMs: STATUS_MS });
    },
  });
  const scope: AgentScope = {
    client: hub.client.as(manage),
    cluster,
    clusters,
    says,
    engagements,
    patience: new Patience(),
    now: Date.now,
  };
  const controller = new Controller({
    name: 'rbac-bindings',
    log,
    reconcile: (key, context) => reconcileSeen(scope, key, context),
    backoffMs: BACKOFF_MS,
  });
  const ofAccess = { client: scope.client, cluster, clusters, people, engagements, hub: () => hub.uid, now: Date.now };
  const accesses = new Controller({
    name: 'rbac-accesses',
    log,
    reconcile: (key, context) => reconcileAgentAccess(ofAccess, key, context),
    backoffMs: BACKOFF_MS,
  });

  says.follow();
  people.follow();
  people.accesses.subscribe({ applied: access => hearOfAccess(people, access), deleted: () => undefined });
  says.bindings.subscribe({ applied: binding => hear(says, binding), deleted: () => undefined });
  engagements.follow();
  manager.add({
    start: signal => {
      engagements.start(signal);
      controller
        .watches(says.bindings, binding => [bindingKey(binding)], { ownWrites: false })
        .watches(clusters, () => says.bindingsIn(cluster).map(bindingKey), {
          predicate: (now, old) => connectionChanged(now, old) || provenChanged(now, old),
        });
      accesses
        .watches(people.accesses, access => [accessKey(access)], { ownWrites: false })
        .watches(clusters, () => people.keysIn(cluster));
      const synced = [says.whenSynced(signal), people.whenSynced(signal), clusters.whenSynced(signal)];
      void Promise.all(synced).then(
        () => {
          controller.start(signal);
          accesses.start(signal);
        },
        () => undefined,
      );
    },
    stopped: async () => {
      await Promise.all([accesses.stopped(), controller.stopped(), engagements.stopped()]);
    },
  });
}

interface AgentScope {
  readonly client: Client;
  readonly cluster: string;
  readonly clusters: Watched<ClusterObject>;
  readonly says: HubSays;
  readonly engagements: Engagements;
  readonly patience: Patience;
  readonly now: () => number;
}

/** What the hub's operator has found out, and tells by the binding. */
function hear(says: HubSays, binding: RoleTemplateBinding): void {
  const { deletion, templateDeleted, projectAbsent } = told(binding);
  const place = placeOf(binding);
  if (projectAbsent && place) says.projectGone(place);
  if (deletion === 'clean') says.revoke(binding);
  if (deletion === 'letGo') says.letGo();
  if (templateDeleted) for (const part of says.book.parts(binding.spec.roleTemplateName)) says.templateGone(part);
}

function hearOfAccess(people: HubPeople, access: ClusterAccess): void {
  const { deletion } = toldOfAccess(access);
  if (deletion === 'clean') people.revoke(access);
  if (deletion === 'letGo') people.letGo();
}

/**
 * A template that is not there, on whose roles nobody's access hangs as far as can be told: while templates of bindings
 * are missing they may be going with their kind, and the hub's operator has to say whether they are.
 */
function templateUnused(says: HubSays, name: string): void {
  const isWhole = (role: string) => says.book.get(role) !== undefined && says.book.problem(role) === undefined;
  if (says.known && says.bindings.list().every(({ spec }) => isWhole(spec.roleTemplateName))) says.templateGone(name);
}

/** Writes what is seen of a binding, while the hub counts the cluster as connected: until then the hub says why not. */
async function reconcileSeen(
  { client, cluster, clusters, says, engagements, patience, now }: AgentScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const binding = says.bindings.get(key);
  const place = binding && placeOf(binding);
  const engaged = engagements.get(cluster);
  if (!binding || !place || !engaged || !hasFinalizer(binding, FINALIZER)) return undefined;
  if (!isConditionTrue(clusters.get({ name: cluster })?.status?.conditions, 'Connected')) return undefined;
  if (binding.metadata.deletionTimestamp && told(binding).deletion !== 'clean') return undefined;
  const { confirmed, obstacle, refused, foreignRules } = engagedSide(engaged, binding, place);
  if (!patience.isOver(binding, { settled: confirmed, patienceMs: PATIENCE_MS }, now()))
    return { requeueAfterMs: RETRY_MS };
  const seen = {
    cluster,
    done: confirmed,
    obstacle: obstacle ?? (confirmed ? undefined : refused),
    foreignRules,
    now: now(),
  };
  const conditions = agentsConditions(binding, seen);
  if (conditions) await writeWord(client, RoleTemplateBindingResource, binding, { conditions, signal });
  return confirmed ? undefined : { requeueAfterMs: PATIENCE_MS };
}
