import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { Credentials } from '#runtime';

/** An API server in front of another one, whose /readyz fails when a test wants it to; all else goes through. */
export class ReadyzShim {
  readonly credentials: Credentials;
  failing = false;
  /** Answers of 500 so far. */
  failures = 0;
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #target: string;

  /** Whoever comes acts as the user of these credentials, which must be a client certificate. */
  static async start(credentials: Credentials): Promise<ReadyzShim> {
    const { server: target, tls } = await credentials.resolve();
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the shim has no address');
    const { ca, cert, key } = tls;
    const agent = new Agent({ keepAlive: true, ca, cert, key });
    return new ReadyzShim(server, agent, { target, url: `http://127.0.0.1:${address.port}` });
  }

  private constructor(server: Server, agent: Agent, { target, url }: { target: string; url: string }) {
    this.#server = server;
    this.#agent = agent;
    this.#target = target;
    this.credentials = { resolve: async () => ({ server: url, tls: {}, headers: {} }) };
    server.on('request', (incoming: IncomingMessage, answer: ServerResponse) => this.#serve(incoming, answer));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #serve(incoming: IncomingMessage, answer: ServerResponse): void {
    const { method, url = '/', headers } = incoming;
    if (this.failing && url === '/readyz') {
      this.failures += 1;
      answer.writeHead(500).end('[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n');
      return;
    }
    const { host: _host, ...passed } = headers;
    const outgoing = request(new URL(url, this.#target), { method, agent: this.#agent, headers: passed });
    outgoing.once('response', response => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
    });
    outgoing.once('error', () => answer.destroy());
    answer.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}
