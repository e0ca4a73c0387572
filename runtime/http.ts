import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { ConnectionError } from './errors.ts';

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
  /** Milliseconds until the answer must have begun, and between two parts of it. */
  readonly timeoutMs: number;
  /** Runs when the request has its socket, right before its first byte is written; if it throws, nothing is sent. */
  readonly guard: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * One request and its whole answer.
 * @throws ConnectionError when no whole answer came; the signal's reason when it aborted; what the guard threw
 */
export function exchange(dispatcher: Dispatcher, options: Options, exchanged: ExchangeOptions): Promise<HttpResponse> {
  const { signal, timeoutMs } = exchanged;
  return new Promise((resolve, reject) => {
    const collector = new Collector(options, exchanged, resolve, reject);
    if (signal?.aborted) return reject(signal.reason);
    // undici would close the connection after each DELETE that has a body, unless told not to
    dispatcher.dispatch({ ...options, reset: false, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }, collector);
    collector.limitWait(timeoutMs);
  });
}

/** Gathers the answer to one request. */
class Collector implements Dispatcher.DispatchHandler {
  readonly #options: Options;
  readonly #guard: (() => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #chunks: Buffer[] = [];
  readonly #abort = () => {
    clearTimeout(this.#waiting);
    this.#controller?.abort(new Error('aborted'));
    this.#reject(this.#signal?.reason); // at once, also while it waits for its connection
  };
  #controller: Dispatcher.DispatchController | undefined;
  #refusal: unknown;
  #waiting: NodeJS.Timeout | undefined;
  #settled = false;
  #status = 0;
  #headers: IncomingHttpHeaders = {};

  constructor(
    options: Options,
    { guard, signal }: ExchangeOptions,
    resolve: (response: HttpResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#guard = guard;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** The dispatcher's own limits begin with the request: one that waits for its connection gives up after this. */
  limitWait(ms: number): void {
    if (this.#controller || this.#settled) return;
    this.#waiting = setTimeout(() => {
      const cause = Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' });
      this.#refusal = connectionError(this.#options, cause);
      this.#settle();
      this.#reject(this.#refusal);
    }, ms);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    clearTimeout(this.#waiting);
    try {
      if (this.#refusal !== undefined) throw this.#refusal;
      this.#signal?.throwIfAborted();
      this.#guard?.();
    } catch (error) {
      this.#refusal = error;
      controller.abort(new Error('refused'));
    }
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle();
    this.#resolve({ status: this.#status, headers: this.#headers, body: text(this.#chunks) });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle();
    this.#reject(
      this.#refusal ?? (this.#signal?.aborted ? this.#signal.reason : connectionError(this.#options, error)),
    );
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#waiting);
    this.#signal?.removeEventListener('abort', this.#abort);
  }
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Aborts when the connection is given up for another: the stream then ends with its reason. */
  readonly moved?: AbortSignal;
  readonly timeoutMs?: number;
}

/**
 * Opens a response to be read chunk by chunk. Headers must come within 30 s; silence afterwards is the
 * caller's to judge.
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
  try {
    const response = await dispatcher.request({
      ...options,
      origin: options.origin ?? '',
      signal: controller.signal,
      headersTimeout: timeoutMs,
      bodyTimeout: 0,
    });
    response.body.on('error', () => undefined); // cancelled after the last read: nobody waits for it
    response.body.on('close', forget);
    return { status: response.statusCode, body: response.body, cancel };
  } catch (error) {
    forget();
    signal?.throwIfAborted();
    moved?.throwIfAborted();
    throw connectionError(options, error);
  }
}

function text(chunks: Buffer[]): string {
  const [first] = chunks;
  if (first === undefined) return '';
  return (chunks.length === 1 ? first : Buffer.concat(chunks)).toString('utf8');
}

function connectionError(options: Options, cause: unknown): ConnectionError {
  return new ConnectionError(`${options.method} ${options.origin}${options.path}: no answer`, { cause });
}
