import { aProject, type Case, fieldCases } from './case.ts';

const allowFrom = (...sources: readonly unknown[]) =>
  aProject({ networkIsolation: { enabled: true, allowFrom: sources } });
const selector = (namespaceSelector: unknown) => allowFrom({ namespaceSelector });
const expression = (requirement: unknown) => selector({ matchExpressions: [requirement] });

const isolation: Case[] = [
  ...[
    { sets: 'none', source: {}, twin: { namespaceSelector: {} } },
    { sets: 'project cidr', source: { project: 'shared', cidr: '10.0.0.0/8' }, twin: { project: 'shared' } },
    {
      sets: 'project namespaceSelector',
      source: { project: 'shared', namespaceSelector: {} },
      twin: { namespaceSelector: { matchLabels: { a: 'b' } } },
    },
    {
      sets: 'project namespaceSelector cidr',
      source: { project: 'shared', namespaceSelector: {}, cidr: '10.0.0.0/8' },
      twin: { cidr: '10.0.0.0/8' },
    },
  ].map(({ sets, source, twin }) => ({
    name: `allowFrom sets ${sets}`,
    field: 'spec.networkIsolation.allowFrom[1]',
    value: sets,
    rule: /must set exactly one of project, namespaceSelector and cidr/,
    invalid: allowFrom({ project: 'first' }, source),
    twin: allowFrom({ project: 'first' }, twin),
  })),
  ...fieldCases(
    {
      field: 'spec.networkIsolation.allowFrom[0].project',
      rule: /must be the name of a Project/,
      object: project => allowFrom({ project }),
    },
    [
      ['', 'a'],
      ['Shared', 'shared'],
      ['a--b', 'a-b'],
      ['a'.repeat(31), 'a'.repeat(30)],
      ['a.b', 'a-b'],
    ],
  ),
  ...fieldCases(
    {
      field: 'spec.networkIsolation.allowFrom[0].cidr',
      rule: /must be a CIDR/,
      object: cidr => allowFrom({ cidr }),
    },
    [
      ['10.0.0.0', '10.0.0.0/32'],
      ['10.0.0.0/33', '10.0.0.0/0'],
      ['10.0.0/8', '10.0.0.0/8'],
      ['256.0.0.0/8', '255.0.0.0/8'],
      ['fd00::/129', 'fd00::/8'],
      ['', '::/0'],
    ],
  ),
  {
    name: 'more than 64 sources',
    field: 'spec.networkIsolation.allowFrom',
    value: '65',
    rule: /must have at most 64 items/,
    invalid: allowFrom(...Array.from({ length: 65 }, () => ({ project: 'shared' }))),
    twin: allowFrom(...Array.from({ length: 64 }, () => ({ project: 'shared' }))),
  },
  {
    name: 'enabled that is no boolean',
    field: 'spec.networkIsolation.enabled',
    value: '"string"',
    rule: /must be of type boolean/,
    invalid: aProject({ networkIsolation: { enabled: 'true' } }),
    twin: aProject({ networkIsolation: { enabled: true } }),
  },
];

const at = 'spec.networkIsolation.allowFrom[0].namespaceSelector';
const selectors: Case[] = [
  ...fieldCases(
    {
      field: `${at}.matchLabels`,
      rule: /must be a label key/,
      object: key => selector({ matchLabels: { [key]: 'a' } }),
    },
    [
      ['a b', 'a_b'],
      ['a/b/c', 'a/b'],
    ],
  ),
  ...fieldCases(
    {
      field: `${at}.matchLabels[team]`,
      rule: /must be a label value/,
      object: team => selector({ matchLabels: { team } }),
    },
    [
      ['a b', 'a_b'],
      ['a'.repeat(64), 'a'.repeat(63)],
      ['-a', ''],
    ],
  ),
  ...fieldCases(
    {
      field: `${at}.matchExpressions[0].operator`,
      rule: /supported values: "In", "NotIn", "Exists", "DoesNotExist"/,
      object: operator => expression({ key: 'a', operator }),
    },
    [['Has', 'Exists']],
  ),
  {
    name: 'In without values',
    field: `${at}.matchExpressions[0]`,
    value: '"In"',
    rule: /values must not be empty where operator is/,
    invalid: expression({ key: 'a', operator: 'In' }),
    twin: expression({ key: 'a', operator: 'In', values: ['b'] }),
  },
  {
    name: 'Exists with values',
    field: `${at}.matchExpressions[0]`,
    value: '"Exists"',
    rule: /values must be empty where operator is/,
    invalid: expression({ key: 'a', operator: 'Exists', values: ['b'] }),
    twin: expression({ key: 'a', operator: 'Exists' }),
  },
  ...fieldCases(
    {
      field: `${at}.matchExpressions[0].key`,
      rule: /must be a label key/,
      object: key => expression({ key, operator: 'Exists' }),
    },
    [
      ['', 'a'],
      ['A.b/c', 'a.b/c'],
    ],
  ),
  ...fieldCases(
    {
      field: `${at}.matchExpressions[0].values[0]`,
      rule: /must be a label value/,
      object: value => expression({ key: 'a', operator: 'NotIn', values: [value] }),
    },
    [['a/b', 'a.b']],
  ),
];

/** Cases of spec.networkIsolation. */
export const isolationCases: readonly Case[] = [...isolation, ...selectors];
