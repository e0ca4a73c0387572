import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Link } from './chaos-link.ts';

export interface ChaosProxyOptions {
  readonly targetHost: string;
  readonly targetPort: number;
}

/**
 * A TCP proxy on a free port of 127.0.0.1 that breaks connections as networks do. It passes bytes on unread, so TLS
 * goes through it. All settings hold for connections that exist and for new ones, unless it says otherwise.
 */
export class ChaosProxy {
  readonly port: number;
  readonly #options: ChaosProxyOptions;
  readonly #links = new Set<Link>();
  #server: Server;
  #frozen = false;
  #blackhole = false;
  #delayMs = 0;
  #total = 0;
  #bytesUp = 0;
  #bytesDown = 0;

  /** Resolves when the proxy listens. The target need not be there yet. */
  static async start(options: ChaosProxyOptions): Promise<ChaosProxy> {
    const server = await listen(0);
    return new ChaosProxy(options, server);
  }

  private constructor(options: ChaosProxyOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', client => this.#accept(client));
  }

  /** Open connections of clients. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that clients have opened since the start. */
  get totalConnections(): number {
    return this.#total;
  }

  /** Bytes passed on to the target. */
  get bytesUp(): number {
    return this.#bytesUp;
  }

  /** Bytes passed on to clients. */
  get bytesDown(): number {
    return this.#bytesDown;
  }

  /** Nothing passes, nothing closes: connections stay open and silent, new ones are accepted and are silent too. */
  freeze(): void {
    this.#frozen = true;
    for (const link of this.#links) link.freeze();
  }

  /** Connections that exist stay open and pass nothing any more; new ones are welcome and pass everything. */
  silence(): void {
    for (const link of this.#links) link.freeze();
  }

  /** New connections are accepted and stay silent; those that exist go on. */
  blackhole(): void {
    this.#blackhole = true;
  }

  /** Ends freeze and blackhole. What was held back passes, in order. */
  thaw(): void {
    this.#frozen = false;
    this.#blackhole = false;
    for (const link of [...this.#links]) link.thaw();
  }

  /** Resets every connection there is; new ones are welcome. */
  cut(): void {
    for (const link of [...this.#links]) link.destroy();
  }

  /** Everything arrives `milliseconds` late, each way; what waits now too. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
    for (const link of this.#links) link.delayMs = milliseconds;
  }

  /** New connections are refused; those that exist go on. Resolves when that is so. */
  async refuse(): Promise<void> {
    // not waiting for the callback of close: it comes when the last connection has ended
    this.#server.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    await promise;
  }

  /** Ends {@link refuse}, on the same port. */
  async accept(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = await listen(this.port);
    this.#server.on('connection', client => this.#accept(client));
  }

  /** Resets every connection and stops listening. */
  async stop(): Promise<void> {
    this.cut();
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!this.#server.listening) return;
    this.#server.close(() => resolve());
    await promise;
  }

  #accept(client: Socket): void {
    this.#total += 1;
    const { targetHost: host, targetPort: port } = this.#options;
    const link: Link = new Link({
      client,
      target: { host, port },
      frozen: this.#frozen || this.#blackhole,
      delayMs: this.#delayMs,
      onBytes: (direction, count) => this.#count(direction, count),
      onClose: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }

  #count(direction: 'up' | 'down', count: number): void {
    if (direction === 'up') this.#bytesUp += count;
    else this.#bytesDown += count;
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(port, '127.0.0.1', resolve);
  await promise;
  return server;
}
