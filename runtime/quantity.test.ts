import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { maxQuantity, Quantity, QuantityError } from './quantity.ts';

const canonical = (text: string) => Quantity.parse(text).toString();

describe('a quantity', () => {
  test.each([
    ['0', '0'],
    ['1', '1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['2000', '2k'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['1500e-3', '1500e-3'],
    ['12e1', '120'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['-2Ki', '-2Ki'],
    ['+7', '7'],
    ['.5', '500m'],
    ['5.', '5'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['100u', '100u'],
    ['007', '7'],
  ])('%s is %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test.each(['', ' ', '1 Gi', 'Gi', '1GB', '1ki', '0x1', '1e', '--1', '1.2.3', '1e1000'])('"%s" is none', text => {
    expect(() => Quantity.parse(text)).toThrow(QuantityError);
    expect(() => Quantity.parse(text)).toThrow(`"${text}" is not a quantity`);
  });

  test.each([
    ['1e900', '9223372036854775807'],
    ['-1e900', '-9223372036854775807'],
    ['0e900', '0'],
    ['1e-900', '1e-9'],
    ['-1e-900', '-1e-9'],
    ['8Ei', '9223372036854775807'],
    ['9223372036854775807', '9223372036854775807'],
    ['9223372036854775808', '9223372036854775807'],
    ['9223372036854775806999m', '9223372036854775806999m'],
    [`0.${'0'.repeat(38)}1`, '1n'],
    ['9'.repeat(40), '9223372036854775807'],
    [`${'9'.repeat(40)}E`, '9223372036854775807'],
  ])('%s is capped, as Kubernetes caps: %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  test('a sum is capped as what is read', () => {
    const most = Quantity.parse('8Ei');
    expect(most.plus(most).compare(most)).toBe(0);
    expect(Quantity.ZERO.minus(most).minus(most).toString()).toBe('-9223372036854775807');
    expect(Quantity.ofNanos(10n ** 5_000n, 'decimal').toString()).toBe('9223372036854775807');
  });

  test.each([
    ['1'.repeat(41), 'must have at most 40 digits'],
    [`${'1'.repeat(20)}.${'1'.repeat(21)}Gi`, 'must have at most 40 digits'],
    [`1${'0'.repeat(240_000)}e0`, 'must have at most 64 characters'],
    ['x'.repeat(65), 'must have at most 64 characters'],
  ])('of more than 40 digits is none, and quoted in part', (text, rule) => {
    expect(() => Quantity.parse(text)).toThrow(QuantityError);
    expect(() => Quantity.parse(text)).toThrow(rule);
    expect(() => Quantity.parse(text)).toThrow(/^.{10,150}$/);
  });

  test('adds and compares exactly, whatever the suffix', () => {
    expect(Quantity.parse('100m').plus(Quantity.parse('0.9')).toString()).toBe('1');
    expect(Quantity.parse('1Gi').plus(Quantity.parse('1')).toString()).toBe('1073741825');
    expect(Quantity.ZERO.plus(Quantity.parse('1024Ki')).toString()).toBe('1Mi');
    expect(Quantity.parse('1').minus(Quantity.parse('1500m')).toString()).toBe('-500m');
    expect(Quantity.parse('1').minus(Quantity.parse('2')).isNegative).toBe(true);
    expect(Quantity.parse('1k').compare(Quantity.parse('1000'))).toBe(0);
    expect(maxQuantity(Quantity.parse('1Ki'), Quantity.parse('1k')).toString()).toBe('1Ki');
  });

  test('is made of billionths, and gives them', () => {
    expect(Quantity.parse('1500m').nanos).toBe(1_500_000_000n);
    expect(Quantity.ofNanos(1024n * 1_000_000_000n, 'binary').toString()).toBe('1Ki');
    expect(Quantity.ofNanos(1000n * 1_000_000_000n, 'decimal').toString()).toBe('1k');
    expect(Quantity.ofNanos(-1n, 'binary').toString()).toBe('-1n');
  });

  test('its canonical form is the same quantity, and canonical', async () => {
    const suffixes = ['', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'e2', 'e-3'];
    const parts = fc.tuple(fc.nat(), fc.nat(999), fc.constantFrom(...suffixes));
    await fc.assert(
      fc.property(parts, ([whole, fraction, suffix]) => {
        const quantity = Quantity.parse(`${whole}.${fraction}${suffix}`);
        const again = Quantity.parse(quantity.toString());
        return again.compare(quantity) === 0 && again.toString() === quantity.toString();
      }),
    );
  });
});
