import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonEqual } from './equality.ts';

const SEED = 4;

describe('jsonEqual', () => {
  test.each([
    [1, 1, true],
    [1, '1', false],
    [null, null, true],
    [null, {}, false],
    [[], {}, false],
    [[1, 2], [1, 2], true],
    [[1, 2], [2, 1], false],
    [[1], [1, undefined], false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
    [{ a: 1 }, { a: 1, b: undefined }, true],
    [{ a: null }, {}, false],
    [{ a: { b: [] } }, { a: { b: [{}] } }, false],
    [{ constructor: 1 }, {}, false],
  ])('%j and %j: %s', (a, b, equal) => {
    expect(jsonEqual(a, b)).toBe(equal);
    expect(jsonEqual(b, a)).toBe(equal);
  });

  test('property: equal to its copy over the wire, whatever the order of members', () => {
    const shuffled = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map(shuffled);
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, part]) => [name, shuffled(part)]),
      );
    };
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
        const sent: unknown = JSON.parse(JSON.stringify(value));
        expect(jsonEqual(sent, shuffled(sent))).toBe(true);
      }),
      { seed: SEED },
    );
  });

  test('property: unlike values are unlike', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
        if (left === right) expect(jsonEqual(JSON.parse(left), JSON.parse(right))).toBe(true);
        else if (left.length !== right.length) expect(jsonEqual(JSON.parse(left), JSON.parse(right))).toBe(false);
      }),
      { seed: SEED },
    );
  });
});
