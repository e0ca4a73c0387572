import {
  type Cluster as ClusterObject,
  isPaused,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
  type RoleTemplateBindingStatus,
} from '#api';
import {
  addFinalizer,
  type Client,
  findCondition,
  hasFinalizer,
  jsonEqual,
  keyOf,
  type ReconcileContext,
  type Recorder,
  type Result,
  removeFinalizer,
  type Watched,
} from '#runtime';
import { releaseAgentStatus, worksByAgent } from '../engagement/agent.ts';
import type { Verdicts } from '../engagement/verdicts.ts';
import { type Told, told, toTell } from './agents-word.ts';
import { bindingStatusOf, type Obstacle } from './binding-status.ts';
import { obstacleOfConflicts } from './conflicts.ts';
import { FINALIZER } from './deletion.ts';
import type { Engagements } from './engagements.ts';
import { bindingEvents, revokedEvents } from './events.ts';
import { reconcileGlobal } from './global.ts';
import { isGlobal, type Place, placeOf } from './grants.ts';
import type { HubGrants } from './hub-grants.ts';
import { PATIENCE_MS, type Patience } from './patience.ts';
import type { HubSays } from './says.ts';
import { sideOf } from './sides.ts';

export interface BindingScope {
  readonly client: Client;
  readonly says: HubSays;
  readonly clusters: Watched<ClusterObject>;
  readonly verdicts: Verdicts<RoleTemplateBinding>;
  readonly engagements: Engagements;
  readonly hubGrants: HubGrants;
  readonly patience: Patience;
  readonly recorder: Recorder;
  /** uid of the hub's kube-system namespace. */
  readonly hub: () => string;
  readonly now: () => number;
  /** Asked for a Project that is not in the cache: whether there is none. */
  readonly unknownProject: (place: Place) => void;
}

const RETRY_MS = 500;
/** What was confirmed and has not changed since is not doubted because an operator or a connection has just started. */
const CONFIRMED_PATIENCE_MS = 60_000;

/** Keeps a binding's finalizer and status; on deletion waits until nobody has anything by it. */
export async function reconcileBinding(
  scope: BindingScope,
  key: string,
  { signal }: ReconcileContext,
): Promise<Result | undefined> {
  const binding = scope.says.bindings.get(key);
  if (!binding) return undefined;
  if (isGlobal(binding)) return await reconcileGlobal(scope, binding, signal);
  const place = placeOf(binding);
  if (binding.metadata.deletionTimestamp) return await remove(scope, binding, place, signal);
  if (!place) return await report(scope, binding, undefined, signal);
  const object = scope.clusters.get({ name: place.cluster });
  if (!hasFinalizer(binding, FINALIZER)) {
    // asked live before the finalizer is put on, without which nothing is given
    const stands = object && !object.metadata.deletionTimestamp && (await scope.verdicts.stands(place.cluster, signal));
    if (stands) await addFinalizer(scope.client, RoleTemplateBindingResource, binding, FINALIZER, signal);
    else return await report(scope, binding, place, signal);
    return { requeueAfterMs: 1 }; // what it gives is looked at now, the status after it
  }
  return await report(scope, binding, place, signal);
}

async function remove(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  place: Place | undefined,
  signal: AbortSignal,
): Promise<Result | undefined> {
  if (!hasFinalizer(binding, FINALIZER)) return undefined;
  const verdict = await scope.verdicts.verdict(binding, signal);
  if (verdict === undefined) return { requeueAfterMs: RETRY_MS };
  if (verdict === 'clean' && place) {
    scope.says.revoke(binding);
    if (!isConfirmed(scope, binding, place)) return await report(scope, binding, place, signal);
  }
  if (verdict === 'letGo') {
    scope.says.letGo();
    await tell(scope, binding, place, signal);
  }
  // the finalizer tells the cluster operator that this one may still write there
  if (verdict === 'handBack' && place && scope.engagements.get(place.cluster)) return { requeueAfterMs: RETRY_MS };
  await removeFinalizer(scope.client, RoleTemplateBindingResource, binding, FINALIZER, signal);
  if (verdict === 'clean')
    for (const event of revokedEvents(binding)) scope.recorder.record(RoleTemplateBindingResource, binding, event);
  scope.verdicts.forget(binding);
  scope.patience.forget(binding);
  return undefined;
}

/** Everything that the binding asks for is in force, or, when it is deleted, nothing of it. */
function isConfirmed(scope: BindingScope, binding: RoleTemplateBinding, place: Place): boolean {
  return sideOf(scope, binding, place).confirmed && scope.hubGrants.isDone(place);
}

