import { describe, expect, test } from '@jest/globals';
import type { QuotaFigures } from './kinds.ts';
import { textOf } from './quota-share.ts';
import { excessOf, uncountedOf, usedOf } from './quota-used.ts';

const figures = (used: Record<string, string>, ...enforced: string[]): QuotaFigures => ({
  hard: {},
  enforced: Object.fromEntries(enforced.map(key => [key, '10'])),
  used,
});
const KEYS = ['pods', 'count/deploymnts.apps'];

describe('keys that a cluster does not count', () => {
  test.each<[string, QuotaFigures[], string[]]>([
    ['none without a ResourceQuota', [], []],
    ['none before the controller has seen one', [figures({})], []],
    ['those that are enforced and never used', [figures({ pods: '1' }, ...KEYS)], ['count/deploymnts.apps']],
    [
      'none that are used anywhere',
      [figures({}, ...KEYS), figures({ pods: '0', 'count/deploymnts.apps': '0' }, ...KEYS)],
      [],
    ],
    ['none of which only the older ResourceQuotas know nothing', [figures({ pods: '1' }, 'pods')], []],
    ['no names of every object', [figures({ pods: '1' }, 'pods', 'constructor')], []],
  ])('are %s', (_, all, keys) => {
    expect(uncountedOf(all, KEYS)).toEqual(keys);
  });
});

test('what is used is read key by key: what is no quantity hides no other', () => {
  const used = usedOf(figures({ pods: '3', 'requests.cpu': 'much', secrets: '9'.repeat(60), memory: '1Gi' }));
  expect(textOf(used)).toEqual({ memory: '1Gi', pods: '3' });
});

test('what is used beyond a ResourceQuota is counted for the keys that it has', () => {
  const excess = excessOf({
    hard: { pods: '2', secrets: '9', services: 'many' },
    used: { pods: '5', secrets: '9', services: '4', configmaps: '7' },
  });
  expect(textOf(excess)).toEqual({ pods: '3' });
});
