import { apiError, checkList, checkObject, parseAnswer } from './answers.ts';
import { BOUNDS, costOf } from './bounds.ts';
import { isNotFound } from './errors.ts';
import type { HttpResponse, StreamResponse } from './http.ts';
import { apiVersion, type Key, type KubeObject, keyOf, type ResourceType, resourcePath } from './resource.ts';
import { type Selection, selectionQuery } from './selection.ts';
import type { Method, Transport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole call [30 s]. */
  readonly timeoutMs?: number;
}

export interface ApplyOptions extends CallOptions {
  /** Takes fields from other managers. */
  readonly force?: boolean;
  readonly fieldManager?: string;
}

export interface DeleteOptions extends CallOptions {
  /** The delete is refused (409) unless the object still has this uid. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
}

/** RFC 7386. */
export interface MergePatch {
  readonly metadata?: { readonly resourceVersion?: string | undefined; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export type JsonPatch = readonly JsonPatchOperation[];
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Of the answer, in UTF-16 units. */
  readonly length: number;
  readonly continue?: string;
}

/** Told of every object that a write returned, so that caches show it before the watch does. */
export interface WriteObserver {
  written(type: ResourceType, object: KubeObject, context?: WriteContext): void;
  deleted(type: ResourceType, key: Key, uid: string | undefined): void;
}

export interface WriteContext {
  /**
   * The write named the version that it was made against [true]. Without, the answer may hold somebody else's change
   * as well, which no event will tell of again.
   */
  readonly conditional: boolean;
}

/** The fields of an object that a manager wants to own; apiVersion and kind are filled in. */
export type Intent<T extends KubeObject> = Partial<T> & { readonly metadata: NonNullable<KubeObject['metadata']> };

/** The body of a create: an object, or its JSON when the same bytes go to many namespaces. */
export type Body<T> = T | { readonly json: string };

const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_ONLY_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/**
 * Every verb of one API server, live: nothing here reads a cache. Objects are raw JSON both ways, so
 * fields that this program does not know survive. An answer that is no object of the kind, name and namespace asked for
 * is an AnswerError; the other errors are {@link ApiError} and ConnectionError.
 */
export class Client {
  readonly transport: Transport;
  readonly fieldManager: string;
  readonly #observer: WriteObserver | undefined;

  constructor(transport: Transport, options: { fieldManager: string; observer?: WriteObserver }) {
    this.transport = transport;
    this.fieldManager = options.fieldManager;
    this.#observer = options.observer;
  }

