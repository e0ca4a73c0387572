import { aProject, type Case, fieldCases } from './case.ts';
import { isolationCases } from './isolation.cases.ts';
import { namespaceCases } from './namespace.cases.ts';
import { quotaCases } from './quota.cases.ts';
import { systemCases } from './system.cases.ts';

const names: Case[] = [
  ...fieldCases({ field: 'metadata.name', rule: /at most 30 characters/, object: name => aProject({}, name) }, [
    ['a'.repeat(31), 'a'.repeat(30)],
  ]),
  ...fieldCases({ field: 'metadata.name', rule: /DNS label/, object: name => aProject({}, name) }, [['a.b', 'a-b']]),
  ...fieldCases({ field: 'metadata.name', rule: /must not contain "--"/, object: name => aProject({}, name) }, [
    ['a--b', 'a-b'],
  ]),
  ...fieldCases({ field: 'metadata.name', rule: /must not be "any"/, object: name => aProject({}, name) }, [
    ['any', 'any-1'],
  ]),
  {
    name: 'displayName past 256 bytes',
    field: 'spec.displayName',
    rule: /may not be more than 256 bytes/,
    invalid: aProject({ displayName: 'a'.repeat(257) }),
    twin: aProject({ displayName: 'a'.repeat(256) }),
  },
  {
    name: 'description past 4096 bytes',
    field: 'spec.description',
    rule: /may not be more than 4096 bytes/,
    invalid: aProject({ description: 'a'.repeat(4097) }),
    twin: aProject({ description: 'a'.repeat(4096) }),
  },
  {
    name: 'a field that does not exist',
    field: 'spec.quota',
    rule: /unknown field/,
    invalid: aProject({ quota: {} }),
    twin: aProject({ resourceQuota: {} }),
  },
];

const containers: Case[] = [
  ...(['cpu', 'memory'] as const).flatMap(resource =>
    (['requests', 'limits'] as const).flatMap(side =>
      fieldCases<string | number>(
        {
          field: `spec.containerDefaults.${side}.${resource}`,
          rule: /must be a Kubernetes quantity that is not negative/,
          object: value => aProject({ containerDefaults: { [side]: { [resource]: value } } }),
        },
        [
          ['-1', '0'],
          ['1x', '1k'],
          [-1, 1],
        ],
      ),
    ),
  ),
  ...fieldCases<string | number>(
    {
      field: 'requests.cpu',
      rule: /must be at most limits\.cpu "500m"/,
      object: cpu => aProject({ containerDefaults: { requests: { cpu }, limits: { cpu: '500m' } } }),
    },
    [
      ['501m', '500m'],
      [1, '0.5'],
    ],
  ),
  ...fieldCases(
    {
      field: 'requests.memory',
      rule: /must be at most limits\.memory "1Gi"/,
      object: memory => aProject({ containerDefaults: { requests: { memory }, limits: { memory: '1Gi' } } }),
    },
    [
      ['1025Mi', '1024Mi'],
      ['1.1G', '1G'],
    ],
  ),
  {
    name: 'containerDefaults of something else',
    field: 'spec.containerDefaults.requests.disk',
    rule: /unknown field/,
    invalid: aProject({ containerDefaults: { requests: { disk: '1Gi' } } }),
    twin: aProject({ containerDefaults: { requests: { memory: '1Gi' } } }),
  },
];

const deletion = fieldCases(
  {
    field: 'spec.deletionPolicy',
    rule: /supported values: "Retain", "Delete"/,
    object: deletionPolicy => aProject({ deletionPolicy }),
  },
  [
    ['Orphan', 'Retain'],
    ['delete', 'Delete'],
  ],
);

export const projectCases: readonly Case[] = [
  ...names,
  ...quotaCases,
  ...containers,
  ...isolationCases,
  ...namespaceCases,
  ...systemCases,
  ...deletion,
];
