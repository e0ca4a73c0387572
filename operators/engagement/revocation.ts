import {
  type Client,
  isNotFound,
  type JsonPatchOperation,
  jsonEqual,
  type KubeObject,
  keyOf,
  type ResourceType,
} from '#runtime';
import {
  AGGREGATE_PREFIX,
  type BindingObject,
  type PolicyRule,
  RBAC_GROUP,
  type RoleObject,
  type Subject,
} from './rbac-kinds.ts';

/** What a role or a binding is left with; of its labels those count that put its rules into other roles. */
export type Grant = Pick<RoleObject, 'metadata' | 'rules' | 'aggregationRule'> &
  Partial<Pick<BindingObject, 'subjects'>>;

/** The part of a client that takes access away. */
export type Revoker = Pick<Client, 'delete' | 'jsonPatch'>;

const NOTHING: Grant = {};

/**
 * Whether a delete does not remove the object at once. The authorizer uses a role or binding that is Terminating as any
 * other. Operators put no finalizer on derived objects, so whichever it bears is foreign.
 */
export function isHeld({ metadata }: KubeObject): boolean {
  return metadata?.deletionTimestamp !== undefined || (metadata?.finalizers ?? []).length > 0;
}

/**
 * Takes away all that an object grants, by deleting it. One that bears a finalizer is emptied before it is deleted, and
 * one that the delete leaves Terminating, since a finalizer came in between, after it. Writes nothing for an object that
 * is Terminating and grants nothing. Returns the object if it is still there. @throws ApiError
 */
export async function revoke<T extends KubeObject>(
  client: Revoker,
  type: ResourceType<T>,
  object: T,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const before = isHeld(object) ? await reduce(client, type, object, { grant: NOTHING, signal }) : object;
  if (!before || before.metadata?.deletionTimestamp) return before;
  const left = await client.delete(type, keyOf(object), { uid: object.metadata?.uid, signal });
  return left && (await reduce(client, type, left, { grant: NOTHING, signal }));
}

/**
 * Leaves an object what it has of a grant, and adds nothing. Returns the object as it is then; undefined where it has
 * gone. @throws ApiError
 */
export async function reduce<T extends KubeObject>(
  client: Pick<Revoker, 'jsonPatch'>,
  type: ResourceType<T>,
  object: T,
  { grant, signal }: { readonly grant: Grant; readonly signal: AbortSignal },
): Promise<T | undefined> {
  const patch = reduction(type, object, grant);
  if (patch.length === 0) return object;
  const { resourceVersion } = object.metadata ?? {};
  const version: JsonPatchOperation = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
  try {
    return await client.jsonPatch(type, keyOf(object), [version, ...patch], { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** What has to be changed so that the object grants no more than this; nothing for what is no grant. */
export function reduction(type: ResourceType, object: KubeObject, grant: Grant): JsonPatchOperation[] {
  if (type.group !== RBAC_GROUP) return [];
  const has: Grant = object;
  // of an empty list the API server answers null
  const [subjects, rules] = [has.subjects ?? [], has.rules ?? []];
  if (type.kind.endsWith('Binding')) return replaced('/subjects', subjects, common(subjects, grant.subjects ?? []));
  const labels = aggregateLabels(has).filter(label => grant.metadata?.labels?.[label] === undefined);
  const unlabelled = labels.map(
    label => ({ op: 'remove', path: `/metadata/labels/${label.replace('/', '~1')}` }) as const,
  );
  const aggregates = has.aggregationRule !== undefined;
  // the API server's own controller fills in the rules of a role that aggregates
  if (aggregates && jsonEqual(has.aggregationRule, grant.aggregationRule)) return unlabelled;
  return [
    ...unlabelled,
    ...(aggregates ? [{ op: 'remove', path: '/aggregationRule' } as const] : []),
    ...replaced('/rules', rules, commonRules(rules, grant.rules ?? [])),
  ];
}

const aggregateLabels = ({ metadata }: Grant): string[] =>
  Object.keys(metadata?.labels ?? {}).filter(label => label.startsWith(AGGREGATE_PREFIX));

function replaced(path: string, before: readonly unknown[], after: readonly unknown[]): JsonPatchOperation[] {
  return jsonEqual(before, after) ? [] : [{ op: 'replace', path, value: after }];
}

function common(has: readonly Subject[], wanted: readonly Subject[]): readonly Subject[] {
  const id = ({ kind, namespace = '', name }: Subject) => `${kind}/${namespace}/${name}`;
  const kept = new Set(wanted.map(id));
  return has.filter(subject => kept.has(id(subject)));
}

/** What both lists of rules allow, as far as their rules can be compared one by one. */
export function commonRules(has: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const rules = has.flatMap(rule => {
    if (wanted.some(other => jsonEqual(rule, other))) return [rule];
    return wanted.flatMap(other => commonRule(rule, other) ?? []);
  });
  return rules.filter((rule, index) => rules.findIndex(other => jsonEqual(rule, other)) === index);
}

/** A wildcard is compared as any other word: what is left allows less then than both do, never more. */
function commonRule(rule: PolicyRule, other: PolicyRule): PolicyRule | undefined {
  const both = (a: readonly string[] = [], b: readonly string[] = []) => a.filter(word => b.includes(word));
  const verbs = both(rule.verbs, other.verbs);
  if (verbs.length === 0) return undefined;
  if (rule.nonResourceURLs?.length || other.nonResourceURLs?.length) {
    const nonResourceURLs = both(rule.nonResourceURLs, other.nonResourceURLs);
    return nonResourceURLs.length === 0 ? undefined : { verbs, nonResourceURLs };
  }
  const [apiGroups, resources] = [both(rule.apiGroups, other.apiGroups), both(rule.resources, other.resources)];
  if (apiGroups.length === 0 || resources.length === 0) return undefined;
  const [mine = [], others = []] = [rule.resourceNames, other.resourceNames];
  const resourceNames = mine.length === 0 ? others : others.length === 0 ? mine : both(mine, others);
  if (resourceNames.length === 0 && mine.length > 0) return undefined;
  return { verbs, apiGroups, resources, ...(resourceNames.length === 0 ? {} : { resourceNames }) };
}
