import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ManagedProcess } from '../../hack/control-plane/processes.ts';
import { issue, newAuthority } from '../../runtime/certificates.ts';
import { core, post } from '../integration/agent-requests.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { rawRequest } from '../support/raw-request.ts';
import { AdminServiceAccount } from '../support/service-account.ts';
import { asAdmin } from './guard.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'operators', 'main.ts');
const WITHIN = { timeoutMs: 60_000 };
const AUTHORITY = newAuthority('metrics-ca');
const CERTIFICATE = issue(AUTHORITY, 'metrics-ca', { commonName: 'metrics', usage: 'server', names: ['127.0.0.2'] });

let fleet: Fleet;
let dir: string;
const operators: ManagedProcess[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-surfaces-'));
  fleet = await startFleet({ downstreams: 0 });
}, 60_000);

afterAll(async () => {
  for (const operator of operators) await operator.stop({ graceMs: 35_000 });
  await fleet?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

function fileWith(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Starts an operator as a process of its own; resolves with the port on which it serves metrics and health. */
async function servedBy(name: string, ...flags: string[]): Promise<number> {
  const kubeconfig = fileWith(`${name}.kubeconfig`, fleet.operatorKubeconfig('cluster'));
  const logFile = join(dir, `${name}.log`);
  const args = [MAIN, 'run', 'cluster', '--kubeconfig', kubeconfig, '--metrics-port', '0', ...flags];
  const operator = new ManagedProcess({ name, command: process.execPath, args, env: process.env, logFile });
  operators.push(operator);
  operator.start();
  const port = async () => /"port":(\d+)/.exec(readFileSync(logFile, 'utf8'))?.[1];
  return Number(await eventually(port, { ...WITHIN, what: `${name} serves` }));
}

/** Whether a connection to the address succeeds. Every address of 127.0.0.0/8 is this machine's. */
function isReachable(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('without a flag, metrics and health are served to the own machine alone', async () => {
  const port = await servedBy('local');

  expect(await isReachable('127.0.0.1', port)).toBe(true);
  expect(await isReachable('127.0.0.2', port)).toBe(false);
  expect((await rawRequest({ url: `http://127.0.0.1:${port}` }, { path: '/metrics' })).status).toBe(200);
});

test('on an address that others reach, metrics are for those whom the API server allows them', async () => {
  const files = [
    '--tls-cert-file',
    fileWith('tls.crt', CERTIFICATE.certPem),
    '--tls-private-key-file',
    fileWith('tls.key', CERTIFICATE.keyPem),
  ];
  const port = await servedBy('open', '--metrics-address', '0.0.0.0', ...files);
  // the client certificate is nobody's here: the server asks for none
  const tls = { ca: AUTHORITY.certPem, cert: CERTIFICATE.certPem, key: CERTIFICATE.keyPem };
  const server = { url: `https://127.0.0.2:${port}`, tls };
  const ask = async (authorization?: string, path = '/metrics', method = 'GET') =>
    await rawRequest(server, { path, method, headers: authorization === undefined ? {} : { authorization } });
  const prometheus = await AdminServiceAccount.create(fleet.hub, 'prometheus');
  const stranger = await strangerToken();

  expect((await ask()).status).toBe(401);
  expect((await ask('Bearer ')).status).toBe(401);
  expect((await ask(`Basic ${Buffer.from('admin:admin').toString('base64')}`)).status).toBe(401);
  expect((await ask(`Bearer ${'a'.repeat(9_000)}`)).status).toBe(401);
  expect((await ask('Bearer eyJhbGciOiJub25lIn0.e30.')).status).toBe(401);
  expect((await ask(`Bearer ${stranger}`)).status).toBe(403);
  const allowed = await ask(`Bearer ${prometheus.token}`);
  expect(allowed.status).toBe(200);
  expect(allowed.text).toContain('rest_client_requests_total');

  for (const path of ['/healthz', '/readyz']) {
    const { status, text } = await ask(undefined, path);
    expect([status, text]).toEqual([200, 'ok\n']);
  }
  expect((await ask(`Bearer ${prometheus.token}`, '/metrics', 'POST')).status).toBe(405);
  await expect(rawRequest({ url: `http://127.0.0.2:${port}` }, { path: '/metrics' })).rejects.toThrow();
});

test('without a certificate the process signs one, which nobody who verifies takes for it', async () => {
  const port = await servedBy('self-signed', '--metrics-address', '0.0.0.0');
  const log = readFileSync(join(dir, 'self-signed.log'), 'utf8');
  expect(log).toContain('"address":"0.0.0.0"');
  const tls = { ca: AUTHORITY.certPem, cert: CERTIFICATE.certPem, key: CERTIFICATE.keyPem };
  await expect(rawRequest({ url: `https://127.0.0.2:${port}`, tls }, { path: '/metrics' })).rejects.toThrow(
    /self-signed|unable to verify/,
  );
});

/** A token of an account without any right. */
async function strangerToken(): Promise<string> {
  await asAdmin(fleet.hub, post(core('default', 'serviceaccounts'), { metadata: { name: 'stranger' } }));
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const answer = await asAdmin(fleet.hub, post(core('default', 'serviceaccounts/stranger/token'), request));
  return (answer as unknown as { status: { token: string } }).status.token;
}
