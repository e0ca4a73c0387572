import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { issue, newAuthority } from '../../runtime/certificates.ts';

/** A server that somebody put where the hub should be: it takes every request and remembers it. */
export class RecordingServer {
  readonly url: string;
  /** Connections that were opened, whether or not a request came over them. */
  connections = 0;
  readonly requests: string[] = [];
  readonly #server: Server;

  /** `authority` is the name of the CA of its certificate; without one it speaks plain HTTP. */
  static async start({ authority }: { readonly authority?: string } = {}): Promise<RecordingServer> {
    const server = authority === undefined ? createHttpServer() : createHttpsServer(certified(authority));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server has no address');
    return new RecordingServer(server, `${authority === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`);
  }

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
    server.on('connection', () => {
      this.connections += 1;
    });
    server.on('request', ({ method, url: path, headers }: IncomingMessage, response) => {
      this.requests.push(`${method} ${path} ${headers.authorization ?? ''}`);
      response.writeHead(500).end();
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

function certified(authority: string): { readonly cert: string; readonly key: string } {
  const names = ['127.0.0.1', 'localhost'];
  const leaf = issue(newAuthority(authority), authority, { commonName: 'server', usage: 'server', names });
  return { cert: leaf.certPem, key: leaf.keyPem };
}