  /** The same client writing under another field manager. */
  as(fieldManager: string): Client {
    return new Client(this.transport, { fieldManager, ...(this.#observer ? { observer: this.#observer } : {}) });
  }

  /** Reads one object from the server. `metadataOnly` spares the content. */
  async get<T extends KubeObject>(
    type: ResourceType<T>,
    key: Key,
    options: CallOptions & { metadataOnly?: boolean } = {},
  ): Promise<T> {
    const accept = options.metadataOnly ? { accept: METADATA_ONLY } : {};
    const path = resourcePath(type, key.namespace, key.name);
    return checkObject(await this.#call('GET', path, options, accept), type, key, `GET ${path}`);
  }

  /** Like {@link get}, but `undefined` for an object that does not exist. */
  async find<T extends KubeObject>(
    type: ResourceType<T>,
    key: Key,
    options: CallOptions & { metadataOnly?: boolean } = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(type, key, options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** One page of a list. */
  async list<T extends KubeObject>(
    type: ResourceType<T>,
    selection: Selection & { limit?: number; continue?: string } = {},
    options: CallOptions = {},
  ): Promise<ListPage<T>> {
    const query = selectionQuery(selection);
    if (selection.limit !== undefined) query.set('limit', String(selection.limit));
    if (selection.continue !== undefined) query.set('continue', selection.continue);
    const accept = selection.metadataOnly ? { accept: METADATA_ONLY_LIST } : {};
    const maxBytes = Math.min(BOUNDS.pageBytes, (selection.limit ?? Number.POSITIVE_INFINITY) * BOUNDS.objectBytes);
    const collection = resourcePath(type, selection.namespace);
    const response = await this.#send('GET', withQuery(collection, query), { ...options, maxBytes }, accept);
    const body = parseAnswer(response, 'GET', collection);
    const { items, resourceVersion, continue: token } = checkList(body, type, inside(selection), `GET ${collection}`);
    return { items, resourceVersion, length: response.body.length, ...(token ? { continue: token } : {}) };
  }

  /** Opens a watch; the query is the caller's (resourceVersion, bookmarks, timeoutSeconds). */
  async watch(
    type: ResourceType,
    selection: Selection,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<StreamResponse> {
    const all = selectionQuery(selection);
    all.set('watch', 'true');
    for (const [name, value] of Object.entries(query)) all.set(name, value);
    const path = withQuery(resourcePath(type, selection.namespace), all);
    const headers = selection.metadataOnly ? { accept: METADATA_ONLY } : {};
    const response = await this.transport.stream({ method: 'GET', path, headers, signal });
    if (response.status === 200) return response;
    throw apiError(response.status, await readError(response), `GET ${path.split('?')[0]}`);
  }

  /** @throws ApiError 409 AlreadyExists */
  async create<T extends KubeObject>(
    type: ResourceType<T>,
    key: Omit<Key, 'name'>,
    body: Body<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const collection = resourcePath(type, key.namespace);
    const path = this.#managed(collection);
    const answer = await this.#call('POST', path, options, jsonType('application/json'), serialize(type, body));
    // reviews, which are answered and not kept, have no name
    if (!isNamed(answer)) return answer as T;
    const created = checkObject(answer, type, inside(key), `POST ${collection}`);
    this.#observer?.written(type, created);
    return created;
  }

  /** POSTs to a subresource that answers with something of its own, such as `token` of a ServiceAccount. */
  async createSubresource<A extends object>(
    type: ResourceType,
    key: Key,
    subresource: string,
    body: object,
    options: CallOptions = {},
  ): Promise<A> {
    const path = this.#managed(resourcePath(type, key.namespace, key.name, subresource));
    return await this.#call<A>('POST', path, options, jsonType('application/json'), JSON.stringify(body));
  }

  /**
   * Replaces the whole object, without reading it. A uid in its metadata makes the server refuse another one (409).
   * The answer is returned to no cache: of who may not read the object, it shows what was sent.
   */
  async replace<T extends KubeObject>(type: ResourceType<T>, body: T, options: CallOptions = {}): Promise<void> {
    const { name, namespace } = keyOf(body);
    const path = this.#managed(resourcePath(type, namespace, name));
    await this.#call<T>('PUT', path, options, jsonType('application/json'), toJson(type, body));
  }

  /** Changes the fields named. Put the resourceVersion in the patch to refuse a stale one (409). */
  async mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    key: Key,
    patch: MergePatch,
    options: CallOptions & { subresource?: string } = {},
  ): Promise<T> {
    const conditional = namesVersion(patch);
    return await this.#patch(type, key, 'merge-patch+json', JSON.stringify(patch), { ...options, conditional });
  }

  /** RFC 6902. `replace /metadata/resourceVersion` makes the server refuse a stale one (409). */
  async jsonPatch<T extends KubeObject>(
    type: ResourceType<T>,
    key: Key,
    patch: JsonPatch,
    options: CallOptions & { subresource?: string } = {},
  ): Promise<T> {
    const conditional = patch.some(({ path }) => path === '/metadata/resourceVersion');
    return await this.#patch(type, key, 'json-patch+json', JSON.stringify(patch), { ...options, conditional });
  }

  /**
   * Server-side apply: the server keeps exactly these fields as this manager's and drops those it
   * applied before and no longer names. Creates the object if it is missing, unless the intent has a uid.
   */
  async apply<T extends KubeObject>(type: ResourceType<T>, intent: Intent<T>, options: ApplyOptions = {}): Promise<T> {
    return await this.#apply(type, intent, undefined, options);
  }

  /** Server-side apply of the status subresource. */
  async applyStatus<T extends KubeObject>(
    type: ResourceType<T>,
    intent: Intent<T>,
    options: ApplyOptions = {},
  ): Promise<T> {
    return await this.#apply(type, intent, 'status', options);
  }

  /**
   * An object that is already gone counts as deleted. Returns the object where finalizers keep it, as it is then.
   * @throws ApiError 409 when a precondition fails
   */
  async delete(type: ResourceType, key: Key, options: DeleteOptions = {}): Promise<KubeObject | undefined> {
    const { uid, resourceVersion, propagationPolicy = 'Background' } = options;
    const preconditions = { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) };
    const body = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy, preconditions });
    const path = resourcePath(type, key.namespace, key.name);
    try {
      const answer = await this.#call<DeleteAnswer>('DELETE', path, options, jsonType('application/json'), body);
      // an object with finalizers is answered as it is now, a removed one with a Status, or as it was
      const object = answer.kind === type.kind ? checkObject(answer, type, key, `DELETE ${path}`) : undefined;
      if (object?.metadata?.deletionTimestamp) {
        this.#observer?.written(type, object, { conditional: resourceVersion !== undefined });
        return object;
      }
      this.#observer?.deleted(type, key, uid ?? answer.details?.uid ?? answer.metadata?.uid);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // without its uid, the one that was not found may not be the one that caches know
      if (uid) this.#observer?.deleted(type, key, uid);
    }
    return undefined;
  }

  async #patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: Key,
    format: 'merge-patch+json' | 'json-patch+json',
    body: string,
    { conditional, ...options }: CallOptions & WriteContext & { subresource?: string },
  ): Promise<T> {
    const resource = resourcePath(type, key.namespace, key.name, options.subresource);
    const answer = await this.#call('PATCH', this.#managed(resource), options, jsonType(`application/${format}`), body);
    const patched = checkObject(answer, type, key, `PATCH ${resource}`);
    this.#observer?.written(type, patched, { conditional });
    return patched;
  }

  async #apply<T extends KubeObject>(
    type: ResourceType<T>,
    intent: Intent<T>,
    subresource: string | undefined,
    options: ApplyOptions,
  ): Promise<T> {
    const key = keyOf({ metadata: intent.metadata });
    const resource = resourcePath(type, key.namespace, key.name, subresource);
    const managed = this.#managed(resource, options.fieldManager);
    const path = (options.force ?? true) ? `${managed}&force=true` : managed;
    const body = toJson(type, intent);
    const answer = await this.#call('PATCH', path, options, jsonType('application/apply-patch+yaml'), body);
    const applied = checkObject(answer, type, key, `PATCH ${resource}`);
    this.#observer?.written(type, applied, { conditional: namesVersion(intent) });
    return applied;
  }

  #managed(path: string, fieldManager = this.fieldManager): string {
    return `${path}?fieldManager=${encodeURIComponent(fieldManager)}`;
  }

