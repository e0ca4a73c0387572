import { AnswerError, ApiError, type StatusBody } from './errors.ts';
import type { HttpResponse } from './http.ts';
import type { Key, KubeObject, ResourceType } from './resource.ts';
import type { Method } from './transport.ts';

/** The JSON object of a 2xx answer. @throws ApiError for every other status, AnswerError for what is no JSON object */
export function parseAnswer<T extends object>(response: HttpResponse, method: Method, path: string): T {
  const request = `${method} ${path.split('?')[0]}`;
  const { status, headers, body } = response;
  if (status < 200 || status >= 300) throw apiError(status, body, request);
  const answer = parseObject(body, request, headers['content-encoding'] ?? '');
  if (Reflect.get(answer, 'kind') === 'Status' && Reflect.get(answer, 'status') === 'Failure')
    throw new AnswerError(request, `it answers ${status} with a failure: ${apiError(status, body, '').status.message}`);
  return answer as T;
}

/** The error that an answer stands for, also when a proxy gave it and it is no Status. */
export function apiError(code: number, body: string, request: string): ApiError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (isObject(parsed) && Reflect.get(parsed, 'kind') === 'Status')
      return new ApiError(code, parsed as StatusBody, request);
  } catch {
    // not JSON: a proxy or load balancer answered
  }
  return new ApiError(code, { message: `HTTP ${code} ${body.slice(0, 200).trim()}` }, request);
}

/** The JSON object that a text is. @throws AnswerError */
export function parseObject(text: string, request: string, encoding = ''): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    const encoded = encoding === '' || encoding === 'identity' ? '' : `, but encoded (${encoding})`;
    throw new AnswerError(request, `the answer is no JSON${text === '' ? ': it is empty' : encoded}`, { cause });
  }
  if (isObject(parsed) && !Array.isArray(parsed)) return parsed;
  throw new AnswerError(request, 'the answer is JSON, but no object');
}

/** Where an object was looked for. */
export type Place = Partial<Key>;

/** Empty for an object that was not stored. */
const DECIMAL = /^\d{0,39}$/;
/** RFC 1123 label: the name of a namespace. */
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** The longest name but for RBAC, whose objects are named as anybody likes. */
const NAME_LENGTH = 253;
const RBAC_GROUP = 'rbac.authorization.k8s.io';
/** A uid has 36 characters. */
const UID_LENGTH = 128;
/** What a server answers in place of the object when only its metadata was asked for. */
const PARTIAL = 'PartialObjectMetadata';

/**
 * An object of this kind, from this place, with what every object has: a name, and versions that can be compared.
 * Fields other than metadata are as the server sent them.
 * @throws AnswerError
 */
export function checkObject<T extends KubeObject>(
  value: unknown,
  type: ResourceType<T>,
  place: Place,
  request: string,
): T {
  const problem = objectProblem(value, type, place);
  if (problem === undefined) return value as T;
  throw new AnswerError(request, `the answer is no ${type.kind}${where(place)}: ${problem}`);
}

function objectProblem(value: unknown, type: ResourceType, place: Place): string | undefined {
  if (!isObject(value)) return 'it is no object';
  const { kind, metadata } = value as { readonly kind?: unknown; readonly metadata?: unknown };
  // the items of a list have no kind
  if (kind !== undefined && kind !== type.kind && kind !== PARTIAL) return `its kind is ${String(kind).slice(0, 100)}`;
  if (!isObject(metadata)) return 'it has no metadata';
  const { name, namespace, uid, finalizers, ownerReferences } = metadata as Record<string, unknown>;
  // whose name was asked for need not repeat it
  if (name !== undefined || place.name === undefined) {
    if (typeof name !== 'string' || name === '') return 'it has no name';
    if (name.length > NAME_LENGTH && type.group !== RBAC_GROUP) return `its name has ${name.length} characters`;
    if (type.kind === 'Namespace' && !NAMESPACE.test(name)) return `its name is that of no namespace: ${name}`;
    if (place.name !== undefined && name !== place.name) return `its name is ${name.slice(0, 256)}`;
  }
  if (!isOptional(namespace, 'string')) return 'its namespace is no text';
  if (type.namespaced && place.namespace && namespace && namespace !== place.namespace)
    return `its namespace is ${String(namespace).slice(0, 256)}`;
  if (namespace && !NAMESPACE.test(String(namespace)))
    return `its namespace is none: ${String(namespace).slice(0, 256)}`;
  if (!isOptional(uid, 'string')) return 'its uid is no text';
  if (String(uid ?? '').length > UID_LENGTH) return `its uid has ${String(uid).length} characters`;
  if (!isList(finalizers, each => typeof each === 'string')) return 'its finalizers are no list of texts';
  if (!isList(ownerReferences, isOwner)) return 'its ownerReferences are no list of references';
  return versionProblem(metadata);
}

