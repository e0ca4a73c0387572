import { createHash } from 'node:crypto';
import {
  ANNOTATION_OWNER_UID,
  type Cluster as ClusterObject,
  clusterNamespace,
  isPaused,
  marks,
  PLANE_HUB,
  type RoleTemplateBinding,
  RoleTemplateBindingResource,
} from '#api';
import {
  addFinalizer,
  findCondition,
  hasFinalizer,
  isAlreadyExists,
  isConditionTrue,
  isNotFound,
  jsonEqual,
  keyOf,
  parseSelector,
  type Result,
  removeFinalizer,
  selectorText,
} from '#runtime';
import { type BindingScope, publish } from './binding.ts';
import { bindingStatusOf, type Obstacle } from './binding-status.ts';
import { OBJECT_TERMINATING } from './converge.ts';
import { FINALIZER } from './deletion.ts';
import { GRANT_FAILED, REVOCATION_FAILED } from './refusals.ts';
import { subjectKey } from './subjects.ts';

const RETRY_MS = 500;
/** A namespace of a cluster that was made just now is looked for again after this. */
const NAMESPACE_RETRY_MS = 1_000;
const LONGEST_NAME = 253;
/** Reasons of a derived binding that the global one gives as its own. */
const FORWARDED: readonly string[] = [REVOCATION_FAILED, GRANT_FAILED, OBJECT_TERMINATING];

/**
 * Keeps, for each cluster that a global binding selects, a binding of that cluster derived from it, which is then as any
 * other: so an agent sees it, too, and a revocation is durable in each.
 */
export async function reconcileGlobal(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  signal: AbortSignal,
): Promise<Result | undefined> {
  const { client, says, verdicts } = scope;
  if (binding.metadata.deletionTimestamp) {
    if (!hasFinalizer(binding, FINALIZER)) return undefined;
    const verdict = await verdicts.verdict(binding, signal);
    if (verdict === undefined) return { requeueAfterMs: RETRY_MS };
    if (verdict === 'letGo') says.letGo();
    else await removeAll(scope, says.derivedFrom(binding), signal);
    if (verdict !== 'letGo' && says.derivedFrom(binding).length > 0)
      return await writeStatus(scope, binding, [], undefined, signal);
    await removeFinalizer(client, RoleTemplateBindingResource, binding, FINALIZER, signal);
    verdicts.forget(binding);
    return undefined;
  }
  const current = await addFinalizer(client, RoleTemplateBindingResource, binding, FINALIZER, signal);
  const clusters = selected(scope, current);
  const named = new Set(clusters);
  const superfluous = says.derivedFrom(current).filter(({ spec }) => !named.has(spec.scope.cluster?.name ?? ''));
  await removeAll(scope, superfluous, signal);
  const found = says.obstacle(current);
  if (found) return await writeStatus(scope, current, clusters, { ...found, stalled: true }, signal);
  const outcomes = await Promise.all(clusters.map(cluster => ensure(scope, current, cluster, signal)));
  const conflict = outcomes.find(outcome => typeof outcome === 'object');
  await writeStatus(scope, current, clusters, conflict, signal);
  return outcomes.includes('later') ? { requeueAfterMs: NAMESPACE_RETRY_MS } : undefined;
}

/** The schema bounds a clusterSelector: 16 labels and 8 expressions. */
const SCHEMA_BOUNDS = { length: 65_536, requirements: 24 };

/** The clusters that the binding selects now; one that is being deleted is none. */
function selected({ clusters }: BindingScope, { spec }: RoleTemplateBinding): string[] {
  const selector = parseSelector(selectorText(spec.scope.global?.clusterSelector ?? {}), SCHEMA_BOUNDS);
  const stands = ({ metadata }: ClusterObject) => !metadata.deletionTimestamp && selector.matches(metadata.labels);
  return clusters
    .list()
    .filter(stands)
    .map(({ metadata }) => metadata.name ?? '')
    .sort();
}

type Outcome = 'done' | 'later' | Obstacle;

async function ensure(
  { client, says, hub }: BindingScope,
  binding: RoleTemplateBinding,
  cluster: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const wanted = derivedBinding(binding, cluster, hub());
  const known = says.bindings.get(`${wanted.metadata.namespace}/${wanted.metadata.name}`);
  if (known?.metadata.deletionTimestamp) return 'later';
  if (known && known.metadata.annotations?.[ANNOTATION_OWNER_UID] !== binding.metadata.uid)
    return {
      reason: 'Conflict',
      message: `RoleTemplateBinding ${wanted.metadata.namespace}/${wanted.metadata.name} exists and was not derived from this one: delete or rename it`,
    };
  if (!known) return await create();
  const subjects = isPaused(binding.metadata) ? stillNamed(known, wanted) : wanted.spec.subjects;
  if (subjects.length === 0 || !asksForTheSame(known, wanted)) {
    // role and place can't be changed: what it gave is taken away first, and the watch tells when it is gone
    await removeAll({ client }, [known], signal);
    return 'later';
  }
  if (isRight(known, { ...wanted, spec: { ...wanted.spec, subjects } })) return 'done';
  const { uid, resourceVersion } = known.metadata;
  const { labels, annotations } = wanted.metadata;
  const patch = { metadata: { uid, resourceVersion, labels, annotations }, spec: { subjects } };
  await client.mergePatch(RoleTemplateBindingResource, keyOf(known), patch, { signal });
  return 'done';

  async function create(): Promise<Outcome> {
    if (isPaused(binding.metadata)) return 'done';
    const { namespace = '' } = wanted.metadata;
    try {
      await client.create(RoleTemplateBindingResource, { namespace }, wanted, { signal });
      return 'done';
    } catch (error) {
      // the watch brings it, or the namespace
      if (isAlreadyExists(error) || isNotFound(error)) return 'later';
      throw error;
    }
  }
}

