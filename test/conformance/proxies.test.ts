import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { errorMessage, proxyErrorOf, Transport } from '#runtime';
import { openPki } from '../../hack/control-plane/pki.ts';
import { type ProxyKind, TunnelProxy } from '../support/tunnel-proxy.ts';

const LOGIN = 'paddock:sword%20fish';
const DECODED = 'paddock:sword fish';
const READYZ = { method: 'GET', path: '/readyz', timeoutMs: 5_000 } as const;

let server: Server;
let port: number;
let ca: string;
const started: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-proxies-'));
  const pki = openPki(dir);
  ca = pki.caPem;
  const [cert, key] = ['apiserver.crt', 'apiserver.key'].map(file => readFileSync(pki.path(file)));
  rmSync(dir, { recursive: true });
  server = createServer({ cert, key }, (request, response) => {
    response.end(`${request.url} over ${request.socket.remotePort}`);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

async function proxyOf(kind: ProxyKind, login?: string): Promise<TunnelProxy> {
  const proxy = await TunnelProxy.start({ kind, ...(login === undefined ? {} : { login }) });
  started.push(proxy);
  return proxy;
}

function transportBy(proxyUrl: string, { host = '127.0.0.1', trusted = ca, at = port } = {}): Transport {
  const endpoint = { server: `https://${host}:${at}`, proxyUrl, tls: { ca: trusted }, headers: {} };
  const transport = new Transport({ credentials: { resolve: async () => endpoint } });
  started.unshift({ stop: () => transport.close() });
  return transport;
}

async function failure(transport: Transport): Promise<unknown> {
  return await transport.request(READYZ).then(
    () => {
      throw new Error('it was answered');
    },
    (error: unknown) => error,
  );
}

describe.each<ProxyKind>(['http', 'socks5'])('a proxy that speaks %s', kind => {
  test('is gone through, once for requests that follow one another', async () => {
    const proxy = await proxyOf(kind);
    const transport = transportBy(proxy.url());

    const answers = [await transport.request(READYZ), await transport.request(READYZ)];

    expect(answers).toEqual([answers[0], answers[0]]);
    expect(answers[0]).toMatchObject({ status: 200, body: expect.stringContaining('/readyz over') });
    expect(proxy.targets).toEqual([`127.0.0.1:${port}`]);
  });

  test('resolves names itself, and the certificate is still the server’s', async () => {
    const proxy = await proxyOf(kind);
    expect(await transportBy(proxy.url(), { host: 'localhost' }).request(READYZ)).toMatchObject({ status: 200 });
    expect(proxy.targets).toEqual([`localhost:${port}`]);
  });

  test('is given the user and password of its URL', async () => {
    const proxy = await proxyOf(kind, DECODED);
    expect(await transportBy(proxy.url(LOGIN)).request(READYZ)).toMatchObject({ status: 200 });
  });

  test.each([
    ['a wrong password', 'paddock:wrong'],
    ['none', undefined],
  ])('that asks for a password, and is given %s, is named without it', async (_what, login) => {
    const proxy = await proxyOf(kind, DECODED);
    const url = login === undefined ? proxy.url().replace(/\/\/.*@/, '//') : proxy.url(login);

    const error = await failure(transportBy(url));

    expect(proxyErrorOf(error)).toMatchObject({
      proxy: `127.0.0.1:${proxy.port}`,
      why: expect.stringContaining('proxy-url'),
    });
    expect(errorMessage(error)).not.toMatch(/wrong|fish|paddock/);
  });

  test('that is not there is named', async () => {
    const proxy = await proxyOf(kind);
    await proxy.stop();
    started.length = 0;

    const error = await failure(transportBy(proxy.url(LOGIN)));

    expect(proxyErrorOf(error)?.proxy).toBe(`127.0.0.1:${proxy.port}`);
    expect(errorMessage(error)).not.toContain('fish');
  });

  test('that reaches no server closes, and is named', async () => {
    const proxy = await proxyOf(kind);
    const closed = createTcpServer();
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
    const { port: at } = closed.address() as AddressInfo;
    await new Promise(resolve => closed.close(resolve));
    expect(proxyErrorOf(await failure(transportBy(proxy.url(), { at })))).toBeDefined();
  });

  test('does not make up for a server that is not trusted: that is no fault of the proxy', async () => {
    const proxy = await proxyOf(kind);
    const dir = mkdtempSync(join(tmpdir(), 'paddock-proxies-'));
    const other = openPki(dir).caPem;
    rmSync(dir, { recursive: true });

    const error = await failure(transportBy(proxy.url(), { trusted: other }));

    expect(proxyErrorOf(error)).toBeUndefined();
    expect(error).toMatchObject({ code: expect.stringMatching(/CERT|SIGNATURE|VERIFY/) });
  });
});

test('what is no proxy is named', async () => {
  const odd = createTcpServer(socket => socket.resume().end('SSH-2.0-x\r\n\r\n'));
  await new Promise<void>(resolve => odd.listen(0, '127.0.0.1', resolve));
  started.push({ stop: () => new Promise(resolve => odd.close(() => resolve())) });
  const { port: at } = odd.address() as AddressInfo;
  for (const scheme of ['http', 'socks5'])
    expect(proxyErrorOf(await failure(transportBy(`${scheme}://127.0.0.1:${at}`)))?.why).toMatch(/does not answer as/);
});
