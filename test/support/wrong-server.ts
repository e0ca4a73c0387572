import { createServer as createPlain, request as forward, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createSecure, request as forwardSecure } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { KeyPair } from '../../runtime/certificates.ts';

/** Answers on the socket itself, so that it need not be HTTP. */
export type WrongAnswer = (socket: Socket, request: IncomingMessage) => void;

export interface WrongServerOptions {
  /** Serves TLS with this certificate [plain HTTP]. */
  readonly certificate?: KeyPair;
  /** Who answers what is not answered wrongly; without one that is 404. */
  readonly target?: { readonly url: string; readonly ca: string; readonly token?: string };
}

/** A server that answers as another one does, until a test makes it answer wrongly. */
export class WrongServer {
  readonly url: string;
  /** Method and path of every request that was answered wrongly. */
  readonly wronged: string[] = [];
  /** The writes that got through, `PATCH /api/v1/…`. */
  readonly writes: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #answer: { readonly paths: RegExp; readonly answer: WrongAnswer } | undefined;

  static async start({ certificate, target }: WrongServerOptions = {}): Promise<WrongServer> {
    const handle: RequestListener = (incoming, outgoing) => {
      const { method = 'GET', url: path = '/', headers } = incoming;
      const wrong = started.#answer;
      if (wrong?.paths.test(`${method} ${path}`)) {
        started.wronged.push(`${method} ${path}`);
        return wrong.answer(incoming.socket, incoming);
      }
      if (!target) return void outgoing.writeHead(404).end();
      if (method !== 'GET') started.writes.push(`${method} ${path.split('?')[0]}`);
      const { hostname, port } = new URL(target.url);
      const send = target.url.startsWith('https') ? forwardSecure : forward;
      const onward = send({ hostname, port, method, path, headers, ca: target.ca }, answer => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        answer.on('error', () => outgoing.destroy());
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      outgoing.on('close', () => onward.destroy());
      incoming.pipe(onward);
    };
    const server = certificate
      ? createSecure({ cert: certificate.certPem, key: certificate.keyPem }, handle)
      : createPlain(handle);
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const started = new WrongServer(server, `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`);
    return started;
  }

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
    server.on(url.startsWith('https') ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Answers requests whose `METHOD /path` matches in this way; what is open now, watches too, ends. */
  wrongly(paths: RegExp, answer: WrongAnswer): void {
    this.#answer = { paths, answer };
    this.wronged.length = 0;
    this.dropConnections();
  }

  /** Answers as its target does again. */
  rightly(): void {
    this.#answer = undefined;
    this.dropConnections();
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    this.dropConnections();
    await closed;
  }
}
