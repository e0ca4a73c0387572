import type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';

export type { ObjectMeta } from 'kubernetes-types/meta/v1.d.ts';

/** An object as the API server sends it: raw JSON, times as strings, unknown fields kept. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
}

/** Where a kind lives in the API. `T` is the shape of its objects and exists for the compiler only. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly __object?: T;
}

/** Names one object of a kind; `namespace` is empty for cluster-scoped kinds. */
export interface Key {
  readonly namespace?: string;
  readonly name: string;
}

/** `group/version`, or `v1` for the core group. */
export function apiVersion(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The path of a collection, or of one object when `name` is given. Names are escaped, never re-cased. */
export function resourcePath(type: ResourceType, namespace?: string, name?: string, subresource?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  const tail = subresource === undefined ? '' : `/${subresource}`;
  return `${root}${scope}/${type.plural}${object}${tail}`;
}

/** `projects.paddock.dev`, the way kubectl and RBAC name a kind. */
export function resourceName(type: ResourceType): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

/** The cache and queue key: `namespace/name`, or `name` for cluster-scoped objects. */
export function keyString(key: Key): string {
  // joined, it is one string; put together by a template it would be held by another that V8 flattens later
  return key.namespace ? [key.namespace, key.name].join('/') : key.name;
}

/** The reverse of {@link keyString}. */
export function parseKey(key: string): Key {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The key of an object. An object without a name is a programming error. */
export function keyOf(object: KubeObject): Key {
  const { name, namespace } = object.metadata ?? {};
  if (name === undefined) throw new Error(`${object.kind ?? 'object'} without metadata.name has no key`);
  return namespace ? { namespace, name } : { name };
}

/**
 * Orders two resource versions of one kind: negative when `a` is older.
 * They are comparable decimal integers (KEP-5504), possibly beyond 2^53.
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number {
  const left = a ?? '0';
  const right = b ?? '0';
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

const core = (kind: string, plural: string, namespaced: boolean) => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced,
});

/** Core kinds that the runtime itself and most operators need. */
export const Namespaces: ResourceType = core('Namespace', 'namespaces', false);
export const Leases = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
} satisfies ResourceType;
export const Events = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
} satisfies ResourceType;
