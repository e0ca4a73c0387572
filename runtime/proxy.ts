import { connect as connectTcp, isIP, isIPv4, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { buildConnector } from 'undici';

/** A proxy let no connection through, or could not be reached. Neither its URL nor what it holds is in any message. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  /** Host and port, without user and password. */
  readonly proxy: string;
  /** What is wrong with it, for people. */
  readonly why: string;

  constructor(proxy: string, why: string, options?: ErrorOptions) {
    // a cause says why by itself
    super(options?.cause === undefined ? `the proxy ${proxy}: ${why}` : `the proxy ${proxy}`, options);
    this.proxy = proxy;
    this.why = why;
  }
}

/** The ProxyError among an error and its causes. */
export function proxyErrorOf(error: unknown): ProxyError | undefined {
  if (error instanceof ProxyError) return error;
  const { cause } = typeof error === 'object' && error !== null && 'cause' in error ? error : {};
  return cause === undefined || cause === null ? undefined : proxyErrorOf(cause);
}

/** The schemes of `proxy-url` in a kubeconfig, as kubectl takes them. */
export const PROXY_SCHEMES: readonly string[] = ['http:', 'https:', 'socks5:'];

/** A URL without user and password. */
export function withoutUserinfo(text: string): string {
  const url = URL.parse(text);
  if (!url || `${url.username}${url.password}` === '') return text;
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}

export interface ProxyOptions {
  readonly proxyUrl: string;
  /** Of the server behind the proxy. */
  readonly tls: Pick<ConnectionOptions, 'secureContext' | 'servername' | 'rejectUnauthorized'>;
  readonly timeoutMs: number;
  readonly keepAliveMs: number;
}

/** Opens sockets for undici through an HTTP proxy, by CONNECT, or through a SOCKS5 proxy, which resolves names itself. */
export function proxyConnector({ proxyUrl, tls, timeoutMs, keepAliveMs }: ProxyOptions): buildConnector.connector {
  const proxy = new URL(proxyUrl);
  return ({ hostname, protocol, port, servername }, callback) => {
    const target = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) };
    const deadline = AbortSignal.timeout(timeoutMs);
    const opening = tunnel(proxy, target, { deadline, keepAliveMs }).then(socket => {
      if (protocol !== 'https:') return socket;
      const name = tls.servername ?? (servername || (isIP(target.host) ? '' : target.host));
      return secured(socket, { ...tls, ...target, servername: name, ALPNProtocols: ['http/1.1'] }, deadline);
    });
    opening.then(
      socket => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** A socket whose other end is the target. @throws ProxyError */
async function tunnel(
  proxy: URL,
  target: Target,
  { deadline, keepAliveMs }: { readonly deadline: AbortSignal; readonly keepAliveMs: number },
): Promise<Socket> {
  const name = `${proxy.hostname}:${portOf(proxy)}`;
  const at = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: portOf(proxy) };
  const ofProxy = { servername: isIP(at.host) ? '' : at.host };
  const socket = proxy.protocol === 'https:' ? connectTls({ ...at, ...ofProxy }) : connectTcp(at);
  socket.setKeepAlive(true, keepAliveMs);
  socket.setNoDelay(true);
  const reader = new Reader(socket);
  const ended = () => socket.destroy(new Error('timed out'));
  deadline.addEventListener('abort', ended, { once: true });
  try {
    await reader.opened(proxy.protocol === 'https:' ? 'secureConnect' : 'connect');
    if (proxy.protocol === 'socks5:') await socks5(reader, proxy, target);
    else await httpConnect(reader, proxy, target);
    reader.release();
    return socket;
  } catch (error) {
    socket.destroy();
    const { message: why, code } = Object(error);
    throw new ProxyError(name, String(why), code === undefined ? undefined : { cause: error });
  } finally {
    deadline.removeEventListener('abort', ended);
  }
}

function portOf({ protocol, port }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : protocol === 'socks5:' ? 1080 : 80;
}

function secured(socket: Socket, options: ConnectionOptions, deadline: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ ...options, socket });
    const ended = () => secure.destroy(Object.assign(new Error('timed out'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' }));
    const failed = (error: Error) => {
      deadline.removeEventListener('abort', ended);
      socket.destroy();
      reject(error);
    };
    deadline.addEventListener('abort', ended, { once: true });
    secure.once('error', failed);
    secure.once('secureConnect', () => {
      deadline.removeEventListener('abort', ended);
      secure.removeListener('error', failed);
      resolve(secure);
    });
  });
}

