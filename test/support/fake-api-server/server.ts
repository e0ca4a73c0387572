import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { discover } from './discovery.ts';
import { type FaultOptions, Faults } from './faults.ts';
import { answer, type Backend } from './handlers.ts';
import { type FakeKind, KindRegistry } from './kinds.ts';
import { decodeToken, expiredContinue } from './list.ts';
import { NamespaceLifecycle } from './namespaces.ts';
import { ObjectStore } from './object-store.ts';
import type { FakeApiServerOptions } from './options.ts';
import { seededRandom } from './random.ts';
import { Registry } from './registry.ts';
import { negotiate } from './representation.ts';
import { type ApiRequest, parseRequest, type RawRequest } from './request.ts';
import { breakRequest } from './request-faults.ts';
import { type RecordedRequest, RequestLog, WRITE_VERBS } from './request-log.ts';
import { parseSelection } from './selection.ts';
import * as status from './status.ts';
import { Storage } from './storage.ts';
import { WatchSession } from './watch.ts';
import { planWatch, versionProblem } from './watch-plan.ts';

const MAX_BODY_BYTES = 3 * 1024 * 1024;
const MAX_STALE_REVISIONS = 20;

/**
 * An API server without etcd, authorization, schemas and admission plugins, over plain HTTP on a free port of
 * 127.0.0.1. Resource versions, conflicts, watches, pages, bookmarks, finalizers and error bodies are those of a
 * real one (a parity test compares them). Not there: apply's field ownership, garbage collection, `/finalize`.
 */
export class FakeApiServer {
  readonly url: string;
  readonly requests = new RequestLog();
  readonly faults: Faults;
  readonly store: ObjectStore;
  readonly #options: FakeApiServerOptions;
  readonly #server: Server;
  readonly #kinds: KindRegistry;
  readonly #backend: Backend;
  readonly #sessions = new Set<WatchSession>();
  readonly #startedAt = performance.now();
  #tokens: ReadonlySet<string> | undefined;

