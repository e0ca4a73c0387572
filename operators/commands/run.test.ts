import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openPki } from '../../hack/control-plane/pki.ts';
import { readRunArguments } from './run.ts';

let dir: string;
let ca: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-run-test-'));
  ca = join(dir, 'ca.crt');
  writeFileSync(ca, openPki(join(dir, 'pki')).caPem);
  writeFileSync(join(dir, 'no.crt'), 'not a certificate');
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const settingsOf = (...args: string[]) => readRunArguments(args).settings;

test('without flags, operators run as they are known', () => {
  expect(settingsOf('cluster', 'project')).toEqual({
    operators: ['cluster', 'project'],
    serving: { address: '127.0.0.1', port: 8080 },
    systemNamespaces: [],
  });
});

test('namespaces of project system are names', () => {
  expect(settingsOf('project', '--system-namespaces', 'mesh,kube-flannel').systemNamespaces).toEqual([
    'mesh',
    'kube-flannel',
  ]);
});

test.each([
  [[], /name at least one operator/],
  [['cluster', 'frob'], /unknown operator "frob"/],
  [['cluster', '--frob'], /--frob/],
  [['cluster', '--metrics-port', '65536'], /--metrics-port "65536" must be a port number/],
  [['cluster', '--metrics-port', ''], /--metrics-port "" must be a port number/],
  [['cluster', '--metrics-address', 'localhost'], /--metrics-address "localhost" must be an IP address/],
  [['cluster', '--tls-cert-file', 'a'], /--tls-cert-file is given without --tls-private-key-file/],
  [['cluster', '--tls-private-key-file', 'a'], /--tls-private-key-file is given without --tls-cert-file/],
  [['cluster', '--tls-cert-file', 'a', '--tls-private-key-file', 'b'], /"127.0.0.1" serves plain HTTP/],
  [
    ['cluster', '--metrics-address', '::', '--tls-cert-file', 'absent.crt', '--tls-private-key-file', 'absent.key'],
    /--tls-cert-file, --tls-private-key-file: "absent.crt" can't be read: ENOENT/,
  ],
  [['project', '--system-namespaces', 'a,B'], /--system-namespaces "B" must be the name of a namespace/],
  [['project', '--system-namespaces', 'mesh,kube-*'], /"kube-\*" must be the name of a namespace, not a pattern/],
  [['project', '--system-namespaces', '*'], /"\*" must be the name of a namespace, not a pattern/],
  [['project', '--system-namespaces', 'mesh-'], /"mesh-" must be the name of a namespace/],
  [['project', '--system-namespaces', 'paddock-x'], /"paddock-x" must be a name that does not begin with/],
  [['project', '--system-namespaces', 'default'], /"default" must be another namespace: .*project default/],
])('%j is refused', (args, message) => {
  expect(() => readRunArguments(args)).toThrow(message);
});

describe('how agents reach the hub', () => {
  const url = 'https://hub.example.com:6443';

  test.each([
    [['--hub-url', url], /--hub-url is given without --hub-ca/],
    [['--hub-ca', 'CA'], /--hub-ca is given without --hub-url/],
    [['--hub-url', 'hub.example.com', '--hub-ca', 'CA'], /--hub-url must be a URL such as https:/],
    [['--hub-url', 'http://hub.example.com', '--hub-ca', 'CA'], /"http:\/\/hub.example.com" must begin with https:/],
    [['--hub-url', 'https://hub.example.com/?x=1', '--hub-ca', 'CA'], /must be an address alone/],
    [['--hub-url', url, '--hub-ca', 'DIR/absent.crt'], /absent.crt" can't be read: ENOENT/],
    [['--hub-url', url, '--hub-ca', 'DIR/no.crt'], /no.crt" must be a file of certificates in PEM/],
  ])('%j is refused', (flags, message) => {
    const args = flags.map(flag => (flag === 'CA' ? ca : flag.replace('DIR', dir)));

    expect(() => readRunArguments(['cluster', ...args])).toThrow(message);
  });

  test('a password in the URL is refused and not repeated', () => {
    const args = ['cluster', '--hub-url', 'https://me:secret@hub.example.com', '--hub-ca', ca];

    expect(() => readRunArguments(args)).toThrow(/no user, password/);
    expect(() => readRunArguments(args)).not.toThrow(/secret/);
  });

  test('is handed on', () => {
    const flags = ['--hub-url', `${url}/`, '--hub-ca', ca, '--agent-image', 'registry.example.com/paddock:v1'];

    expect(settingsOf('cluster', ...flags)).toMatchObject({
      hubAddress: { server: url, ca: expect.stringContaining('BEGIN CERTIFICATE') },
      agentImage: 'registry.example.com/paddock:v1',
    });
  });
});
