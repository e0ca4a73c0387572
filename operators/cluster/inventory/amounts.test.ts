import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Quantity } from '#runtime';
import { type Amounts, amountsOf, difference, larger, NOTHING, quantitiesOf, readAmounts, sum } from './amounts.ts';

/** Lists as people write them: integers and fractions with every kind of suffix. */
const quantity = fc
  .tuple(fc.nat(99_999), fc.nat(999), fc.constantFrom('', 'm', 'u', 'n', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'Ti', 'e3'))
  .map(([whole, fraction, suffix]) => `${whole}.${fraction}${suffix}`);
const list = fc.record({ cpu: quantity, memory: quantity, pods: quantity }, { requiredKeys: [] });

const total = (lists: readonly Amounts[]) => lists.reduce(sum, NOTHING);

describe('amounts', () => {
  test('of a list that says nothing are nothing', () => {
    expect(amountsOf()).toEqual(NOTHING);
    expect(amountsOf({ 'nvidia.com/gpu': '8' })).toEqual(NOTHING);
  });

  test.each([
    ['a word', 'many'],
    ['200,000 digits', '9'.repeat(200_000)],
    ['200,000 decimals', `0.${'0'.repeat(200_000)}1`],
    ['less than nothing', '-1'],
    ['a number', 4],
    ['a list', ['4']],
    ['null', null],
    ['an object', {}],
    ['an escape sequence', '4\x1b[31m'],
  ])('that are %s are left out and named, and the others count', (_what, cpu) => {
    const { amounts, unreadable } = readAmounts({ cpu, memory: '1Gi' });
    expect(amounts).toEqual({ ...NOTHING, memory: 1024n ** 3n * 10n ** 9n });
    expect(unreadable).toEqual(['cpu']);
  });

  test.each(['1e999', '10E'])('%s, as Kubernetes reads it, is the most that it holds', cpu => {
    expect(readAmounts({ cpu })).toEqual({
      amounts: { ...NOTHING, cpu: (2n ** 63n - 1n) * 10n ** 9n },
      unreadable: [],
    });
  });

  test.each([[null], ['4'], [[]], [7], [undefined]])('of %j are nothing', list => {
    expect(readAmounts(list)).toEqual({ amounts: NOTHING, unreadable: [] });
  });

  test('whose sum is more than Kubernetes holds are written as the most that it does', () => {
    const most = amountsOf({ cpu: '8E', memory: '7Ei', pods: '1' });
    const sums = quantitiesOf([most, most, most].reduce(sum, NOTHING));
    expect(sums).toEqual({ cpu: '9223372036854775807', memory: '9223372036854775807', pods: '3' });
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
