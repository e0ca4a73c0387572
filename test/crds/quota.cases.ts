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
    ['requests.example.com/a/b', 'requests.example.com/a'],
    ['requests.Example.com/gpu', 'requests.example.com/GPU'],
    ['gold.storageclass/', 'gold.storageclass.storage.k8s.io/requests.storage'],
    ['namespaces', 'replicationcontrollers'],
    ['requests.', 'requests.nvidia.com/gpu'],
    ['count/deployments.', 'count/deployments.apps'],
    ['pods ', 'persistentvolumeclaims'],
  ],
);

/** Keys that Kubernetes takes and never counts, beside those that it counts. */
const uncounted: Case[] = (
  [
    ['nvidia.com/gpu', 'requests.nvidia.com/gpu', /write "requests\.nvidia\.com\/gpu" for an extended resource/],
    ['limits.nvidia.com/gpu', 'requests.nvidia.com/gpu', /write "requests\.nvidia\.com\/gpu", since/],
    ['foo.bar/pods', 'count/pods.foo.bar', /or "count\/pods\.foo\.bar" for a number of objects/],
    ['count/deployments', 'count/deployments.apps', /write "count\/deployments\.apps"/],
    ['count/jobs', 'count/jobs.batch', /write "count\/jobs\.batch"/],
    ['count/ingresses', 'count/ingresses.networking.k8s.io', /write "count\/ingresses\.networking\.k8s\.io"/],
    ['count/widgets', 'count/widgets.example.com', /write "count\/widgets\.<group>"/],
    ['count/events', 'count/services', /write "count\/events\.<group>"/],
    [
      'gold.storageclass.storage.k8s.io/pods',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims',
      /never counted/,
    ],
    ['gpu.deviceclass.resource.k8s.io/pods', 'gpu.deviceclass.resource.k8s.io/devices', /never counted/],
  ] as const
).map(([wrong, right, spelling]) => ({
  name: `spec.resourceQuota.hard ${wrong}, which is never counted, not ${right}`,
  field: 'spec.resourceQuota.hard',
  value: wrong,
  rule: new RegExp(`is never counted by Kubernetes.*${spelling.source}|${spelling.source}`),
  invalid: quota({ pods: 1, [wrong]: '1' }),
  twin: quota({ pods: 1, [right]: '1' }),
}));

const ours: Case[] = fieldCases(
  {
    field: 'spec.resourceQuota.hard',
    rule: /must not be limited: Paddock keeps objects of this kind in every namespace/,
    object: key => quota({ pods: 1, [key]: '1' }),
  },
  [
    ['resourcequotas', 'secrets'],
    ['count/resourcequotas', 'count/secrets'],
    ['count/limitranges', 'count/configmaps'],
    ['count/networkpolicies.networking.k8s.io', 'count/ingresses.networking.k8s.io'],
    ['count/rolebindings.rbac.authorization.k8s.io', 'count/roles.rbac.authorization.k8s.io'],
  ],
);

const counts: Case[] = ['pods', 'services.loadbalancers', 'count/jobs.batch'].flatMap(key =>
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
  ...uncounted,
  ...ours,
  ...counts,
  ...fieldCases(
    { field: 'spec.resourceQuota.hard', rule: /must be a whole number/, object: pods => quota({ pods }, { pods: 1 }) },
    [['1.5', '2']],
  ),
];
