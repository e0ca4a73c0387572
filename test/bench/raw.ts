import { Agent } from 'undici';
import type { Endpoint } from '#runtime';

/**
 * The bare client that operators are compared with: no caches, no queue, no retries; so many requests in
 * flight on kept-alive connections and nothing else. It must not be made worse, or the ratios would lie.
 */
export class RawClient {
  readonly #agent: Agent;
  readonly #endpoint: Endpoint;
  readonly #inFlight: number;

  constructor(endpoint: Endpoint, inFlight: number) {
    this.#endpoint = endpoint;
    this.#inFlight = inFlight;
    this.#agent = new Agent({ connect: { ...endpoint.tls }, connections: inFlight, pipelining: 1 });
  }

  /** Sends all the requests and resolves when each was answered. @throws Error on the first that is not 2xx */
  async sendAll(requests: readonly RawRequest[]): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let request = requests[next++]; request; request = requests[next++]) await this.send(request);
    };
    await Promise.all(Array.from({ length: this.#inFlight }, worker));
  }

  async send({ method, path, contentType, body }: RawRequest): Promise<void> {
    const response = await this.#agent.request({
      origin: this.#endpoint.server,
      path,
      method,
      headers: { ...this.#endpoint.headers, accept: 'application/json', 'content-type': contentType },
      body: body ?? null,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`);
  }

  /** Opens the connections, so that no measurement pays for TLS handshakes. */
  async warmUp(): Promise<void> {
    const request: RawRequest = { method: 'GET', path: '/version', contentType: 'application/json' };
    await this.sendAll(Array.from({ length: this.#inFlight * 2 }, () => request));
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }
}

export interface RawRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly contentType: string;
  readonly body?: string;
}
