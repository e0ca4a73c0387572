import { expect, test } from '@jest/globals';
import { median, paired } from './paired.ts';

test('ratios are of the turns, not of the medians', () => {
  const now = [{ seconds: 1 }, { seconds: 4 }, { seconds: 9 }];
  const before = [{ seconds: 2 }, { seconds: 4 }, { seconds: 3 }];
  expect(paired(now, before)).toEqual({ seconds: { now: 4, before: 3, ratio: 1, least: 0.5, most: 3 } });
});

test('what is no number, or is of one version alone, is left out', () => {
  const now = [{ seconds: 1, rounds: [1], more: 1 }];
  const before = [{ seconds: 1, rounds: [1] }];
  expect(Object.keys(paired(now, before))).toEqual(['seconds']);
});

test('there is no ratio to nothing', () => {
  expect(paired([{ writes: 4 }], [{ writes: 0 }])).toEqual({
    writes: { now: 4, before: 0, ratio: null, least: null, most: null },
  });
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});
