import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import { openPki } from '../../hack/control-plane/pki.ts';
import { caFingerprint, KubeconfigError, parseKubeconfig, readKubeconfigSecret } from './kubeconfig.ts';

const WHERE = 'Secret c-edge-1/edge-1';
const REFERENCE = { namespace: 'c-edge-1', name: 'edge-1' };
const SERVER = 'https://10.0.0.1:6443';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
}

function aKubeconfig({ cluster, user = { token: 'abc' } }: Parts = {}): string {
  return yaml.dump({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'edge', user: 'admin' } }],
    clusters: [{ name: 'edge', cluster: { server: SERVER, ...cluster } }],
    users: [{ name: 'admin', user }],
  });
}

function errorOf(parse: () => unknown): KubeconfigError {
  try {
    parse();
  } catch (error) {
    if (error instanceof KubeconfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function reasonOf(text: string): string {
  return errorOf(() => parseKubeconfig(text, WHERE)).reason;
}

let ca: string;
let client: { certPem: string; keyPem: string };
let otherKey: string;

beforeAll(() => {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-pki-'));
  try {
    const pki = openPki(dir);
    ca = pki.caPem;
    client = pki.issueClient({ commonName: 'alice', organizations: [] });
    otherKey = pki.issueClient({ commonName: 'bob', organizations: [] }).keyPem;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

describe('a usable kubeconfig', () => {
  test('gives server, token and CA', async () => {
    const usable = parseKubeconfig(aKubeconfig({ cluster: { 'certificate-authority-data': base64(ca) } }), WHERE);

    expect(usable).toMatchObject({ server: SERVER, caBundle: ca });
    const endpoint = await usable.credentials.resolve();
    expect(endpoint.server).toBe(SERVER);
    expect(endpoint.headers.authorization).toBe('Bearer abc');
    expect(String(endpoint.tls.ca)).toBe(ca);
  });

  test('may authenticate by certificate', async () => {
    const user = { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) };

    const { tls, headers } = await parseKubeconfig(aKubeconfig({ user }), WHERE).credentials.resolve();

    expect([String(tls.cert), String(tls.key)]).toEqual([client.certPem, client.keyPem]);
    expect(headers).not.toHaveProperty('authorization');
  });

  test('may name a proxy and the server’s name', async () => {
    const cluster = { 'proxy-url': 'http://proxy.example:3128', 'tls-server-name': 'edge.example' };

    const endpoint = await parseKubeconfig(aKubeconfig({ cluster }), WHERE).credentials.resolve();

    expect(endpoint.proxyUrl).toBe('http://proxy.example:3128');
    expect(endpoint.tls.servername).toBe('edge.example');
  });

  test('has a hash that changes with what a connection depends on, and with nothing else', () => {
    const hash = (parts: Parts) => parseKubeconfig(aKubeconfig(parts), WHERE).hash;

    expect(hash({})).toBe(hash({}));
    expect(hash({ cluster: { extensions: [] } })).toBe(hash({}));
    expect(hash({ user: { token: 'other' } })).not.toBe(hash({}));
    expect(hash({ cluster: { server: 'https://10.0.0.2:6443' } })).not.toBe(hash({}));
  });

  test.each(['http://proxy:3128', 'https://u:p@proxy', 'socks5://proxy:1080', 'SOCKS5://u:p@10.0.0.9'])(
    'may name proxy %s',
    async proxy => {
      const usable = parseKubeconfig(aKubeconfig({ cluster: { 'proxy-url': proxy } }), WHERE);
      expect((await usable.credentials.resolve()).proxyUrl).toBe(proxy.replace('SOCKS5', 'socks5'));
    },
  );

  const token = { token: 'abc' };
  test.each<Parts>([
    { cluster: { 'insecure-skip-tls-verify': false } },
    { cluster: { 'insecure-skip-tls-verify': null, 'certificate-authority': null } },
    { cluster: { 'certificate-authority': '', 'proxy-url': '', 'tls-server-name': null } },
    { user: { ...token, exec: null, 'auth-provider': null } },
    { user: { ...token, tokenFile: '', 'client-certificate': '', 'client-key': null } },
    { user: { ...token, as: '', 'as-uid': '', 'as-groups': [], 'as-user-extra': {} } },
    { user: { ...token, as: null, 'as-groups': null, 'as-user-extra': null } },
  ])('may name what is refused, but without a value: %j', async parts => {
    const { credentials, hash } = parseKubeconfig(aKubeconfig(parts), WHERE);
    expect((await credentials.resolve()).headers).toEqual({ authorization: 'Bearer abc' });
    expect(hash).toBe(parseKubeconfig(aKubeconfig(), WHERE).hash);
  });
});

describe('refused', () => {
  const users: readonly object[] = [
    { exec: { command: 'touch' } },
    { exec: {} },
    { 'auth-provider': {} },
    { token: 'abc', 'as-groups': [''] },
    { 'auth-provider': { name: 'gcp' } },
    { tokenFile: '/var/run/token' },
    { 'client-certificate': '/etc/cert' },
    { 'client-key': '/etc/key' },
    { token: 'abc', as: 'system:admin' },
    { token: 'abc', 'as-uid': '1' },
    { token: 'abc', 'as-groups': ['system:masters'] },
    { token: 'abc', 'as-user-extra': { a: ['b'] } },
  ];

  test.each(users)('user %j', user => {
    expect(reasonOf(aKubeconfig({ user }))).toBe('KubeconfigRefused');
  });

  test.each([
    { 'certificate-authority': '/etc/ca.crt' },
    { 'insecure-skip-tls-verify': true },
    { 'insecure-skip-tls-verify': 'true' },
  ])('cluster %j', cluster => {
    expect(reasonOf(aKubeconfig({ cluster }))).toBe('KubeconfigRefused');
  });

  test('what is hidden behind a YAML merge key is refused or never used', async () => {
    const text = `
x: &x {exec: {command: touch, args: [/tmp/executed]}}
current-context: here
contexts: [{name: here, context: {cluster: edge, user: admin}}]
clusters: [{name: edge, cluster: {server: ${SERVER}}}]
users: [{name: admin, user: {<<: *x, token: abc}}]
`;
    let headers: Readonly<Record<string, string>> | undefined;
    try {
      headers = (await parseKubeconfig(text, WHERE).credentials.resolve()).headers;
    } catch (error) {
      expect(error).toMatchObject({ reason: 'KubeconfigRefused' });
      return;
    }
    expect(headers).toEqual({ authorization: 'Bearer abc' });
  });
});

describe('invalid', () => {
  test.each([
    ['no YAML', '{'],
    ['no mapping', '- a'],
    ['empty', ''],
    ['no context', 'current-context: here'],
    ['a server without TLS', aKubeconfig({ cluster: { server: 'http://10.0.0.1' } })],
    ['a server that is no URL', aKubeconfig({ cluster: { server: 'edge' } })],
    ['a server with a password', aKubeconfig({ cluster: { server: 'https://user:secret@10.0.0.1' } })],
    ['a server with a query', aKubeconfig({ cluster: { server: 'https://10.0.0.1/?a=b' } })],
    ['a proxy of a scheme that kubectl does not take', aKubeconfig({ cluster: { 'proxy-url': 'socks4://proxy' } })],
    ['a proxy that is no URL', aKubeconfig({ cluster: { 'proxy-url': 'proxy' } })],
    ['a token that is no string', aKubeconfig({ user: { token: { a: 'b' } } })],
    ['a CA that is none', aKubeconfig({ cluster: { 'certificate-authority-data': base64('no certificate') } })],
    ['a certificate without its key', aKubeconfig({ user: { 'client-certificate-data': base64('cert') } })],
  ])('%s', (_what, text) => {
    expect(reasonOf(text)).toBe('KubeconfigInvalid');
  });

  test('a key that is not the certificate’s', () => {
    const user = { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(otherKey) };

    expect(reasonOf(aKubeconfig({ user }))).toBe('KubeconfigInvalid');
  });

  test('a message never quotes the kubeconfig', () => {
    const secret = 'swordfish';
    const broken = [
      `token: ${secret}\n  : {`,
      aKubeconfig({ cluster: { server: `https://a:${secret}@b` } }),
      aKubeconfig({ cluster: { 'proxy-url': `ftp://a:${secret}@b` } }),
    ];

    for (const text of broken) expect(errorOf(() => parseKubeconfig(text, WHERE)).message).not.toContain(secret);
  });
});

describe('the Secret', () => {
  const data = (key: string) => ({ data: { [key]: base64(aKubeconfig()) } });

  test('that does not exist is missing, and the message names it', () => {
    const error = errorOf(() => readKubeconfigSecret(undefined, REFERENCE));

    expect(error).toMatchObject({ reason: 'KubeconfigMissing' });
    expect(error.message).toContain('Secret c-edge-1/edge-1 does not exist');
  });

  test.each(['kubeconfig', 'value'])('is read at key %s when none is named', key => {
    expect(readKubeconfigSecret(data(key), REFERENCE).server).toBe(SERVER);
  });

  test('is read at the named key only', () => {
    expect(readKubeconfigSecret(data('mine'), { ...REFERENCE, key: 'mine' }).server).toBe(SERVER);
    const error = errorOf(() => readKubeconfigSecret(data('kubeconfig'), { ...REFERENCE, key: 'mine' }));
    expect(error).toMatchObject({ reason: 'KubeconfigMissing' });
    expect(error.message).toContain('has no key mine');
  });
});

describe('the fingerprint of a CA', () => {
  test('is of the first certificate of the bundle', () => {
    const fingerprint = caFingerprint(ca);

    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(caFingerprint(`${ca}\n${client.certPem}`)).toBe(fingerprint);
    expect(caFingerprint(client.certPem)).not.toBe(fingerprint);
  });

  test('is unknown for what is no certificate', () => {
    expect(caFingerprint('no certificate')).toBeUndefined();
  });
});