  /** Resolves when the server listens. */
  static async start(options: FakeApiServerOptions): Promise<FakeApiServer> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
    await promise;
    return new FakeApiServer(options, server);
  }

  private constructor(options: FakeApiServerOptions, server: Server) {
    const { seed = 1, watchWindow = 1_000, kinds, tokens } = options;
    this.#options = options;
    this.#server = server;
    this.#kinds = new KindRegistry(kinds);
    const storage = new Storage({ window: watchWindow });
    const namespaces = new NamespaceLifecycle(storage, this.#kinds);
    const admitCreate = namespaces.admitCreate.bind(namespaces);
    const registry = new Registry(storage, { random: seededRandom(~seed), admitCreate });
    namespaces.start(registry);
    this.#backend = { storage, registry };
    this.store = new ObjectStore({ storage, registry, kinds: this.#kinds });
    this.faults = new Faults(seededRandom(seed), { compact: () => storage.compact() });
    this.acceptTokens(tokens);
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Milliseconds since the server started, as requests are recorded. */
  get now(): number {
    return performance.now() - this.#startedAt;
  }

  /** Watches that are open now, silent ones included. */
  get watchCount(): number {
    return this.#sessions.size;
  }

  /** Lets in only these bearer tokens from now on; `undefined` lets everybody in. */
  acceptTokens(tokens: readonly string[] | undefined): void {
    this.#tokens = tokens && new Set(tokens);
  }

  /** Begins to serve a kind, as when its CustomResourceDefinition is established. */
  serve(kind: FakeKind): void {
    this.#kinds.add(kind);
  }

  /** Serves a kind no more and ends its watches. Its objects stay stored, for when it is served again. */
  unserve(kind: FakeKind): void {
    this.#kinds.remove(kind);
    for (const session of [...this.#sessions]) if (session.kind.plural === kind.plural) session.end();
  }

  /** Destroys the connections of all watches. */
  cutWatches(): void {
    for (const session of [...this.#sessions]) session.cut();
  }

  /** Destroys every connection and stops listening. */
  async stop(): Promise<void> {
    this.faults.clear();
    for (const session of [...this.#sessions]) session.end();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const raw = await this.#receive(incoming, response);
    if (raw === undefined) return;
    const parsed = this.#parse(raw);
    const record = this.#record(raw, parsed instanceof Error ? undefined : parsed);
    try {
      if (this.faults.strike('drop', record)) {
        response.destroy();
        return;
      }
      this.#authenticate(raw);
      await breakRequest(this.faults, this.#kinds, record);
      const answered = parsed instanceof Error ? this.#serveOther(raw, parsed) : this.#handle(parsed, record, response);
      if (answered === undefined) return;
      const isWrite = record.verb !== 'other' && WRITE_VERBS.includes(record.verb);
      if (isWrite && this.faults.strike('dropAfterWrite', record)) {
        response.destroy();
        return;
      }
      this.#send(response, record, answered.code, answered.body);
    } catch (error) {
      this.#refuse(response, record, error);
    }
  }

  async #receive(incoming: IncomingMessage, response: ServerResponse): Promise<RawRequest | undefined> {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', this.url);
    try {
      const body = await text(incoming);
      return {
        method: incoming.method ?? 'GET',
        path: pathname,
        query: searchParams,
        headers: incoming.headers,
        body,
      };
    } catch {
      response.destroy(); // the client went away before its request was complete
      return undefined;
    }
  }

  #parse(raw: RawRequest): ApiRequest | Error {
    try {
      return parseRequest(this.#kinds, raw);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #record(raw: RawRequest, parsed: ApiRequest | undefined): RecordedRequest {
    const record: RecordedRequest = {
      method: raw.method,
      path: raw.path,
      query: Object.fromEntries(raw.query),
      headers: raw.headers,
      verb: parsed?.verb ?? 'other',
      kind: parsed?.kind.kind ?? '',
      namespace: parsed?.namespace ?? '',
      name: parsed?.name ?? '',
      at: this.now,
    };
    this.requests.entries.push(record);
    return record;
  }

  #authenticate({ headers: { authorization = '' } }: RawRequest): void {
    if (this.#tokens && !this.#tokens.has(authorization.replace(/^Bearer /, ''))) throw status.unauthorized();
  }

  #serveOther(raw: RawRequest, error: Error): { code: number; body: object | string } {
    const found = raw.method === 'GET' ? discover(this.#kinds, raw.path) : undefined;
    if (found === undefined) throw error;
    return { code: 200, body: found };
  }

  /** `undefined` for a watch, which answers by itself. */
  #handle(request: ApiRequest, record: RecordedRequest, response: ServerResponse) {
    if (Buffer.byteLength(request.body) > MAX_BODY_BYTES) throw status.requestTooLarge(MAX_BODY_BYTES);
    if (request.verb === 'watch') return this.#watch(request, record, response);
    const token = request.verb === 'list' ? request.query.get('continue') : null;
    if (token && this.faults.strike('expire', record)) throw expiredContinue(decodeToken(token));
    return answer(this.#backend, request, { behind: request.verb === 'list' ? this.#behind(record) : 0 });
  }

  #behind(record: RecordedRequest): number {
    const stale: { options: FaultOptions } | undefined = this.faults.strike('staleList', record);
    if (stale === undefined) return 0;
    return stale.options.behind ?? 1 + this.faults.choose(MAX_STALE_REVISIONS);
  }

  #watch(request: ApiRequest, record: RecordedRequest, response: ServerResponse): undefined {
    const { storage } = this.#backend;
    const { streamingLists = true, expiredWatch = 'frame', bookmarkIntervalMs = 50 } = this.#options;
    const representation = negotiate(request.headers.accept, { list: false });
    const selects = parseSelection(request.kind, request.namespace, request.query);
    const plan = planWatch(storage, request.query, { streamingLists });
    const resumes = !plan.initialEvents && this.faults.strike('expire', record) !== undefined;
    const problem = resumes
      ? status.tooOldVersion(plan.after, storage.revision)
      : versionProblem(storage, plan, request.query);
    if (problem?.status.code === 410 && expiredWatch === 'http') throw problem;
    const silent = this.faults.strike('halfOpen', record) !== undefined;
    const { faults } = this;
    const common = { request, record, plan, selects, representation, storage, faults };
    const session = new WatchSession({ ...common, bookmarkIntervalMs, response });
    this.#sessions.add(session);
    response.on('close', () => this.#sessions.delete(session));
    record.status = 200;
    session.start({ problem, silent });
  }

  #refuse(response: ServerResponse, record: RecordedRequest, error: unknown): void {
    if (error instanceof status.StatusError) {
      const seconds = error.status.details?.retryAfterSeconds;
      if (seconds !== undefined) response.setHeader('retry-after', String(seconds));
      this.#send(response, record, error.status.code, error.status);
    } else if (error instanceof status.PageNotFound) {
      this.#send(response, record, 404, '404 page not found\n');
    } else {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#send(response, record, 500, status.internalError(`the fake API server is broken: ${message}`).status);
    }
  }

  #send(response: ServerResponse, record: RecordedRequest, code: number, body: object | string): void {
    record.status = code;
    const contentType = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
    response.writeHead(code, { 'content-type': contentType });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}