const LONGEST_HEAD = 16_384;

async function httpConnect(reader: Reader, proxy: URL, { host, port }: Target): Promise<void> {
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  const { user, password } = userOf(proxy);
  if (user !== '' || password !== '')
    lines.push(`Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  reader.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  const head = await reader.until('\r\n\r\n', LONGEST_HEAD);
  const [, code] = /^HTTP\/1\.[01] (\d{3})/.exec(head) ?? [];
  if (code === undefined) throw new Error('it does not answer as an HTTP proxy');
  if (code === '407') throw new Error('it answers 407: put a user and password that it knows into proxy-url');
  if (!code.startsWith('2')) throw new Error(`it answers ${code} when asked for a connection`);
}

/** RFC 1928, with a user and password by RFC 1929. */
async function socks5(reader: Reader, proxy: URL, { host, port }: Target): Promise<void> {
  const { user, password } = userOf(proxy);
  const hasUser = user !== '' || password !== '';
  reader.write(Buffer.from(hasUser ? [5, 2, 0, 2] : [5, 1, 0]));
  const [version, method] = await reader.bytes(2);
  if (version !== 5) throw new Error('it does not answer as a SOCKS5 proxy');
  if (method === 2 && hasUser) {
    reader.write(Buffer.concat([Buffer.of(1), lengthAnd(user), lengthAnd(password)]));
    const [, status] = await reader.bytes(2);
    if (status !== 0) throw new Error('it does not know the user and password of proxy-url');
  } else if (method !== 0) throw new Error('it asks for a user and password: put them into proxy-url');
  reader.write(Buffer.concat([Buffer.of(5, 1, 0), addressOf(host), Buffer.of(port >> 8, port & 255)]));
  const [, reply = 1, , kind] = await reader.bytes(4);
  if (reply !== 0) throw new Error(SOCKS_REPLIES[reply] ?? `it refuses the connection (${reply})`);
  const [length = 0] = kind === 1 ? [4] : kind === 4 ? [16] : await reader.bytes(1);
  await reader.bytes(length + 2);
}

const SOCKS_REPLIES: Readonly<Record<number, string>> = {
  2: 'its rules do not allow the connection',
  3: 'it can not reach the network of the cluster',
  4: 'it can not reach the cluster',
  5: 'the cluster refuses its connection',
  6: 'its connection to the cluster timed out',
};

function addressOf(host: string): Buffer {
  if (isIPv4(host)) return Buffer.of(1, ...host.split('.').map(Number));
  return Buffer.concat([Buffer.of(3), lengthAnd(host)]); // an IPv6 address is a name to it, as Go's client sends names
}

function lengthAnd(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw new Error('a name, user or password is longer than SOCKS5 allows');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function userOf({ username, password }: URL): { readonly user: string; readonly password: string } {
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

/** Reads a socket in pieces of known size, and gives it back with what was not asked for. */
class Reader {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#data);
    socket.on('error', this.#failed);
    socket.on('close', this.#closed);
  }

  async opened(event: 'connect' | 'secureConnect'): Promise<void> {
    let open = false;
    this.#socket.once(event, () => {
      open = true;
      this.#wake();
    });
    await this.#until(() => open);
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async bytes(count: number): Promise<Buffer> {
    await this.#until(() => this.#buffer.length >= count);
    return this.#take(count);
  }

  async until(end: string, limit: number): Promise<string> {
    await this.#until(() => this.#buffer.includes(end) || this.#buffer.length > limit);
    const at = this.#buffer.indexOf(end);
    if (at < 0) throw new Error('its answer is too long');
    return this.#take(at + end.length).toString('latin1');
  }

  release(): void {
    this.#socket.pause();
    this.#socket.off('data', this.#data);
    this.#socket.off('error', this.#failed);
    this.#socket.off('close', this.#closed);
    if (this.#buffer.length > 0) this.#socket.unshift(this.#buffer);
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  async #until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  readonly #data = (chunk: Buffer): void => {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#wake();
  };

  readonly #failed = (error: Error): void => {
    this.#failure ??= error;
    this.#wake();
  };

  readonly #closed = (): void => this.#failed(new Error('it closes the connection'));
}
