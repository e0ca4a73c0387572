import { aProject, type Case, fieldCases } from './case.ts';

const LEVELS = /supported values: "privileged", "baseline", "restricted"/;
const podSecurity: Case[] = [
  ...(['enforce', 'audit', 'warn'] as const).flatMap(mode =>
    fieldCases(
      {
        field: `spec.podSecurity.${mode}`,
        rule: LEVELS,
        object: level => aProject({ podSecurity: { [mode]: level } }),
      },
      [
        ['Baseline', 'baseline'],
        ['none', 'privileged'],
        ['', 'restricted'],
      ],
    ),
  ),
  ...fieldCases(
    {
      field: 'spec.podSecurity.version',
      rule: /must be latest or a minor version of Kubernetes/,
      object: version => aProject({ podSecurity: { enforce: 'baseline', version } }),
    },
    [
      ['v1', 'v1.0'],
      ['1.34', 'v1.34'],
      ['v1.34.4', 'v1.4'],
      ['v1.034', 'v1.30'],
      ['Latest', 'latest'],
      ['v2.1', 'v1.1'],
    ],
  ),
];

const namespaceMetadata: Case[] = (['namespaceLabels', 'namespaceAnnotations'] as const).flatMap(field => [
  ...fieldCases(
    {
      field: `spec.${field}`,
      rule: /is reserved: kubernetes\.io\/, pod-security\.kubernetes\.io\/, paddock\.dev\//,
      object: key => aProject({ [field]: { ok: 'a', [key]: 'a' } }),
    },
    [
      ['kubernetes.io/metadata.name', 'example.com/metadata.name'],
      ['pod-security.kubernetes.io/enforce', 'security.kubernetes.io/enforce'],
      ['paddock.dev/project', 'paddock.example.com/project'],
      ['paddock.dev/x', 'paddock.dev.example.com/x'],
      ['app.kubernetes.io/managed-by', 'app.kubernetes.io/part-of'],
    ],
  ),
  ...fieldCases(
    {
      field: `spec.${field}`,
      rule: /must be an? (label|annotation) key/,
      object: key => aProject({ [field]: { [key]: 'a' } }),
    },
    [
      ['a b', 'a.b'],
      ['a/b/c', 'a/b'],
      ['-a', 'a'],
      ['a'.repeat(64), 'a'.repeat(63)],
      ['Example.com/a', 'example.com/A'],
      ['/a', 'a/a'],
    ],
  ),
]);

const metadataValues: Case[] = [
  ...fieldCases(
    {
      field: 'spec.namespaceLabels[team]',
      rule: /must be a label value/,
      object: team => aProject({ namespaceLabels: { team } }),
    },
    [
      ['a b', 'a_b'],
      ['a'.repeat(64), 'a'.repeat(63)],
      ['.a', ''],
    ],
  ),
  {
    name: 'an annotation past 4096 bytes',
    field: 'spec.namespaceAnnotations.note',
    rule: /may not be more than 4096 bytes/,
    invalid: aProject({ namespaceAnnotations: { note: 'ä b'.padEnd(4097, '.') } }),
    twin: aProject({ namespaceAnnotations: { note: 'ä b'.padEnd(4095, '.') } }),
  },
];

/** Cases of what a Project keeps on its namespaces: pod security, labels and annotations. */
export const namespaceCases: readonly Case[] = [...podSecurity, ...namespaceMetadata, ...metadataValues];
