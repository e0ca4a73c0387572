import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Quantity } from '#runtime';
import { type Amounts, amountsOf, difference, larger, NOTHING, quantitiesOf, sum } from './amounts.ts';

/** Lists as people write them: integers and fractions with every kind of suffix. */
const quantity = fc
  .tuple(fc.nat(99_999), fc.nat(999), fc.constantFrom('', 'm', 'u', 'n', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'Ti', 'e3'))
  .map(([whole, fraction, suffix]) => `${whole}.${fraction}${suffix}`);
const list = fc.record({ cpu: quantity, memory: quantity, pods: quantity }, { requiredKeys: [] });

const total = (lists: readonly Amounts[]) => lists.reduce(sum, NOTHING);

describe('amounts', () => {
  test('of a list that says nothing, or nonsense, are nothing', () => {
    expect(amountsOf()).toEqual(NOTHING);
    expect(amountsOf({ 'nvidia.com/gpu': '8' })).toEqual(NOTHING);
    expect(amountsOf({ cpu: 'many', memory: '1Gi' })).toEqual({ ...NOTHING, memory: 1024n ** 3n * 10n ** 9n });
  });

  test.each([
    [
      { cpu: '1500m', memory: '0.5Gi', pods: '110' },
      { cpu: '1500m', memory: '512Mi', pods: '110' },
    ],
    [
      { cpu: '2000m', memory: '1G', pods: '1000' },
      { cpu: '2', memory: '1G', pods: '1k' },
    ],
    [
      { cpu: '0.1', memory: '16384256Ki' },
      { cpu: '100m', memory: '16384256Ki', pods: '0' },
    ],
    [
      { cpu: '1n', memory: '1500m' },
      { cpu: '1n', memory: '1500m', pods: '0' },
    ],
  ])('%j are written %j', (given, written) => {
    expect(quantitiesOf(amountsOf(given))).toEqual(written);
  });

  test('are written canonically, and mean the same', () => {
    void fc.assert(
      fc.property(fc.array(list), lists => {
        const amounts = total(lists.map(amountsOf));
        const written = quantitiesOf(amounts);
        for (const text of Object.values(written)) expect(Quantity.parse(text).toString()).toBe(text);
        expect(amountsOf({ ...written })).toEqual(amounts);
      }),
    );
  });

  test('are written the same in whatever order they were added and taken away', () => {
    void fc.assert(
      fc.property(fc.array(list), fc.array(list), (kept, gone) => {
        const [stay, go] = [kept.map(amountsOf), gone.map(amountsOf)];
        const changed = go.reduce(difference, total([...go, ...stay].reverse()));
        expect(quantitiesOf(changed)).toEqual(quantitiesOf(total(stay)));
      }),
    );
  });

  test('the larger is taken of each resource by itself', () => {
    const [a, b] = [amountsOf({ cpu: '1', memory: '1Ki' }), amountsOf({ cpu: '900m', memory: '1025' })];
    expect(larger(a, b)).toEqual(amountsOf({ cpu: '1', memory: '1025' }));
  });
});