/** What is wrong with what objects and bookmarks have. */
function versionProblem(metadata: object): string | undefined {
  const { resourceVersion, deletionTimestamp, labels, annotations } = metadata as Record<string, unknown>;
  if (resourceVersion !== undefined && !(typeof resourceVersion === 'string' && DECIMAL.test(resourceVersion)))
    return `its resourceVersion is no number: ${String(resourceVersion).slice(0, 100)}`;
  if (!isOptional(deletionTimestamp, 'string')) return 'its deletionTimestamp is no text';
  if (!areTexts(labels)) return 'its labels are no texts';
  return areTexts(annotations) ? undefined : 'its annotations are no texts';
}

/** A bookmark of a watch: a version, perhaps with annotations. @throws AnswerError */
export function checkBookmark(value: unknown, request: string): KubeObject {
  const metadata = isObject(value) ? Reflect.get(value, 'metadata') : undefined;
  const problem = isObject(metadata) ? versionProblem(metadata) : 'it has no metadata';
  if (problem === undefined) return value as KubeObject;
  throw new AnswerError(request, `the answer is no bookmark: ${problem}`);
}

interface ListBody<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

/** A page of a list of this kind, each object of it checked. @throws AnswerError */
export function checkList<T extends KubeObject>(
  value: object,
  type: ResourceType<T>,
  place: Place,
  request: string,
): { readonly items: readonly T[]; readonly resourceVersion: string; readonly continue: string } {
  const wrong = (problem: string) => new AnswerError(request, `the answer is no list of ${type.plural}: ${problem}`);
  const { kind, metadata, items } = value as ListBody<T> & { readonly kind?: unknown };
  if (kind !== undefined && kind !== `${type.kind}List` && kind !== `${PARTIAL}List`)
    throw wrong(`its kind is ${String(kind).slice(0, 100)}`);
  if (items !== undefined && items !== null && !Array.isArray(items)) throw wrong('its items are no list');
  const { resourceVersion = '', continue: token = '' } = isObject(metadata)
    ? (metadata as Record<string, unknown>)
    : {};
  if (typeof resourceVersion !== 'string' || !DECIMAL.test(resourceVersion))
    throw wrong('its resourceVersion is no number');
  if (typeof token !== 'string') throw wrong('its continue token is no text');
  for (const item of items ?? []) checkObject(item, type, place, request);
  return { items: items ?? [], resourceVersion, continue: token };
}

function where({ namespace, name }: Place): string {
  const path = [namespace, name].filter(Boolean).join('/');
  return path === '' ? '' : ` ${path}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isOptional(value: unknown, type: 'string'): boolean {
  return value === undefined || value === null || typeof value === type;
}

function isList(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.every(isItem));
}

function isOwner(value: unknown): boolean {
  const field = (name: string) => (isObject(value) ? Reflect.get(value, name) : undefined);
  return ['apiVersion', 'kind', 'name', 'uid'].every(name => typeof field(name) === 'string');
}

/** A map of texts, or none. */
function areTexts(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (!isObject(value) || Array.isArray(value)) return false;
  for (const key in value) if (typeof Reflect.get(value, key) !== 'string') return false;
  return true;
}
