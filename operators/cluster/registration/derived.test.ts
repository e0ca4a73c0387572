import { describe, expect, test } from '@jest/globals';
import { covers } from './derived.ts';

const WANTED = {
  metadata: { name: 'agent', labels: { a: '1' } },
  rules: [{ apiGroups: [''], verbs: ['get', 'list'] }],
};

describe('what is there covers what is wanted', () => {
  test.each([
    ['it is the same', WANTED, true],
    [
      'others added labels and fields',
      { ...WANTED, metadata: { ...WANTED.metadata, uid: 'u', labels: { a: '1', b: '2' } } },
      true,
    ],
    ['a label was changed', { ...WANTED, metadata: { name: 'agent', labels: { a: '2' } } }, false],
    ['a label is missing', { ...WANTED, metadata: { name: 'agent' } }, false],
    ['a rule was added', { ...WANTED, rules: [...WANTED.rules, { apiGroups: ['*'], verbs: ['*'] }] }, false],
    ['a rule was widened', { ...WANTED, rules: [{ apiGroups: [''], verbs: ['get', 'list', 'delete'] }] }, false],
    ['a rule is gone', { ...WANTED, rules: [] }, false],
    ['there is nothing', undefined, false],
  ])('if %s: %#', (_what, actual, expected) => {
    expect(covers(actual, WANTED)).toBe(expected);
  });
});
