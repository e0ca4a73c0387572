import { aProject, type Case, fieldCases } from './case.ts';

type Quantities = Readonly<Record<string, string | number>>;

const quota = (hard: Quantities, namespaceDefault: Quantities = hard) =>
  aProject({ resourceQuota: { hard, namespaceDefault } });

const pairing: Case[] = [
  {
    name: 'hard alone',
    field: 'spec.resourceQuota',
    value: 'namespaceDefault is missing',
    rule: /must both be set, or neither/,
    invalid: aProject({ resourceQuota: { hard: { pods: '10' } } }),
    twin: aProject({ resourceQuota: {} }),
  },
  {
    name: 'namespaceDefault alone',
    field: 'spec.resourceQuota',
    value: 'hard is missing',
    rule: /must both be set, or neither/,
    invalid: aProject({ resourceQuota: { namespaceDefault: { pods: '10' } } }),
    twin: quota({}),
  },
  {
    name: 'a key of hard that namespaceDefault lacks',
    field: 'spec.resourceQuota.namespaceDefault',
    value: '"secrets"',
    rule: /must have the same keys as hard/,
    invalid: quota({ pods: '10', secrets: '5' }, { pods: '10' }),
    twin: quota({ pods: '10', secrets: '5' }, { pods: '10', secrets: '0' }),
  },
  {
    name: 'a key of namespaceDefault that hard lacks',
    field: 'spec.resourceQuota.hard',
    value: '"secrets"',
    rule: /must have the same keys as namespaceDefault/,
    invalid: quota({ pods: '10' }, { pods: '10', secrets: '0' }),
    twin: quota({ pods: '10', secrets: '0' }),
  },
];

const sizes: Case[] = (
  [
    ['pods', '11', '10', 10],
    ['requests.cpu', '2001m', '2000m', '2'],
    ['limits.memory', '1025Mi', '1024Mi', '1Gi'],
    ['requests.storage', '1.1G', '1e9', '1G'],
  ] as const
).flatMap(([key, wrong, right, hard]) =>
  fieldCases(
    {
      field: `namespaceDefault[${key}]`,
      rule: new RegExp(`must be at most hard\\[${key}\\] "${hard}"`),
      object: value => quota({ secrets: 5, [key]: hard }, { secrets: 5, [key]: value }),
    },
    [[wrong, right]],
  ),
);

const QUANTITY = /must be a Kubernetes quantity that is not negative/;
const quantities: Case[] = [
  ...fieldCases<string | number>(
    {
      field: 'spec.resourceQuota.hard[requests.cpu]',
      rule: QUANTITY,
      object: value => quota({ 'requests.cpu': value }),
    },
    [
      ['-1m', '1m'],
      [-1, 0],
      ['ten', '10'],
      ['1.5x', '1.5'],
    ],
  ),
  ...fieldCases<string | number>(
    {
      field: 'spec.resourceQuota.namespaceDefault[requests.cpu]',
      rule: QUANTITY,
      object: value => quota({ 'requests.cpu': '1Ei' }, { 'requests.cpu': value }),
    },
    [
      ['-1m', '1m'],
      [-1, 0],
      ['', '0'],
      ['1 k', '1k'],
      ['1KB', '1Ki'],
    ],
  ),
];

const keys: Case[] = fieldCases(
  {
    field: 'spec.resourceQuota.hard',
    rule: /must be a ResourceQuota key that Kubernetes knows/,
    object: key => quota({ pods: 1, [key]: '1' }),
  },
  [
    ['pod', 'pods'],
    ['CPU', 'cpu'],
    ['disk', 'ephemeral-storage'],
    ['requests.disk', 'requests.ephemeral-storage'],
    ['limits.storage', 'requests.storage'],
    ['limits.pods', 'limits.cpu'],
    ['services.clusterips', 'services.loadbalancers'],
    ['service', 'services.nodeports'],
    ['deployments.apps', 'count/deployments.apps'],
    ['count/', 'count/secrets'],
    ['hugepages', 'hugepages-2Mi'],
    ['limits.hugepages-2Mi', 'requests.hugepages-1Gi'],
    ['gpu', 'requests.example.com/gpu'],
    ['example.com/a/b', 'example.com/a'],
    ['Example.com/gpu', 'example.com/GPU'],
    ['gold.storageclass/', 'gold.storageclass.storage.k8s.io/requests.storage'],
    ['namespaces', 'resourcequotas'],
    ['pods ', 'persistentvolumeclaims'],
  ],
);

const counts: Case[] = ['pods', 'services.loadbalancers', 'count/jobs.batch', 'example.com/gpu'].flatMap(key =>
  fieldCases(
    {
      field: `[${key}]`,
      rule: /must be a whole number/,
      object: value => quota({ [key]: '2' }, { [key]: value }),
    },
    [
      ['1.5', '1'],
      ['500m', '0'],
    ],
  ),
);

/** Cases of spec.resourceQuota. */
export const quotaCases: readonly Case[] = [
  ...pairing,
  ...sizes,
  ...quantities,
  ...keys,
  ...counts,
  ...fieldCases(
    { field: 'spec.resourceQuota.hard', rule: /must be a whole number/, object: pods => quota({ pods }, { pods: 1 }) },
    [['1.5', '2']],
  ),
];
