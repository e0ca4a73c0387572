import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registry } from './metrics.ts';

export interface HealthOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly host?: string;
  /** Why the process is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
}

/** Serves `/healthz` (the process turns its event loop), `/readyz` and `/metrics`. */
export class HealthServer {
  readonly #server: Server;
  readonly #options: HealthOptions;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      const respond = (status: number, type: string, body: string) =>
        response.writeHead(status, { 'content-type': type }).end(body);
      switch (request.url?.split('?')[0]) {
        case '/healthz':
          respond(200, 'text/plain', 'ok\n');
          return;
        case '/readyz': {
          const reasons = options.notReady();
          respond(
            reasons.length === 0 ? 200 : 503,
            'text/plain',
            reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`,
          );
          return;
        }
        case '/metrics':
          void registry.metrics().then(
            text => respond(200, registry.contentType, text),
            error => respond(500, 'text/plain', `${error}\n`),
          );
          return;
        default:
          respond(404, 'text/plain', 'try /healthz, /readyz or /metrics\n');
      }
    });
  }

  /** Resolves with the port. */
  async start(): Promise<number> {
    const { port, host = '0.0.0.0' } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>(resolve => this.#server.close(() => resolve()));
  }
}
