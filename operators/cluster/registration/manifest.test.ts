import { describe, expect, test } from '@jest/globals';
import * as yaml from 'js-yaml';
import type { KubeObject } from '#runtime';
import { addressOf, agentManifest } from './manifest.ts';

const TOKEN = 'eyJ0b2tlbg.of.registration';
const INPUTS = {
  hub: {
    server: 'https://hub.example:6443',
    ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    uid: 'hub-1',
  },
  cluster: { name: 'edge-1', uid: 'cluster-1' },
  token: TOKEN,
  tokenId: 'id-1',
  credentialUid: 'credential-1',
  image: 'registry.example/paddock:v1',
};
const manifest = agentManifest(INPUTS);

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Document extends KubeObject {
  readonly rules?: readonly Rule[];
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec?: { readonly containers?: readonly object[]; readonly securityContext?: object };
    };
  };
}

const documents = yaml.loadAll(manifest) as Document[];
const of = (kind: string) => documents.filter(document => document.kind === kind);

describe('agent.yaml', () => {
  test('begins with the namespace that all else is in', () => {
    const [first, ...others] = documents;
    expect(first).toMatchObject({ kind: 'Namespace', metadata: { name: 'paddock-system' } });

    const scoped = others.filter(({ kind }) => !kind?.startsWith('ClusterRole'));
    for (const { metadata } of scoped) expect(metadata?.namespace).toBe('paddock-system');
  });

  test('has the token in a Secret, and nowhere else', () => {
    expect(manifest.split(TOKEN)).toHaveLength(2);
    expect(of('Secret')[0]?.stringData).toEqual({
      server: 'https://hub.example:6443',
      'ca.crt': expect.stringContaining('BEGIN CERTIFICATE'),
      hub: 'hub-1',
      cluster: 'edge-1',
      'cluster-uid': 'cluster-1',
      'credential-uid': 'credential-1',
      'token-id': 'id-1',
      token: TOKEN,
    });
  });

  test('gives the agent no right to everything', () => {
    const rules = documents.flatMap(document => document.rules ?? []);

    expect(rules.length).toBeGreaterThan(0);
    for (const { apiGroups = [], resources = [], verbs } of rules)
      expect([...apiGroups, ...resources, ...verbs]).not.toContain('*');
  });

  test('runs two replicas that need nothing of their node', () => {
    const [deployment] = of('Deployment');
    const pod = deployment?.spec?.template?.spec;

    expect(deployment?.spec?.replicas).toBe(2);
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(pod?.containers).toEqual([
      expect.objectContaining({
        image: 'registry.example/paddock:v1',
        securityContext: expect.objectContaining({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true }),
      }),
    ]);
  });
});

test('the agent counts to project system what the operators in the hub do', () => {
  const argumentsOf = (text: string) =>
    (yaml.loadAll(text) as Document[])
      .flatMap(({ spec }) => spec?.template?.spec?.containers ?? [])
      .flatMap(container => (container as { readonly args: readonly string[] }).args);

  expect(argumentsOf(agentManifest({ ...INPUTS, systemNamespaces: ['mesh', 'kube-flannel'] }))).toEqual([
    ...argumentsOf(manifest),
    '--system-namespaces',
    'mesh,kube-flannel',
  ]);
});

describe('the hub’s address', () => {
  const at = async (server: string, ca?: string) =>
    await addressOf({ resolve: async () => ({ server, headers: {}, tls: ca === undefined ? {} : { ca } }) });

  test.each(['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local:443'])(
    'is not what only its own pods know: %s',
    async server => expect(await at(server, 'CA')).toBeUndefined(),
  );

  test('is none without a CA that could be checked', async () => {
    expect(await at('https://hub.example')).toBeUndefined();
  });

  test('is otherwise the one that this process uses', async () => {
    expect(await at('https://hub.example', 'CA')).toEqual({ server: 'https://hub.example', ca: 'CA' });
  });
});
