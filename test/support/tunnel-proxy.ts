import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a proxy speaks: HTTP's CONNECT, or SOCKS5. */
export type ProxyKind = 'http' | 'socks5';

export interface TunnelProxyOptions {
  readonly kind: ProxyKind;
  /** `user:password` that it asks for [none]. */
  readonly login?: string;
}

/** A proxy on a free port of 127.0.0.1 that opens connections for who asks it. */
export class TunnelProxy {
  readonly port: number;
  /** The targets of its connections, as they were asked for. */
  readonly targets: string[] = [];
  readonly #options: TunnelProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async start(options: TunnelProxyOptions): Promise<TunnelProxy> {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    return new TunnelProxy(options, server);
  }

  private constructor(options: TunnelProxyOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', socket => {
      this.#keep(socket);
      (options.kind === 'http' ? this.#http(socket) : this.#socks(socket)).catch(() => socket.destroy());
    });
  }

  /** For `proxy-url`, with this login [the one that it asks for]. */
  url(login = this.#options.login): string {
    return `${this.#options.kind}://${login === undefined ? '' : `${login}@`}127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #http(socket: Socket): Promise<void> {
    const head = (await read(socket, bytes => bytes.includes('\r\n\r\n'))).toString('latin1');
    const [, target = ''] = /^CONNECT (\S+) HTTP/.exec(head) ?? [];
    const [, given = ''] = /^proxy-authorization: basic (\S+)/im.exec(head) ?? [];
    const { login } = this.#options;
    if (login !== undefined && Buffer.from(given, 'base64').toString() !== login) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
      return;
    }
    await this.#join(socket, target, 'HTTP/1.1 200 Connection established\r\n\r\n');
  }

  async #socks(socket: Socket): Promise<void> {
    const { login } = this.#options;
    const hello = await read(socket, bytes => bytes.length >= 2 + (bytes[1] ?? 0));
    const method = login === undefined ? 0 : 2;
    const isOffered = hello.subarray(2).includes(method);
    socket.write(Buffer.of(5, isOffered ? method : 255));
    if (!isOffered) return;
    if (login !== undefined) {
      const bytes = await read(
        socket,
        given => given.length >= 3 && given.length >= 3 + (given[1] ?? 0) + (given[2 + (given[1] ?? 0)] ?? 255),
      );
      const user = bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString();
      const password = bytes.subarray(3 + (bytes[1] ?? 0)).toString();
      socket.write(Buffer.of(1, `${user}:${password}` === login ? 0 : 1));
      if (`${user}:${password}` !== login) return;
    }
    const asked = await read(
      socket,
      bytes => bytes.length >= 5 && bytes.length >= (bytes[3] === 1 ? 10 : 7 + (bytes[4] ?? 0)),
    );
    const host =
      asked[3] === 1 ? [...asked.subarray(4, 8)].join('.') : asked.subarray(5, 5 + (asked[4] ?? 0)).toString();
    await this.#join(
      socket,
      `${host}:${asked.readUInt16BE(asked.length - 2)}`,
      Buffer.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0),
    );
  }

  async #join(socket: Socket, target: string, welcome: string | Buffer): Promise<void> {
    this.targets.push(target);
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(target) ?? [];
    const other = connect({ host, port: Number(port) });
    this.#keep(other);
    await new Promise((resolve, reject) => other.once('connect', resolve).once('error', reject));
    socket.write(welcome);
    socket.pipe(other).pipe(socket);
    socket.on('close', () => other.destroy());
    other.on('close', () => socket.destroy());
  }
}

async function read(socket: Socket, isWhole: (bytes: Buffer) => boolean): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  return await new Promise((resolve, reject) => {
    const data = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!isWhole(bytes)) return;
      socket.pause();
      socket.off('data', data);
      resolve(bytes);
    };
    socket.on('data', data);
    socket.once('close', () => reject(new Error('closed')));
    socket.resume();
  });
}