  async #call<T extends object>(
    method: Method,
    path: string,
    options: CallOptions,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<T> {
    return parseAnswer<T>(await this.#send(method, path, options, headers, body), method, path);
  }

  async #send(
    method: Method,
    path: string,
    { signal, timeoutMs, maxBytes }: CallOptions & { readonly maxBytes?: number },
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<HttpResponse> {
    return await this.transport.request({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
  }
}

/** The object, or a Status that names it. */
interface DeleteAnswer extends KubeObject {
  readonly details?: { readonly uid?: string };
}

function serialize<T extends KubeObject>(type: ResourceType<T>, body: Body<T>): string {
  return 'json' in body ? body.json : toJson(type, body);
}

function toJson(type: ResourceType, object: object): string {
  return JSON.stringify({ ...object, apiVersion: apiVersion(type), kind: type.kind });
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Whether the server refuses the patch if the object has changed. */
const namesVersion = ({ metadata }: { readonly metadata?: { readonly resourceVersion?: string | undefined } }) =>
  metadata?.resourceVersion !== undefined;

const jsonType = (contentType: string) => ({ 'content-type': contentType });

const isNamed = ({ metadata }: KubeObject) => metadata?.name !== undefined;

/** Where the objects of an answer must be. */
const inside = ({ namespace }: { readonly namespace?: string }) => (namespace ? { namespace } : {});

/** As much of an answer as an error is made of. */
async function readError(response: StreamResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += costOf(chunk);
    if (size > BOUNDS.errorBytes) break;
    chunks.push(chunk);
  }
  response.cancel();
  return Buffer.concat(chunks).toString('utf8');
}
