import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import { Transform } from 'node:stream';
import type { Credentials } from '#runtime';
import { issue, newAuthority } from '../../runtime/certificates.ts';

const ISSUER = 'api-shim';

/**
 * An API server in front of another one. Whoever comes acts as the user of the credentials, which must be a client
 * certificate. As it is, everything goes through; what tests want otherwise is in the classes below.
 */
class ApiShim {
  readonly credentials: Credentials;
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #target: string;

  protected constructor({ server, url, ca, target, agent }: Listening) {
    this.#server = server;
    this.#agent = agent;
    this.#target = target;
    this.credentials = { resolve: async () => ({ server: url, tls: { ca }, headers: {} }) };
    server.on('request', (incoming: IncomingMessage, answer: ServerResponse) => this.#serve(incoming, answer));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  /** Whether the shim has answered by itself. */
  protected answered(_incoming: IncomingMessage, _answer: ServerResponse): boolean {
    return false;
  }

  /** What the body of the answer goes through. */
  protected passage(_incoming: IncomingMessage): Transform | undefined {
    return undefined;
  }

  #serve(incoming: IncomingMessage, answer: ServerResponse): void {
    if (this.answered(incoming, answer)) return;
    const { method, url = '/', headers } = incoming;
    const { host: _host, ...passed } = headers;
    const outgoing = request(new URL(url, this.#target), { method, agent: this.#agent, headers: passed });
    outgoing.once('response', response => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      const passage = this.passage(incoming);
      (passage ? response.pipe(passage) : response).pipe(answer);
    });
    outgoing.once('error', () => answer.destroy());
    answer.once('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}

interface Listening {
  readonly server: Server;
  readonly url: string;
  /** Of its certificate, PEM. */
  readonly ca: string;
  readonly target: string;
  readonly agent: Agent;
}

async function listen(credentials: Credentials): Promise<Listening> {
  const { server: target, tls } = await credentials.resolve();
  const authority = newAuthority(ISSUER);
  const { certPem, keyPem } = issue(authority, ISSUER, {
    commonName: ISSUER,
    usage: 'server',
    names: ['127.0.0.1'],
  });
  const server = createServer({ cert: certPem, key: keyPem });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the shim has no address');
  const { ca, cert, key } = tls;
  const agent = new Agent({ keepAlive: true, ca, cert, key });
  return { server, url: `https://127.0.0.1:${address.port}`, ca: authority.certPem, target, agent };
}

/** Its /readyz fails when a test wants it to. */
export class ReadyzShim extends ApiShim {
  failing = false;
  /** Answers of 500 so far. */
  failures = 0;

  static async start(credentials: Credentials): Promise<ReadyzShim> {
    return new ReadyzShim(await listen(credentials));
  }

  protected override answered({ url }: IncomingMessage, answer: ServerResponse): boolean {
    if (!this.failing || url !== '/readyz') return false;
    this.failures += 1;
    answer.writeHead(500).end('[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n');
    return true;
  }
}

/** Tells what it watches only when the answers to writes have long arrived, as a busy server may. */
export class LateWatches extends ApiShim {
  readonly #ms: number;

  private constructor(listening: Listening, ms: number) {
    super(listening);
    this.#ms = ms;
  }

  static async start(credentials: Credentials, ms: number): Promise<LateWatches> {
    return new LateWatches(await listen(credentials), ms);
  }

  protected override passage({ url = '' }: IncomingMessage): Transform | undefined {
    if (!new URL(url, 'http://shim').searchParams.has('watch')) return undefined;
    const late = (chunk: Buffer, _encoding: string, pass: (error: null, chunk: Buffer) => void) =>
      setTimeout(() => pass(null, chunk), this.#ms);
    return new Transform({ transform: late });
  }
}
