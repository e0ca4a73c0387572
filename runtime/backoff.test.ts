import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../test/support/fake-clock.ts';
import { Backoff } from './backoff.ts';

const SEED = 1;

describe('Backoff', () => {
  const build = (random: () => number) => {
    const clock = new FakeClock();
    return { clock, backoff: new Backoff({ base: 800, max: 30_000, resetAfter: 120_000, clock, random }) };
  };

  test('doubles up to the largest delay', () => {
    const { backoff } = build(() => 1);
    const delays = Array.from({ length: 8 }, () => backoff.next());
    expect(delays).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('starts over after a pause, counted from the end of the last delay', () => {
    const { backoff, clock } = build(() => 1);
    backoff.next();
    clock.pass(backoff.next());
    clock.pass(119_999);
    expect(backoff.next()).toBe(3_200);
    clock.pass(3_200 + 120_000);
    expect(backoff.next()).toBe(800);
  });

  test('starts over when told to', () => {
    const { backoff } = build(() => 1);
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(800);
  });

  test('property: every delay is its share of the step', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.array(random, { minLength: 1, maxLength: 20 }), numbers => {
        const rest = [...numbers];
        const { backoff } = build(() => rest.shift() ?? 0);
        for (let step = 0; step < numbers.length; step++) {
          const ceiling = Math.min(30_000, 800 * 2 ** step);
          expect(backoff.next()).toBe(ceiling * (numbers[step] ?? 0));
        }
      }),
      { seed: SEED },
    );
  });
});
