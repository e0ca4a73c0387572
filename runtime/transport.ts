import { setImmediate } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { BOUNDS, HeldBytes } from './bounds.ts';
import { type Clock, systemClock } from './clock.ts';
import { ConnectionMovedError } from './connections.ts';
import type { Credentials } from './credentials.ts';
import { AnswerError, ConnectionError } from './errors.ts';
import { exchange, type HttpResponse, openStream, type StreamResponse } from './http.ts';
import { Limiter } from './limiter.ts';
import { restRequests } from './metrics.ts';
import { type Opened, Session } from './session.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRequest {
  readonly method: Method;
  /** Path and query, as it goes over the wire. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds for the whole exchange, waiting for a place and for Retry-After included [30 s]. */
  readonly timeoutMs?: number;
  /** A longer answer is an AnswerError, and is not read to its end [8 MiB: one object]. */
  readonly maxBytes?: number;
}

export interface TransportOptions {
  readonly credentials: Credentials;
  /** Requests in flight at most [{@link MAX_IN_FLIGHT}]. */
  readonly maxInFlight?: number;
  /** Throws when this process may not write now; asked in the instant before a write goes to the socket. */
  readonly writeGuard?: () => void;
  /** Told of every write that the server has answered. */
  readonly afterWrite?: (request: HttpRequest, response: HttpResponse) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** For one API server, and so as many as a controller that writes there is worth reconciling at once (docs/decisions/0022). */
export const MAX_IN_FLIGHT = 128;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_RETRY_AFTER_MS = 1_000;

/**
 * HTTP/1.1 to one API server as one user: kept-alive sockets, bounded requests in flight, a deadline and a bound on
 * everything. It waits out 429 (with Retry-After and jitter) and refreshes the credential once on 401;
 * every other answer is the caller's, every broken connection a {@link ConnectionError}.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #limiter: Limiter;
  readonly #session: Session;
  /** What is held of unfinished answers, in bytes. */
  readonly held = new HeldBytes();
  /** Sockets whose answer is there and which undici sends over again after this turn of the event loop only. */
  readonly #returning = new Set<Promise<void>>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { credentials, maxInFlight = MAX_IN_FLIGHT } = options;
    this.#limiter = new Limiter(maxInFlight);
    this.#session = new Session({ credentials, clock: this.#clock });
  }

  /** Requests in flight now and the adaptive bound on them. */
  get load(): { inFlight: number; limit: number } {
    return { inFlight: this.#limiter.inFlight, limit: this.#limiter.limit };
  }

  /** Aborts when requests go on over another connection than now; undefined while there has been none. */
  get moved(): AbortSignal | undefined {
    return this.#session.latest?.connections.moved.signal;
  }

  /** The server's URL, resolving the credentials first if need be. */
  async server(): Promise<string> {
    return (await this.#session.current()).endpoint.server;
  }

  /** One exchange. Resolves with whatever status the server gave, 429 and a first 401 excepted. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    request.signal?.throwIfAborted();
    const deadline = this.#clock.monotonic() + (request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    for (let unauthorized = false; ; ) {
      const opened = await this.#connections(request, deadline);
      const { response, used } = await this.#once(request, opened, deadline);
      if (response.status === 401 && !unauthorized) {
        unauthorized = true;
        await this.#inTime(this.#session.refresh(used), request, deadline);
        continue;
      }
      if (response.status !== 429) return response;
      const wait = this.#retryAfter(response);
      if (this.#clock.monotonic() + wait >= deadline) return response;
      await this.#clock.sleep(wait, request.signal);
      request.signal?.throwIfAborted();
    }
  }

  /** Opens a response that is read as it comes (a watch). Not counted among the requests in flight. */
  async stream(request: HttpRequest): Promise<StreamResponse> {
    const deadline = this.#clock.monotonic() + (request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    for (let unauthorized = false; ; ) {
      const opened = await this.#connections(request, deadline);
      const response = await this.#open(request, opened);
      if (!response) continue;
      restRequests.inc({ code: String(response.status), method: 'GET' });
      if (response.status !== 401 || unauthorized) return response;
      unauthorized = true;
      response.cancel();
      await this.#inTime(this.#session.refresh(opened), request, deadline);
    }
  }

  /**
   * Goes on over the connection of another transport, which must have answered and is closed with that. Requests
   * in flight end where they are, streams end with a {@link ConnectionMovedError}; bounds and guards stay.
   */
  takeOver(other: Transport): void {
    this.#session.takeOver(other.#session);
  }

  /**
   * Reads the credentials anew; opens new sockets only if server or TLS material changed. Requests in
   * flight end on the old ones.
   */
  async refresh(): Promise<void> {
    await this.#session.refresh(await this.#session.current());
  }

  /** Closes every socket at once, whatever is in flight; later requests fail. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  async #once(request: HttpRequest, opened: Opened, deadline: number): Promise<Exchanged> {
    if (!this.#limiter.tryAcquire()) await this.#place(request, deadline);
    // otherwise requests that follow one another would take turns on two sockets, and more be open than in flight
    const [returned] = this.#returning;
    if (returned) {
      this.#returning.delete(returned);
      await returned;
    }
    // while it waited for its place, the connection may have been given up for another
    const used = this.#session.latest ?? opened;
    try {
      const { writeGuard } = this.#options;
      const guard = request.method === 'GET' ? undefined : writeGuard;
      const options = this.#dispatchOptions(request, used);
      const timeoutMs = Math.max(1, deadline - this.#clock.monotonic());
      const response = await exchange(used.connections.pool, options, {
        timeoutMs,
        maxBytes: request.maxBytes ?? BOUNDS.objectBytes,
        held: this.held,
        guard,
        signal: request.signal,
      });
      restRequests.inc({ code: String(response.status), method: request.method });
      if (response.status === 429) this.#limiter.overloaded();
      else this.#limiter.succeeded();
      this.#returns();
      if (isWrite(request)) this.#options.afterWrite?.(request, response);
      return { response, used };
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof AnswerError)
        restRequests.inc({ code: '<error>', method: request.method });
      throw error;
    } finally {
      this.#limiter.release();
    }
  }

  /** The next request may wait for the socket of the one that has just ended. */
  #returns(): void {
    const returned = setImmediate();
    this.#returning.add(returned);
    void returned.then(() => this.#returning.delete(returned));
  }

  /** Opens the stream; undefined when its connection was given up for another meanwhile. */
  async #open(request: HttpRequest, opened: Opened): Promise<StreamResponse | undefined> {
    const { pool, moved } = opened.connections;
    try {
      return await openStream(pool, this.#dispatchOptions(request, opened), { ...request, moved: moved.signal });
    } catch (error) {
      if (error instanceof ConnectionMovedError) return undefined;
      throw error;
    }
  }

  /** Waits for a place among the requests in flight, no longer than the deadline. */
  async #place(request: HttpRequest, deadline: number): Promise<void> {
    const limit = this.#limit(request, deadline, 'no place among the requests in flight in time');
    try {
      await this.#limiter.acquire(limit.signal);
    } finally {
      limit.end();
    }
  }

  /** Waits for the work, no longer than the deadline and the request's signal allow. */
  async #inTime<V>(work: Promise<V>, request: HttpRequest, deadline: number): Promise<V> {
    const limit = this.#limit(request, deadline, 'the credentials could not be read in time');
    const { promise, resolve, reject } = Promise.withResolvers<V>();
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true });
    if (limit.signal.aborted) reject(limit.signal.reason);
    work.then(resolve, reject);
    return await promise.finally(() => limit.end());
  }

  #limit({ method, path, signal }: HttpRequest, deadline: number, what: string): { signal: AbortSignal; end(): void } {
    const limit = new AbortController();
    const left = Math.max(0, deadline - this.#clock.monotonic());
    const end = this.#clock.after(left, () => limit.abort(new ConnectionError(`${method} ${path}: ${what}`)));
    return { signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal, end };
  }

  #dispatchOptions(request: HttpRequest, { endpoint, origin, prefix }: Opened): Dispatcher.DispatchOptions {
    return {
      origin,
      path: prefix + request.path,
      method: request.method,
      headers: { accept: 'application/json', ...endpoint.headers, ...request.headers },
      body: request.body ?? null,
    };
  }

  #retryAfter(response: HttpResponse): number {
    const seconds = Number(response.headers['retry-after']);
    const base = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : DEFAULT_RETRY_AFTER_MS;
    const jitter = (this.#options.random ?? Math.random)();
    return Math.max(base, 10) * (1 + jitter / 2);
  }

  /** At once, unless the credentials have to be read first. */
  #connections(request: HttpRequest, deadline: number): Opened | Promise<Opened> {
    return this.#session.ready ?? this.#inTime(this.#session.current(), request, deadline);
  }
}

/** An answer, and the connection it came over. */
interface Exchanged {
  readonly response: HttpResponse;
  readonly used: Opened;
}

/** A dry run changes nothing. */
function isWrite({ method, path }: HttpRequest): boolean {
  return method !== 'GET' && !/[?&]dryRun=All(&|$)/.test(path);
}