function derivedBinding({ metadata, spec }: RoleTemplateBinding, cluster: string, hub: string): RoleTemplateBinding {
  const { name = '', uid = '' } = metadata;
  const mark = marks({ owner: { kind: 'RoleTemplateBinding', name, uid }, cluster, hub, plane: PLANE_HUB });
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'RoleTemplateBinding',
    metadata: {
      namespace: clusterNamespace(cluster),
      name: derivedName(name),
      labels: mark.labels,
      annotations: mark.annotations,
    },
    spec: { roleTemplateName: spec.roleTemplateName, subjects: spec.subjects, scope: { cluster: { name: cluster } } },
  };
}

/** `global.<name>`, its end replaced by a digest where that is longer than a name may be. */
export function derivedName(name: string): string {
  const whole = `global.${name}`;
  if (whole.length <= LONGEST_NAME) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${whole.slice(0, LONGEST_NAME - digest.length - 1)}-${digest}`;
}

function isRight(known: RoleTemplateBinding, wanted: RoleTemplateBinding): boolean {
  const has = (actual: object = {}, expected: object = {}) =>
    Object.entries(expected).every(([key, value]) => Reflect.get(actual, key) === value);
  return (
    jsonEqual(known.spec.subjects, wanted.spec.subjects) &&
    has(known.metadata.labels, wanted.metadata.labels) &&
    has(known.metadata.annotations, wanted.metadata.annotations)
  );
}

/** Those who have the role by the derived binding and are named still: pausing delays no revocation. */
function stillNamed(known: RoleTemplateBinding, wanted: RoleTemplateBinding) {
  const named = new Set(wanted.spec.subjects.map(subjectKey));
  return known.spec.subjects.filter(subject => named.has(subjectKey(subject)));
}

/** The same role in the same place: what of a binding's spec can't be changed. */
function asksForTheSame({ spec }: RoleTemplateBinding, { spec: wanted }: RoleTemplateBinding): boolean {
  return spec.roleTemplateName === wanted.roleTemplateName && jsonEqual(spec.scope, wanted.scope);
}

async function removeAll(
  { client }: Pick<BindingScope, 'client'>,
  bindings: readonly RoleTemplateBinding[],
  signal: AbortSignal,
): Promise<void> {
  const standing = bindings.filter(({ metadata }) => !metadata.deletionTimestamp);
  await Promise.all(
    standing.map(binding =>
      client.delete(RoleTemplateBindingResource, keyOf(binding), { uid: binding.metadata.uid, signal }),
    ),
  );
}

async function writeStatus(
  scope: BindingScope,
  binding: RoleTemplateBinding,
  clusters: readonly string[],
  obstacle: Obstacle | undefined,
  signal: AbortSignal,
): Promise<undefined> {
  const { says, now } = scope;
  const derived = new Map(says.derivedFrom(binding).map(each => [each.spec.scope.cluster?.name ?? '', each]));
  const leaving = [...derived.keys()].filter(cluster => !clusters.includes(cluster));
  const waiting = clusters.filter(cluster => !isConfirmed(derived.get(cluster), binding));
  const revoking = [...derived].filter(([, { status, metadata }]) =>
    Boolean(metadata.deletionTimestamp || isConditionTrue(status?.conditions, 'RevocationPending')),
  );
  const status = bindingStatusOf({
    binding,
    clusters: [...clusters, ...leaving],
    pending: [...waiting, ...leaving],
    revoking: revoking.map(([cluster]) => cluster),
    obstacle: obstacle ?? refusedIn([...derived.values()]),
    paused: isPaused(binding.metadata),
    now: now(),
  });
  if (status) await publish(scope, binding, status, signal);
}

/** What one of the clusters refuses, as the binding there says it, which names the cluster. */
function refusedIn(derived: readonly RoleTemplateBinding[]): Obstacle | undefined {
  const conditions = derived.map(({ status }) => findCondition(status?.conditions, 'Ready'));
  const found = conditions.find(each => each && FORWARDED.includes(each.reason));
  return found && { reason: found.reason, message: found.message };
}

/** The derived binding is as the global one is, and in force. */
function isConfirmed(derived: RoleTemplateBinding | undefined, { spec }: RoleTemplateBinding): boolean {
  if (!derived || derived.metadata.deletionTimestamp) return false;
  return (
    derived.spec.roleTemplateName === spec.roleTemplateName &&
    jsonEqual(derived.spec.subjects, spec.subjects) &&
    derived.status?.observedGeneration === derived.metadata.generation &&
    isConditionTrue(derived.status?.conditions, 'Ready')
  );
}