async function report(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  place: Place | undefined,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { says, now } = scope;
  if (place && isProjectMissing(says, place) && !says.isAbsent(place)) scope.unknownProject(place);
  const side = place && sideOf(scope, binding, place);
  const confirmed = place !== undefined && side?.confirmed === true && scope.hubGrants.isDone(place);
  const found = says.obstacle(binding);
  const obstacle =
    (found && { ...found, stalled: true }) ?? side?.obstacle ?? (confirmed ? inHub(scope, binding, place) : undefined);
  // an agent waits to be told
  const toBeTold = wordFor(scope, binding, place);
  const isTold = jsonEqual(told(binding), toBeTold);
  const refused = confirmed || !place ? undefined : (side?.refused ?? scope.hubGrants.refused(place));
  const calm = wasConfirmed(binding) && !refused;
  const patienceMs = calm ? CONFIRMED_PATIENCE_MS : PATIENCE_MS;
  const settled = confirmed || obstacle !== undefined || !isTold;
  if (!scope.patience.isOver(binding, { settled, patienceMs }, now()))
    return { requeueAfterMs: calm ? PATIENCE_MS : RETRY_MS };
  const { foreignRules } = side ?? {};
  await writeStatus(
    scope,
    binding,
    { place, confirmed, obstacle: obstacle ?? refused, foreignRules, toBeTold },
    signal,
  );
  return confirmed || obstacle ? undefined : { requeueAfterMs: PATIENCE_MS };
}

/** What is in the binding's way in the hub. */
function inHub({ hubGrants }: BindingScope, { spec }: RoleTemplateBinding, place: Place): Obstacle | undefined {
  return obstacleOfConflicts(hubGrants.conflicts(place, spec.roleTemplateName));
}

/** Tells the agent that the API is being uninstalled, so that it takes nothing back when the binding has gone. */
async function tell(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  place: Place | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (!worksByAgent(scope.clusters, place?.cluster)) return;
  const obstacle = {
    reason: 'Uninstalled',
    message: 'RoleTemplateBindings are being uninstalled: what is given stays',
  };
  const toBeTold: Told = { deletion: 'letGo', templateDeleted: false, projectAbsent: false };
  await writeStatus(scope, binding, { place, confirmed: false, obstacle, toBeTold }, signal);
}

interface Report {
  readonly place: Place | undefined;
  readonly confirmed: boolean;
  readonly obstacle: Obstacle | undefined;
  readonly foreignRules?: string | undefined;
  readonly toBeTold: Told;
}

async function writeStatus(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  { place, confirmed, obstacle, foreignRules, toBeTold }: Report,
  signal: AbortSignal,
): Promise<void> {
  const { client, now } = scope;
  const clusters = place ? [place.cluster] : [];
  const status = bindingStatusOf({
    binding,
    clusters,
    pending: confirmed && !obstacle ? [] : clusters,
    ...(confirmed ? { revoking: [] } : {}),
    obstacle,
    foreignRules,
    paused: isPaused(binding.metadata),
    told: toTell(toBeTold),
    now: now(),
  });
  if (!status) return;
  const written = await publish(scope, binding, status, signal);
  if (!worksByAgent(scope.clusters, place?.cluster))
    await releaseAgentStatus(client, RoleTemplateBindingResource, written, { operator: 'rbac', signal });
}

/** Writes the status, and records what of it people would ask about. */
export async function publish(
  { client, recorder }: Pick<BindingScope, 'client' | 'recorder'>,
  binding: RoleTemplateBinding,
  status: RoleTemplateBindingStatus,
  signal: AbortSignal,
): Promise<RoleTemplateBinding> {
  const intent = { metadata: keyOf(binding), status };
  const written = await client.applyStatus(RoleTemplateBindingResource, intent, { signal });
  for (const event of bindingEvents(binding, status)) recorder.record(RoleTemplateBindingResource, binding, event);
  return written;
}

/** What only the hub knows, for the agent of the binding's cluster. */
function wordFor(scope: BindingScope, binding: RoleTemplateBinding, place: Place | undefined): Told {
  if (!worksByAgent(scope.clusters, place?.cluster))
    return { deletion: undefined, templateDeleted: false, projectAbsent: false };
  const { says } = scope;
  const parts = says.book.parts(binding.spec.roleTemplateName);
  // what was told stands until the template is there again: an operator that has just started does not know it yet
  const isStillTold = told(binding).templateDeleted && parts.some(part => !says.book.get(part));
  const templateDeleted = isStillTold || parts.some(part => says.isGone(part));
  const isMissing = place !== undefined && isProjectMissing(says, place);
  const projectAbsent = isMissing && (told(binding).projectAbsent || says.isAbsent(place));
  return { deletion: says.isRevoked(binding) ? 'clean' : undefined, templateDeleted, projectAbsent };
}

/** The place is a Project's, of which nothing is known. */
function isProjectMissing(says: HubSays, place: Place): boolean {
  return place.project !== undefined && !says.hasProject(place);
}

/** Its status says of the binding as it is now that it is in force. */
function wasConfirmed({ metadata, status }: RoleTemplateBinding): boolean {
  const ready = findCondition(status?.conditions, 'Ready');
  return !metadata.deletionTimestamp && ready?.status === 'True' && ready.observedGeneration === metadata.generation;
}
