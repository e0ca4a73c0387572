import { expect, test } from '@jest/globals';
import type { Cluster } from '#api';
import { kubeconfigEndpoint, ownEndpoint, type PeoplesEndpoint } from './endpoint.ts';

type Spec = Pick<Cluster['spec'], 'endpoint'>;

const URL = 'https://edge-1.example.com';
const kubeconfig = {
  server: 'https://10.0.0.1:6443',
  tls: { ca: 'its CA', servername: 'edge.internal' },
};
const caBundle = Buffer.from('a CA').toString('base64');

const of = (spec: Spec, proxyUrl?: string): PeoplesEndpoint =>
  ownEndpoint(spec) ?? kubeconfigEndpoint(spec, { ...kubeconfig, ...(proxyUrl === undefined ? {} : { proxyUrl }) });

test.each<readonly [what: string, spec: Spec, proxyUrl: string | undefined, endpoint: PeoplesEndpoint]>([
  [
    'nothing: the kubeconfig’s',
    {},
    undefined,
    { server: kubeconfig.server, ca: 'its CA', tlsServerName: 'edge.internal' },
  ],
  ['an address: with the kubeconfig’s CA', { endpoint: { url: URL } }, undefined, { server: URL, ca: 'its CA' }],
  [
    'an address, and no to system roots',
    { endpoint: { url: URL, systemRoots: false } },
    undefined,
    { server: URL, ca: 'its CA' },
  ],
  ['an address and a CA', { endpoint: { url: URL, caBundle } }, undefined, { server: URL, ca: 'a CA' }],
  ['an address and system roots', { endpoint: { url: URL, systemRoots: true } }, undefined, { server: URL }],
  [
    'an address: not the kubeconfig’s proxy',
    { endpoint: { url: URL } },
    'http://u:p@proxy:3128',
    { server: URL, ca: 'its CA' },
  ],
  ...[
    ['http://proxy:3128', 'http://proxy:3128'],
    ['http://user:password@proxy:3128', 'http://proxy:3128'],
    ['https://user@proxy', 'https://proxy'],
    ['socks5://user:p%40ss@proxy:1080', 'socks5://proxy:1080'],
    ['http://:password@proxy:3128', 'http://proxy:3128'],
  ].map(
    ([given = '', shown = '']) =>
      [
        `nothing, of a kubeconfig by ${given}`,
        {},
        given,
        { server: kubeconfig.server, ca: 'its CA', tlsServerName: 'edge.internal', proxyUrl: shown },
      ] as const,
  ),
])('%s', (_what, spec, proxyUrl, endpoint) => {
  expect(of(spec, proxyUrl)).toEqual(endpoint);
});
