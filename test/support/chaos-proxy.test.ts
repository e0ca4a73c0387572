import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ChaosProxy } from './chaos-proxy.ts';
import { eventually } from './eventually.ts';

const within = (what: string) => ({ timeoutMs: 5_000, what });

/** A client that remembers what it hears. */
class Client {
  heard = '';
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.setEncoding('utf8');
    this.socket.on('data', chunk => {
      this.heard += chunk;
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', error => {
      this.error = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Says something and waits for the echo. */
  async echo(text: string): Promise<void> {
    this.socket.write(text);
    await eventually(() => this.heard.endsWith(text), within(`the echo of ${text}`));
  }
}

describe('ChaosProxy', () => {
  let target: Server;
  let proxy: ChaosProxy;
  let upstream: Socket[];
  let clients: Client[];

  const open = (): Client => {
    const client = new Client(proxy.port);
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    upstream = [];
    clients = [];
    target = createServer(socket => {
      upstream.push(socket);
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    target.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = target.address();
    if (address === null || typeof address === 'string') throw new Error('the echo server has no port');
    proxy = await ChaosProxy.start({ targetHost: '127.0.0.1', targetPort: address.port });
  });

  afterEach(async () => {
    for (const { socket } of clients) socket.destroy();
    await proxy.stop();
    for (const socket of upstream) socket.destroy();
    target.close();
  });

  test('passes bytes both ways and counts them', async () => {
    const client = open();
    await client.echo('hello');
    expect(proxy).toMatchObject({ bytesUp: 5, bytesDown: 5, connections: 1, totalConnections: 1 });
    client.socket.end();
    await eventually(() => client.ended && client.closed, within('the end comes back'));
    await eventually(() => proxy.connections === 0, within('the connection is forgotten'));
    expect(proxy.totalConnections).toBe(1);
  });

  test('passes much more than it holds', async () => {
    const client = open();
    const text = 'x'.repeat(8 * 1024 * 1024);
    client.socket.end(text);
    await eventually(() => client.closed, within('everything came back'));
    expect(client.heard.length).toBe(text.length);
  });

  test('frozen, it keeps connections and accepts new ones, and passes nothing', async () => {
    const old = open();
    await old.echo('before');
    proxy.freeze();
    old.socket.write('during');
    const fresh = open();
    fresh.socket.write('fresh');
    await eventually(() => proxy.totalConnections === 2, within('the new connection is accepted'));
    const direct = { bytes: proxy.bytesUp, upstream: upstream.length };
    expect(direct).toEqual({ bytes: 6, upstream: 1 });

    proxy.thaw();
    await eventually(() => old.heard === 'beforeduring' && fresh.heard === 'fresh', within('what was held back'));
  });

  test('frozen, it does not tell one side that the other is gone, until thawed', async () => {
    const client = open();
    await client.echo('x');
    proxy.freeze();
    upstream[0]?.destroy();
    await eventually(() => upstream[0]?.closed, within('the target has closed'));
    const other = open();
    await eventually(() => proxy.totalConnections === 2, within('another connection is accepted'));
    expect(client.closed).toBe(false);
    proxy.thaw();
    await eventually(() => client.closed, within('the client hears of it'));
    await other.echo('y');
  });

  test('silenced, connections that exist stay open and pass nothing; new ones do', async () => {
    const old = open();
    await old.echo('a');
    proxy.silence();
    old.socket.write('b');
    await open().echo('c');
    expect(old).toMatchObject({ heard: 'a', ended: false, closed: false });
  });

  test('as a black hole it silences new connections only', async () => {
    const old = open();
    await old.echo('a');
    proxy.blackhole();
    const fresh = open();
    fresh.socket.write('b');
    await eventually(() => proxy.totalConnections === 2, within('the new connection is accepted'));
    await old.echo('c');
    expect(upstream).toHaveLength(1);
    proxy.thaw();
    await eventually(() => fresh.heard === 'b', within('the new connection is served'));
  });

  test('cut, both sides are closed at once and new connections work', async () => {
    const client = open();
    await client.echo('x');
    proxy.cut();
    await eventually(() => client.closed && upstream[0]?.closed, within('both sides are closed'));
    expect(client.error?.code).toBe('ECONNRESET');
    await open().echo('y');
  });

  test('holds back for the delay, and passes what waits when it ends, in order', async () => {
    const client = open();
    await client.echo('x');
    proxy.delay(600_000);
    client.socket.write('1');
    client.socket.write('2');
    open();
    await eventually(() => upstream.length === 2, within('another connection has reached the target'));
    expect(proxy.bytesUp).toBe(1);
    proxy.delay(1);
    await client.echo('3');
    expect(client.heard).toBe('x123');
  });

  test('refuses new connections while old ones go on, then accepts on the same port', async () => {
    const old = open();
    await old.echo('a');
    await proxy.refuse();
    const refused = open();
    await eventually(() => refused.closed, within('the connection is refused'));
    expect(refused.error?.code).toBe('ECONNREFUSED');
    await old.echo('b');
    await proxy.accept();
    await open().echo('c');
    await old.echo('d');
  });

  test('closes the connection when the target refuses', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    target.close(() => resolve());
    await promise;
    const client = open();
    await eventually(() => client.closed, within('the client is cut off'));
    expect(proxy.connections).toBe(0);
  });
});
