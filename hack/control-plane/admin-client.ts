import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { KeyPair } from '../../runtime/certificates.ts';

export interface AdminRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Milliseconds until it is given up. Default: 5 s. */
  readonly timeoutMs?: number;
}

export interface AdminResponse {
  readonly status: number;
  readonly text: string;
}

export interface AdminClientOptions {
  readonly url: string;
  readonly caPem: string;
  /** Absent: requests are anonymous. */
  readonly client?: KeyPair;
}

/**
 * The least that is needed to look after a control plane: single requests, no retries.
 * It is apart from the client under test on purpose.
 */
export class AdminClient {
  readonly #url: string;
  readonly #agent: Agent;

  constructor({ url, caPem, client }: AdminClientOptions) {
    this.#url = url;
    this.#agent = new Agent({
      keepAlive: true,
      ca: caPem,
      ...(client && { cert: client.certPem, key: client.keyPem }),
    });
  }

  /** Resolves with whatever the server answers; rejects if it does not answer in time. */
  async request({ method = 'GET', path, body, timeoutMs = 5_000 }: AdminRequest): Promise<AdminResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<AdminResponse>();
    const outgoing = request(new URL(path, this.#url), {
      method,
      agent: this.#agent,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' } }),
    });
    outgoing.once('error', reject);
    outgoing.once('response', incoming => {
      text(incoming).then(content => resolve({ status: incoming.statusCode ?? 0, text: content }), reject);
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Whether the server answers a GET of `path` with 200 within a second. */
  async ok(path: string): Promise<boolean> {
    try {
      return (await this.request({ path, timeoutMs: 1_000 })).status === 200;
    } catch {
      return false;
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }
}
