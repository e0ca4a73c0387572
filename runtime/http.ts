import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { BOUNDS, costOf, type HeldBytes, inMiB } from './bounds.ts';
import { AnswerError, ConnectionError, TooLongError } from './errors.ts';

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface StreamResponse {
  readonly status: number;
  readonly body: AsyncIterable<Buffer>;
  /** Drops the connection; the body then ends or throws. */
  cancel(): void;
}

type Options = Dispatcher.DispatchOptions;

export interface ExchangeOptions {
  /** Milliseconds for all of it, from now to the last byte of the answer. */
  readonly timeoutMs: number;
  /** The body of an answer in good order has so many bytes at most; of another one the first are read. */
  readonly maxBytes: number;
  /** All bodies that are being read from this server. */
  readonly held: HeldBytes;
  /** Runs when the request has its socket, right before its first byte is written; if it throws, nothing is sent. */
  readonly guard: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * One request and its whole answer. What is beyond a bound is never held.
 * @throws ConnectionError when no whole answer came; AnswerError when it is beyond a bound, or no HTTP; the signal's
 *   reason when it aborted; what the guard threw
 */
export function exchange(dispatcher: Dispatcher, options: Options, exchanged: ExchangeOptions): Promise<HttpResponse> {
  const { signal, timeoutMs } = exchanged;
  return new Promise((resolve, reject) => {
    const collector = new Collector(options, exchanged, resolve, reject);
    if (signal?.aborted) return reject(signal.reason);
    // undici's own timeouts are of pauses, and begin with the connection; it would close the connection after each
    // DELETE that has a body, unless told not to
    dispatcher.dispatch({ ...options, reset: false, headersTimeout: 0, bodyTimeout: 0 }, collector);
    collector.limit(timeoutMs);
  });
}

/** Gathers the answer to one request. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #options: Options;
  readonly #exchanged: ExchangeOptions;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #chunks: Buffer[] = [];
  readonly #abort = () => this.#end(this.#exchanged.signal?.reason);
  #controller: Dispatcher.DispatchController | undefined;
  /** Why the exchange was given up. */
  #refusal: unknown;
  #deadline: NodeJS.Timeout | undefined;
  #settled = false;
  #held = 0;
  #informational = 0;
  #status = 0;
  #headers: IncomingHttpHeaders = {};

