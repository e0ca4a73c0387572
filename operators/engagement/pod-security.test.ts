import { describe, expect, test } from '@jest/globals';
import type { ProjectSpec } from '#api';
import {
  compareLevels,
  hasPodSecurity,
  type LevelVersion,
  podSecurityOf,
  policyInForce,
  policyOfLabels,
  policyOfSpec,
  strictest,
} from './pod-security.ts';

const labels = (suffixes: Record<string, string>) =>
  Object.fromEntries(Object.entries(suffixes).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]));

describe('the policy that labels mean', () => {
  test.each<[string, Record<string, string>, object]>([
    ['none', {}, {}],
    ['a level', { enforce: 'baseline' }, { enforce: { level: 'baseline' } }],
    [
      'each mode with its version',
      { enforce: 'baseline', 'enforce-version': 'v1.34', warn: 'restricted', 'warn-version': 'latest' },
      { enforce: { level: 'baseline', version: 'v1.34' }, warn: { level: 'restricted', version: 'latest' } },
    ],
    ['a version alone', { 'enforce-version': 'v1.34' }, {}],
    // as k8s.io/pod-security-admission evaluates them
    ['an unknown level of enforce', { enforce: 'strong' }, { enforce: { level: 'restricted' } }],
    ['unknown levels of audit and warn', { audit: 'strong', warn: '' }, {}],
    [
      'an unknown version',
      { enforce: 'baseline', 'enforce-version': '1.34' },
      { enforce: { level: 'baseline', version: 'latest' } },
    ],
  ])('%s', (_what, suffixes, policy) => {
    expect(policyOfLabels({ ...labels(suffixes), team: 'blue' })).toEqual(policy);
  });
});

test.each<[ProjectSpec['podSecurity'], object]>([
  [undefined, {}],
  [{ version: 'v1.34' }, {}],
  [
    { enforce: 'baseline', warn: 'restricted', version: 'v1.34' },
    { enforce: { level: 'baseline', version: 'v1.34' }, warn: { level: 'restricted', version: 'v1.34' } },
  ],
  [{ audit: 'privileged' }, { audit: { level: 'privileged' } }],
])('a Project with podSecurity %j', (podSecurity, policy) => {
  expect(policyOfSpec(podSecurity ? { podSecurity } : {})).toEqual(policy);
});

describe('of two levels the stricter one', () => {
  const at = (text: string): LevelVersion | undefined => {
    const [level = '', version] = text.split('@');
    return text === '' ? undefined : ({ level, ...(version ? { version } : {}) } as LevelVersion);
  };
  test.each([
    ['restricted', 'baseline'],
    ['baseline', 'privileged'],
    ['privileged', ''],
    ['restricted@v1.20', 'baseline@latest'],
    ['baseline@latest', 'baseline@v1.34'],
    ['baseline', 'baseline@v1.34'],
    ['baseline@v1.34', 'baseline@v1.9'],
  ])('is %s of "%s"', (stricter, other) => {
    expect(compareLevels(at(stricter), at(other))).toBeGreaterThan(0);
    expect(compareLevels(at(other), at(stricter))).toBeLessThan(0);
  });

  test.each([
    ['baseline', 'baseline@latest'],
    ['', ''],
    ['restricted@v1.30', 'restricted@v1.30'],
  ])('is none: "%s" and "%s" are equal', (a, b) => {
    expect(compareLevels(at(a), at(b))).toBe(0);
  });
});

test('the strictest of several, mode by mode', () => {
  const one = policyOfLabels(labels({ enforce: 'baseline', audit: 'restricted' }));
  const other = policyOfLabels(labels({ enforce: 'restricted', 'enforce-version': 'v1.30', audit: 'baseline' }));
  expect(strictest(one, {}, other)).toEqual(
    policyOfLabels(labels({ enforce: 'restricted', 'enforce-version': 'v1.30', audit: 'restricted' })),
  );
});

describe('the policy in force', () => {
  test.each<[string, Record<string, string>, ProjectSpec['podSecurity'], Record<string, string>]>([
    ['neither asks for any', {}, undefined, {}],
    ['its own alone', { enforce: 'baseline' }, undefined, { enforce: 'baseline' }],
    ['the Project alone', {}, { enforce: 'baseline' }, { enforce: 'baseline', 'enforce-version': 'latest' }],
    [
      'its own is stricter, and keeps its version',
      { enforce: 'restricted', 'enforce-version': 'v1.30' },
      { enforce: 'baseline', version: 'v1.34' },
      { enforce: 'restricted', 'enforce-version': 'v1.30' },
    ],
    [
      'the Project is stricter, and brings its version',
      { enforce: 'baseline', 'enforce-version': 'v1.34' },
      { enforce: 'restricted', version: 'v1.30' },
      { enforce: 'restricted', 'enforce-version': 'v1.30' },
    ],
    [
      'equal, and the Project names a version',
      { enforce: 'baseline', 'enforce-version': 'v1.34' },
      { enforce: 'baseline', version: 'v1.30' },
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
    ],
    [
      'equal, and the Project names none',
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
      { enforce: 'baseline' },
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
    ],
    [
      'each mode for itself',
      { enforce: 'restricted', audit: 'privileged' },
      { enforce: 'baseline', audit: 'baseline', warn: 'restricted', version: 'v1.34' },
      {
        enforce: 'restricted',
        audit: 'baseline',
        'audit-version': 'v1.34',
        warn: 'restricted',
        'warn-version': 'v1.34',
      },
    ],
    [
      'privileged is stricter than nothing',
      {},
      { warn: 'privileged' },
      { warn: 'privileged', 'warn-version': 'latest' },
    ],
  ])('%s', (_what, own, podSecurity, inForce) => {
    const policy = policyInForce(policyOfLabels(labels(own)), policyOfSpec(podSecurity ? { podSecurity } : {}));
    expect(policy).toEqual(policyOfLabels(labels(inForce)));
  });
});

test.each([
  ['asked for none', {}, {}, true],
  ['has it', { podSecurity: { enforce: 'baseline' } }, { enforce: 'baseline', 'enforce-version': 'latest' }, true],
  [
    'has it of the latest by default',
    { podSecurity: { enforce: 'baseline', version: 'latest' } },
    { enforce: 'baseline' },
    true,
  ],
  [
    'has a version of its own, as the Project names none',
    { podSecurity: { enforce: 'baseline' } },
    { enforce: 'baseline', 'enforce-version': 'v1.30' },
    true,
  ],
  [
    'is stricter',
    { podSecurity: { enforce: 'baseline' } },
    { enforce: 'restricted', 'enforce-version': 'v1.20' },
    true,
  ],
  ['has more', { podSecurity: { warn: 'restricted' } }, { enforce: 'baseline', warn: 'restricted' }, true],
  ['has none', { podSecurity: { enforce: 'baseline' } }, {}, false],
  ['is less strict', { podSecurity: { enforce: 'baseline' } }, { enforce: 'privileged' }, false],
  [
    'has another version',
    { podSecurity: { enforce: 'baseline', version: 'v1.34' } },
    { enforce: 'baseline', 'enforce-version': 'v1.20' },
    false,
  ],
] satisfies [string, ProjectSpec, Record<string, string>, boolean][])(
  'a namespace that %s',
  (_what, spec, own, has) => {
    const namespace = { metadata: { name: 'a', labels: { ...labels(own), team: 'blue' } } };
    expect(hasPodSecurity(namespace, spec)).toBe(has);
    expect(podSecurityOf(namespace)).toEqual(labels(own));
  },
);
