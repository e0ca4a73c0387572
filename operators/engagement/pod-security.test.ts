import { describe, expect, test } from '@jest/globals';
import type { ProjectSpec } from '#api';
import { hasPodSecurity, podSecurityLabels, podSecurityOf, stricterThan } from './pod-security.ts';

describe('the labels of pod security', () => {
  test.each<[string, ProjectSpec['podSecurity'], Record<string, string>]>([
    ['nothing said', undefined, {}],
    ['a version alone', { version: 'v1.34' }, {}],
    [
      'each level with its version',
      { enforce: 'baseline', warn: 'restricted', version: 'v1.34' },
      {
        'pod-security.kubernetes.io/enforce': 'baseline',
        'pod-security.kubernetes.io/enforce-version': 'v1.34',
        'pod-security.kubernetes.io/warn': 'restricted',
        'pod-security.kubernetes.io/warn-version': 'v1.34',
      },
    ],
    [
      'the latest',
      { audit: 'privileged' },
      {
        'pod-security.kubernetes.io/audit': 'privileged',
        'pod-security.kubernetes.io/audit-version': 'latest',
      },
    ],
  ])('%s', (_what, podSecurity, labels) => {
    expect(podSecurityLabels(podSecurity === undefined ? {} : { podSecurity })).toEqual(labels);
  });
});

test.each([
  ['asked for none', {}, {}, true],
  ['has it', { podSecurity: { enforce: 'baseline' } }, { enforce: 'baseline', 'enforce-version': 'latest' }, true],
  [
    'has more',
    { podSecurity: { warn: 'restricted' } },
    { enforce: 'baseline', warn: 'restricted', 'warn-version': 'latest' },
    true,
  ],
  ['has none', { podSecurity: { enforce: 'baseline' } }, {}, false],
  [
    'has another',
    { podSecurity: { enforce: 'baseline' } },
    { enforce: 'privileged', 'enforce-version': 'latest' },
    false,
  ],
  ['lacks the version', { podSecurity: { enforce: 'baseline' } }, { enforce: 'baseline' }, false],
] satisfies [string, ProjectSpec, Record<string, string>, boolean][])(
  'a namespace that %s',
  (_what, spec, labels, has) => {
    const own = Object.fromEntries(
      Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
    );
    const namespace = { metadata: { name: 'a', labels: { ...own, team: 'blue' } } };
    expect(hasPodSecurity(namespace, spec)).toBe(has);
    expect(podSecurityOf(namespace)).toEqual(own);
  },
);

test.each<[string, ProjectSpec['podSecurity'], ProjectSpec['podSecurity'], boolean]>([
  ['restricted to baseline', { enforce: 'restricted' }, { enforce: 'baseline' }, true],
  ['baseline to restricted', { enforce: 'baseline' }, { enforce: 'restricted' }, false],
  ['baseline to itself', { enforce: 'baseline' }, { enforce: 'baseline' }, false],
  ['baseline to nothing', { enforce: 'baseline' }, undefined, true],
  ['baseline to warnings', { enforce: 'baseline' }, { warn: 'restricted' }, true],
  ['baseline to another version', { enforce: 'baseline' }, { enforce: 'baseline', version: 'v1.20' }, true],
  [
    'baseline to restricted of another version',
    { enforce: 'baseline' },
    { enforce: 'restricted', version: 'v1.20' },
    true,
  ],
  ['privileged to nothing', { enforce: 'privileged' }, undefined, false],
  ['warnings to nothing', { warn: 'restricted' }, undefined, false],
  ['nothing to baseline', undefined, { enforce: 'baseline' }, false],
])('pod security may let through more: %s', (_what, before, after, isStricter) => {
  const [had, gets] = [before, after].map(podSecurity => podSecurityLabels(podSecurity ? { podSecurity } : {}));
  const own = {
    'pod-security.kubernetes.io/enforce': before?.enforce,
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  expect(stricterThan(had ?? {}, gets ?? {})).toEqual(isStricter ? own : {});
});