  constructor(
    options: Options,
    exchanged: ExchangeOptions,
    resolve: (response: HttpResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#exchanged = exchanged;
    this.#resolve = resolve;
    this.#reject = reject;
    exchanged.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Gives up after this, also while it waits for its connection. */
  limit(ms: number): void {
    if (this.#settled) return;
    this.#deadline = setTimeout(() => {
      const what = this.#status === 0 ? 'no answer in time' : 'the answer did not end in time';
      const cause = Object.assign(new Error(what), { code: 'ETIMEDOUT' });
      this.#end(connectionError(this.#options, cause));
    }, ms);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    try {
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#exchanged.signal?.throwIfAborted();
      this.#exchanged.guard?.();
    } catch (error) {
      this.#refusal = error;
      controller.abort(new Error('refused'));
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > BOUNDS.informational) this.#fail(`more than ${BOUNDS.informational} 1xx answers`);
      return;
    }
    this.#status = status;
    this.#headers = headers;
    const { maxBytes } = this.#exchanged;
    if (status < 300 && Number(headers['content-length']) > maxBytes) this.#end(this.#tooLong(maxBytes));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    const { maxBytes, held } = this.#exchanged;
    const isError = this.#status >= 300;
    const most = isError ? Math.min(BOUNDS.errorBytes, maxBytes) : maxBytes;
    const bytes = costOf(chunk);
    const fits = this.#held + bytes <= most;
    if (fits && held.take(bytes)) {
      this.#held += bytes;
      this.#chunks.push(chunk);
    } else if (isError) {
      this.onResponseEnd(); // it is an error whatever follows
      this.#controller?.abort(new Error('enough was read'));
    } else {
      this.#end(
        fits
          ? this.#wrong(`its answers are more than ${inMiB(BOUNDS.heldBytes)} at the same time`)
          : this.#tooLong(most),
      );
    }
  }

  onResponseEnd(): void {
    this.#settle();
    this.#resolve({ status: this.#status, headers: this.#headers, body: text(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { signal } = this.#exchanged;
    this.#settle();
    this.#reject(this.#refusal ?? (signal?.aborted ? signal.reason : failure(this.#options, error)));
  }

  #fail(problem: string): void {
    this.#end(this.#wrong(problem));
  }

  #wrong(problem: string): AnswerError {
    return new AnswerError(requestName(this.#options), problem);
  }

  #tooLong(most: number): AnswerError {
    return new TooLongError(requestName(this.#options), tooLong(most));
  }

  /** At once, also while it waits for its connection. */
  #end(error: unknown): void {
    this.#refusal ??= error;
    this.#settle();
    this.#controller?.abort(new Error('given up'));
    this.#reject(this.#refusal);
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#deadline);
    this.#exchanged.held.give(this.#held);
    this.#exchanged.signal?.removeEventListener('abort', this.#abort);
  }
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Aborts when the connection is given up for another: the stream then ends with its reason. */
  readonly moved?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Opens a response to be read chunk by chunk. Headers must come within 30 s; silence afterwards, and how much it is, are
 * the caller's to judge.
 * @throws ConnectionError when there is none; AnswerError when it is no HTTP; the signal's reason
 */
export async function openStream(
  dispatcher: Dispatcher,
  options: Options,
  { signal, moved, timeoutMs = 30_000 }: StreamOptions,
): Promise<StreamResponse> {
  const controller = new AbortController();
  const cancel = () => controller.abort();
  const move = () => controller.abort(moved?.reason);
  const forget = () => {
    signal?.removeEventListener('abort', cancel);
    moved?.removeEventListener('abort', move);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  moved?.addEventListener('abort', move, { once: true });
  if (signal?.aborted) cancel();
  else if (moved?.aborted) move();
  const late = setTimeout(() => {
    controller.abort(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  let informational = 0;
  try {
    const response = await dispatcher.request({
      ...options,
      origin: options.origin ?? '',
      signal: controller.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      onInfo: () => {
        informational += 1;
        if (informational > BOUNDS.informational)
          controller.abort(new AnswerError(requestName(options), `more than ${BOUNDS.informational} 1xx answers`));
      },
    });
    response.body.on('error', () => undefined); // cancelled after the last read: nobody waits for it
    response.body.on('close', forget);
    return { status: response.statusCode, body: response.body, cancel };
  } catch (error) {
    forget();
    signal?.throwIfAborted();
    moved?.throwIfAborted();
    throw error instanceof AnswerError ? error : failure(options, error);
  } finally {
    clearTimeout(late);
  }
}

function text(chunks: Buffer[]): string {
  const [first] = chunks;
  if (first === undefined) return '';
  return (chunks.length === 1 ? first : Buffer.concat(chunks)).toString('utf8');
}

function failure(options: Options, cause: unknown): ConnectionError | AnswerError {
  const problem = malformed(cause);
  // the parser's error holds what it could not read
  return problem === undefined ? connectionError(options, cause) : new AnswerError(requestName(options), problem);
}

/** What is wrong with an answer that undici refuses; undefined for a connection that broke. */
function malformed(cause: unknown): string | undefined {
  if (!(typeof cause === 'object' && cause !== null && 'name' in cause && 'message' in cause)) return undefined;
  const { name, message } = cause;
  if (message === 'bad upgrade') return 'it changes to another protocol, which was not asked for';
  if (message === 'bad response') return 'it answers what was not asked';
  const isNoHttp = name === 'HTTPParserError' || name === 'HeadersOverflowError';
  // one that ends in the middle is a connection that broke
  return isNoHttp && !/EOF/.test(String(message)) ? `its answer is no HTTP/1.1: ${message}` : undefined;
}

function tooLong(most: number): string {
  return `the answer is longer than ${inMiB(most)}`;
}

function requestName({ method, origin, path }: Options): string {
  return `${method} ${origin}${path.split('?')[0]}`;
}

function connectionError(options: Options, cause: unknown): ConnectionError {
  return new ConnectionError(`${options.method} ${options.origin}${options.path}: no answer`, { cause });
}
