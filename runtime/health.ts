import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, BlockList, isIP } from 'node:net';
import { hostname } from 'node:os';
import type { Logger } from './log.ts';
import { registry } from './metrics.ts';
import type { RequestAuthorizer } from './request-authorizer.ts';
import { type CertificateFiles, followCertificate, readCertificate, selfSigned } from './serving-certificate.ts';

/** Where a process serves `/healthz`, `/readyz` and `/metrics`. */
export interface ServingOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** An IP address of this machine [127.0.0.1]. On any but a loopback address it is TLS, and `/metrics` takes a token. */
  readonly address?: string;
  /** [a certificate that the process signs itself] */
  readonly tls?: CertificateFiles;
}

export interface HealthOptions extends ServingOptions {
  /** Why the process is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
  readonly authorizer: Pick<RequestAuthorizer, 'verdict'>;
  readonly log: Logger;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** What a client may cost: it is whoever reaches the port. */
const LIMITS = { headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 30_000, maxHeaderSize: 16_384 };
const MAX_CONNECTIONS = 64;

/**
 * Serves `/healthz` (the process turns its event loop), `/readyz` and `/metrics`. On a loopback address in plain HTTP for
 * whoever is on the machine or in the Pod. Elsewhere over TLS, as controller-runtime's secure serving: `/healthz` and
 * `/readyz` for everybody, since a kubelet sends no credential; `/metrics` for those whom the API server allows to
 * `get` the non-resource URL `/metrics`.
 */
export class HealthServer {
  readonly #options: HealthOptions;
  readonly #isLocal: boolean;
  #server: Server | HttpsServer | undefined;
  #unfollow: () => void = () => undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#isLocal = isLoopback(options.address ?? '127.0.0.1');
  }

  /** Resolves with the port. @throws Error when the certificate can't be read or the address is taken */
  async start(): Promise<number> {
    const { port, address = '127.0.0.1' } = this.#options;
    const server = this.#create();
    server.maxConnections = MAX_CONNECTIONS;
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // without an address Node takes :: where there is IPv6, and 0.0.0.0 elsewhere
      server.listen({ port, ...(address === '::' ? {} : { host: address }) }, resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#unfollow();
    const server = this.#server;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>(resolve => server.close(() => resolve()));
  }

  #create(): Server | HttpsServer {
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    if (this.#isLocal) return createHttpServer(LIMITS, listener);
    const { tls, log } = this.#options;
    const { certPem: cert, keyPem: key } = tls ? readCertificate(tls) : selfSigned(hostname());
    const server = createHttpsServer({ ...LIMITS, cert, key, minVersion: 'TLSv1.2' }, listener);
    const renew = (pair: { readonly certPem: string; readonly keyPem: string }) =>
      server.setSecureContext({ cert: pair.certPem, key: pair.keyPem, minVersion: 'TLSv1.2' });
    if (tls) this.#unfollow = followCertificate(tls, { certPem: cert, keyPem: key }, { renew, log });
    return server;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const respond = (status: number, type: string, body: string) =>
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body);
    const text = (status: number, body: string) => respond(status, 'text/plain', body);
    if (request.method !== 'GET' && request.method !== 'HEAD') return void text(405, 'only GET and HEAD are served\n');
    switch (request.url?.split('?', 1)[0]) {
      case '/healthz':
        return void text(200, 'ok\n');
      case '/readyz': {
        const reasons = this.#options.notReady();
        return void text(reasons.length === 0 ? 200 : 503, reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`);
      }
      case '/metrics':
        return await this.#serveMetrics(request, respond);
      default:
        return void text(404, 'try /healthz, /readyz or /metrics\n');
    }
  }

  async #serveMetrics(
    { headers }: IncomingMessage,
    respond: (status: number, type: string, body: string) => void,
  ): Promise<void> {
    const verdict = this.#isLocal ? 200 : await this.#options.authorizer.verdict(headers.authorization, '/metrics');
    if (verdict !== 200) return respond(verdict, 'text/plain', REFUSALS[verdict]);
    try {
      respond(200, registry.contentType, await registry.metrics());
    } catch (error) {
      respond(500, 'text/plain', `${error}\n`);
    }
  }
}

const REFUSALS = {
  401: 'Unauthorized: send a bearer token that the API server knows\n',
  403: 'Forbidden: the user of the token may not get the non-resource URL /metrics\n',
  429: 'Too many requests: try again\n',
  503: 'Service unavailable: the API server does not answer a review of the token\n',
} as const;

/** Whether only this machine, or this Pod, reaches an IP address. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
