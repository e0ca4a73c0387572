import { aCluster, type Case, fieldCases } from './case.ts';

const bySecret = (secretRef: unknown) => aCluster({ connection: { kubeconfig: { secretRef } } });

/** Cases of spec.connection. */
export const connectionCases: readonly Case[] = [
  {
    name: 'no spec',
    field: 'spec',
    rule: /Required value/,
    invalid: { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', metadata: { name: 'edge-1' } },
    twin: aCluster(),
  },
  {
    name: 'no connection',
    field: 'spec.connection',
    rule: /Required value/,
    invalid: aCluster({ connection: undefined }),
    twin: aCluster(),
  },
  ...[
    { sets: 'none', connection: {}, twin: { local: {} } },
    { sets: 'local agent', connection: { local: {}, agent: {} }, twin: { agent: {} } },
    {
      sets: 'local kubeconfig',
      connection: { local: {}, kubeconfig: { secretRef: { name: 'edge-1' } } },
      twin: { kubeconfig: { secretRef: { name: 'edge-1' } } },
    },
    {
      sets: 'local kubeconfig agent',
      connection: { local: {}, kubeconfig: { secretRef: { name: 'edge-1' } }, agent: {} },
      twin: { agent: { tokenTTL: '1h' } },
    },
  ].map(({ sets, connection, twin }) => ({
    name: `connection sets ${sets}`,
    field: 'spec.connection',
    value: sets,
    rule: /must set exactly one of local, kubeconfig and agent/,
    invalid: aCluster({ connection }),
    twin: aCluster({ connection: twin }),
  })),
  {
    name: 'a field in local',
    field: 'spec.connection.local.enabled',
    rule: /unknown field/,
    invalid: aCluster({ connection: { local: { enabled: true } } }),
    twin: aCluster({ connection: { local: {} } }),
  },
  {
    name: 'kubeconfig without secretRef',
    field: 'spec.connection.kubeconfig.secretRef',
    rule: /Required value/,
    invalid: aCluster({ connection: { kubeconfig: {} } }),
    twin: bySecret({ name: 'edge-1' }),
  },
  {
    name: 'secretRef without name',
    field: 'spec.connection.kubeconfig.secretRef.name',
    rule: /Required value/,
    invalid: bySecret({ key: 'kubeconfig' }),
    twin: bySecret({ name: 'edge-1', key: 'kubeconfig' }),
  },
  ...fieldCases(
    {
      field: 'spec.connection.kubeconfig.secretRef.name',
      rule: /must be the name of a Secret/,
      object: name => bySecret({ name }),
    },
    [
      ['', 'e'],
      ['Edge-1', 'edge-1'],
      ['edge_1', 'edge.1'],
      ['-edge', 'edge'],
      ['edge..1', 'edge.1'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.connection.kubeconfig.secretRef.key',
      rule: /must be a key of a Secret/,
      object: key => bySecret({ name: 'edge-1', key }),
    },
    [
      ['', 'value'],
      ['a/b', 'a.b'],
      ['..', '.a'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.connection.agent.tokenTTL',
      rule: /must be a Go duration without sign, .*from 10m to 720h/,
      object: tokenTTL => aCluster({ connection: { agent: { tokenTTL } } }),
    },
    [
      ['9m59s', '10m'],
      ['720h1s', '720h'],
      ['720.5h', '719.5h'],
      ['1d', '24h'],
      ['-1h', '1h'],
      ['+1h', '1h0m'],
      ['60', '60m'],
      ['', '3600s'],
      ['1 h', '1h'],
    ],
  ),
];
