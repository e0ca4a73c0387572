import { aCluster, type Case, fieldCases } from './case.ts';
import { connectionCases } from './connection.cases.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const byHeartbeat = (heartbeat: unknown) => aCluster({ heartbeat });
const byEndpoint = (endpoint: unknown) => aCluster({ endpoint });

const names: Case[] = [
  ...fieldCases(
    {
      field: 'metadata.name',
      rule: /at most 29 characters/,
      object: name => aCluster({}, name),
    },
    [['a'.repeat(30), 'a'.repeat(29)]],
  ),
  ...fieldCases({ field: 'metadata.name', rule: /DNS label/, object: name => aCluster({}, name) }, [
    ['edge.1', 'edge-1'],
    ['1.2', '12'],
  ]),
  ...fieldCases({ field: 'metadata.name', rule: /must not contain "--"/, object: name => aCluster({}, name) }, [
    ['edge--1', 'edge-1'],
  ]),
];

const endpoints: Case[] = [
  {
    name: 'endpoint without url',
    field: 'spec.endpoint.url',
    rule: /Required value/,
    invalid: byEndpoint({ caBundle: base64(PEM) }),
    twin: byEndpoint({ caBundle: base64(PEM), url: 'https://edge-1.example.com' }),
  },
  ...fieldCases(
    { field: 'spec.endpoint.url', rule: /must be an https URL with a host/, object: url => byEndpoint({ url }) },
    [
      ['http://edge-1.example.com', 'https://edge-1.example.com'],
      ['edge-1.example.com:6443', 'https://edge-1.example.com:6443'],
      ['https://', 'https://e'],
      ['https://:6443', 'https://[::1]:6443'],
      ['https://me:pw@edge-1.example.com', 'https://edge-1.example.com/'],
      ['https://edge-1.example.com?a=b', 'https://edge-1.example.com/k8s/clusters/c-1'],
      ['https://edge-1.example.com/#a', 'https://10.0.0.1'],
      ['', 'https://edge-1'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.endpoint.caBundle',
      rule: /base64, on one line, of a PEM bundle with at least one CERTIFICATE block/,
      object: caBundle => byEndpoint({ url: 'https://edge-1.example.com', caBundle }),
    },
    [
      ['-----BEGIN CERTIFICATE-----', base64('-----BEGIN CERTIFICATE-----')],
      [base64('hello'), base64(PEM)],
      [base64('-----BEGIN RSA PRIV-----'), base64(`#\n${PEM}`)],
      ['LS0t%', base64(`##\n${PEM}`)],
      ['/+aa', base64(`# who? me > you ~\n${PEM}`)],
    ],
  ),
  {
    name: 'endpoint with caBundle and systemRoots',
    field: 'spec.endpoint.systemRoots',
    value: 'true',
    rule: /caBundle exclude one another/,
    invalid: byEndpoint({ url: 'https://edge-1.example.com', caBundle: base64(PEM), systemRoots: true }),
    twin: byEndpoint({ url: 'https://edge-1.example.com', caBundle: base64(PEM), systemRoots: false }),
  },
  {
    name: 'endpoint with systemRoots that is no boolean',
    field: 'spec.endpoint.systemRoots',
    rule: /must be of type boolean/,
    invalid: byEndpoint({ url: 'https://edge-1.example.com', systemRoots: 'yes' }),
    twin: byEndpoint({ url: 'https://edge-1.example.com', systemRoots: true }),
  },
];

const heartbeats: Case[] = [
  ...fieldCases(
    {
      field: 'spec.heartbeat.interval',
      rule: /must be a Go duration without sign, .*from 2s to 10m/,
      object: interval => byHeartbeat({ interval, timeout: '10m' }),
    },
    [
      ['1999ms', '2s'],
      ['5', '5s'],
      ['-5s', '5s'],
      ['5 s', '5.5s'],
      ['', '5m'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.heartbeat.timeout',
      rule: /must be a Go duration without sign, .*from 2s to 10m/,
      object: timeout => byHeartbeat({ interval: '5s', timeout }),
    },
    [
      ['10m1s', '10m'],
      ['1h', '600s'],
      ['15', '15s'],
      ['-15s', '1m15s'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.heartbeat.timeout',
      rule: /must be at least 2 × spec.heartbeat.interval "5s"/,
      object: timeout => byHeartbeat({ timeout }),
    },
    [
      ['9s', '10s'],
      ['9999ms', '10000ms'],
    ],
  ),
  {
    name: 'heartbeat interval that the default timeout does not fit',
    field: 'spec.heartbeat.timeout',
    value: '15s',
    rule: /must be at least 2 × spec.heartbeat.interval "7501ms"/,
    invalid: byHeartbeat({ interval: '7501ms' }),
    twin: byHeartbeat({ interval: '7.5s' }),
  },
  {
    name: 'heartbeat timeout under twice the interval',
    field: 'spec.heartbeat.timeout',
    value: '1m59s',
    rule: /must be at least 2 × spec.heartbeat.interval "1m"/,
    invalid: byHeartbeat({ interval: '1m', timeout: '1m59s' }),
    twin: byHeartbeat({ interval: '1m', timeout: '2m' }),
  },
];

const policies: Case[] = [
  ...fieldCases(
    {
      field: 'spec.deletionPolicy',
      rule: /supported values: "Clean", "Orphan"/,
      object: deletionPolicy => aCluster({ deletionPolicy }),
    },
    [
      ['Delete', 'Clean'],
      ['orphan', 'Orphan'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.cleanupTimeout',
      rule: /must be a Go duration without sign, .*of at least 10s/,
      object: cleanupTimeout => aCluster({ cleanupTimeout }),
    },
    [
      ['9s', '10s'],
      ['9999ms', '10000ms'],
      ['0', '1h30m'],
      ['-5m', '5m'],
      ['5min', '5m'],
    ],
  ),
  {
    name: 'defaultProjects that is no boolean',
    field: 'spec.defaultProjects',
    value: '"string"',
    rule: /must be of type boolean/,
    invalid: aCluster({ defaultProjects: 'yes' }),
    twin: aCluster({ defaultProjects: false }),
  },
  {
    name: 'displayName past 256 bytes',
    field: 'spec.displayName',
    rule: /may not be more than 256 bytes/,
    invalid: aCluster({ displayName: 'a'.repeat(257) }),
    twin: aCluster({ displayName: 'a'.repeat(256) }),
  },
  {
    name: 'a field that does not exist',
    field: 'spec.displayname',
    rule: /unknown field/,
    invalid: aCluster({ displayname: 'Edge' }),
    twin: aCluster({ displayName: 'Edge' }),
  },
];

export const clusterCases: readonly Case[] = [...names, ...connectionCases, ...endpoints, ...heartbeats, ...policies];
