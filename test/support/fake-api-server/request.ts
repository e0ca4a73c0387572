import type { IncomingHttpHeaders } from 'node:http';
import { type FakeKind, isCustomResource, type KindRegistry } from './kinds.ts';
import { methodNotAllowed, notFound, PageNotFound, unknownResource } from './status.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A request to a kind that is served, taken apart. */
export interface ApiRequest {
  readonly verb: Verb;
  readonly kind: FakeKind;
  /** Missing for cluster-scoped kinds and for lists of all namespaces. */
  readonly namespace?: string;
  /** Empty for collections. */
  readonly name: string;
  readonly subresource?: 'status';
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const OBJECT_VERBS: Readonly<Record<string, Verb>> = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * Finds the kind and verb of a request.
 * @throws PageNotFound, StatusError 404 for what is not served, 405 for a method that the path does not have
 */
export function parseRequest(kinds: KindRegistry, raw: RawRequest): ApiRequest {
  const { group, version, rest } = groupVersion(raw.path);
  const inGroup = kinds.all.some(kind => kind.group === group && kind.version === version);
  if (!inGroup) throw new PageNotFound();
  const named = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status';
  const [plural = '', name = '', subresource, ...more] = named ? rest.slice(2) : rest;
  const namespace = named ? rest[1] : undefined;
  const kind = kinds.find(group, version, plural);
  if (kind === undefined || more.length > 0 || (namespace !== undefined && !kind.namespaced)) throw unknownResource();
  if (name !== '' && kind.namespaced && namespace === undefined) throw unknownResource();
  if (subresource !== undefined && !(subresource === 'status' && kind.statusSubresource))
    throw isCustomResource(kind) ? notFound(kind, name) : unknownResource();
  const { query, headers, body, method } = raw;
  const verb = name === '' ? collectionVerb(raw, kind, namespace) : OBJECT_VERBS[method];
  if (verb === undefined || (verb === 'delete' && subresource)) throw methodNotAllowed();
  const scope = namespace === undefined ? {} : { namespace };
  const part = subresource === 'status' ? ({ subresource } as const) : {};
  return { verb, kind, ...scope, name, ...part, query, headers, body };
}

/** Whether a query parameter is on, the way the API server reads booleans. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== 'false' && value !== '0';
}

function groupVersion(path: string): { group: string; version: string; rest: string[] } {
  const [root, ...parts] = path.split('/').slice(1).map(decodeURIComponent);
  if (root === 'api') return { group: '', version: parts[0] ?? '', rest: parts.slice(1) };
  if (root === 'apis') return { group: parts[0] ?? '', version: parts[1] ?? '', rest: parts.slice(2) };
  throw new PageNotFound();
}

function collectionVerb({ method, query }: RawRequest, kind: FakeKind, namespace?: string): Verb | undefined {
  if (method === 'GET') return flag(query, 'watch') ? 'watch' : 'list';
  if (kind.namespaced && namespace === undefined) return undefined;
  if (method === 'POST') return 'create';
  return method === 'DELETE' ? 'deletecollection' : undefined;
}
