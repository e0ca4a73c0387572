import { describe, expect, test } from '@jest/globals';
import { parseSelector, SELECTOR_BOUNDS, SelectorError } from './selector.ts';
import { SelectorCache } from './selector-cache.ts';

type Labels = Readonly<Record<string, string>>;

const MATCHES: readonly (readonly [selector: string, labels: Labels, matches: boolean])[] = [
  ['', {}, true],
  ['  ', { a: 'b' }, true],
  ['a', { a: '' }, true],
  ['a', {}, false],
  ['!a', {}, true],
  ['! a', { a: '' }, false],
  ['a=b', { a: 'b' }, true],
  ['a=b', { a: 'c' }, false],
  ['a=b', {}, false],
  ['a = b', { a: 'b' }, true],
  ['a==b', { a: 'b' }, true],
  ['a=', { a: '' }, true],
  ['a=', {}, false],
  ['a!=b', { a: 'c' }, true],
  ['a!=b', {}, true],
  ['a!=b', { a: 'b' }, false],
  ['a in (b,c)', { a: 'c' }, true],
  ['a in ( b , c )', { a: 'b' }, true],
  ['a in(b)', { a: 'b' }, true],
  ['a in (b,c)', { a: 'd' }, false],
  ['a in (b,)', { a: '' }, true],
  ['a in (b,)', {}, false],
  ['a notin (b,c)', { a: 'd' }, true],
  ['a notin (b,c)', {}, true],
  ['a notin (b,c)', { a: 'b' }, false],
  ['a>1', { a: '2' }, true],
  ['a>1', { a: '1' }, false],
  ['a<10', { a: '9' }, true],
  ['a<10', {}, false],
  ['a<10', { a: 'nine' }, false],
  ['a>9007199254740992', { a: '9007199254740993' }, true],
  ['a=b,c', { a: 'b', c: '' }, true],
  ['a=b,c', { a: 'b' }, false],
  ['a in (b,c),d!=e', { a: 'c', d: 'f' }, true],
  ['app.kubernetes.io/name=x', { 'app.kubernetes.io/name': 'x' }, true],
  ['in in (notin)', { in: 'notin' }, true],
];

const REFUSED: readonly (readonly [selector: string, message: string])[] = [
  ['a=b,', '"" is no label key'],
  [',a', '"" is no label key'],
  ['a in (b', 'unbalanced parentheses'],
  ['a in b)', 'unbalanced parentheses'],
  ['a in ((b))', 'unbalanced parentheses'],
  ['a b', '"a b" is no label key'],
  ['a=b c', '"b c" is no label value'],
  ['a=-b', '"-b" is no label value'],
  ['-a', '"-a" is no label key'],
  ['!a=b', '"a=b" is no label key'],
  ['a>b', '"b" is no integer'],
  ['a>', '"" is no integer'],
  ['=b', '"=b" is no label key'],
  ['a/b/c', '"a/b/c" is no label key'],
  ['A/b', '"A/b" is no label key'],
  ['a..b/c', '"a..b/c" is no label key'],
  [`a=${'x'.repeat(64)}`, 'is no label value'],
  ['x'.repeat(64), 'is no label key'],
];

describe('parseSelector', () => {
  test.each(MATCHES)('%j on %j: %s', (selector, labels, matches) => {
    expect(parseSelector(selector).matches(labels)).toBe(matches);
  });

  test('an object without labels has none', () => {
    expect(parseSelector('!a').matches(undefined)).toBe(true);
    expect(parseSelector('a').matches(undefined)).toBe(false);
  });

  test('labels of every object do not come from its prototype', () => {
    expect(parseSelector('toString').matches({})).toBe(false);
    expect(parseSelector('!constructor').matches({})).toBe(true);
    expect(parseSelector('constructor!=a').matches({})).toBe(true);
    expect(parseSelector('constructor in (a)').matches({})).toBe(false);
  });

  test.each(REFUSED)('refuses %j: %s', (selector, message) => {
    expect(() => parseSelector(selector)).toThrow(SelectorError);
    expect(() => parseSelector(selector)).toThrow(message);
    expect(() => parseSelector(selector)).toThrow(JSON.stringify(selector));
  });

  describe('is bounded', () => {
    const { length, requirements } = SELECTOR_BOUNDS;
    const many = (count: number) => Array.from({ length: count }, (_, index) => `!a${index}`).join();
    const long = (size: number) => `a in (${'b,'.repeat((size - 8) / 2)}c)`;

    test('by 4 KiB', () => {
      expect(long(length)).toHaveLength(4_096);
      expect(parseSelector(long(length)).matches({ a: 'c' })).toBe(true);
      expect(() => parseSelector(`${long(length)} `)).toThrow('must have at most 4096 bytes');
    });

    test('by 64 requirements', () => {
      expect(parseSelector(many(requirements)).matches({})).toBe(true);
      expect(() => parseSelector(many(requirements + 1))).toThrow('must have at most 64 requirements');
    });

    test('in what its errors quote of it', () => {
      for (const text of ['!a,'.repeat(60_000), `a=${'x'.repeat(4_000)}`, 'a b '.repeat(1_000)])
        expect(() => parseSelector(text)).toThrow(/^.{20,300}$/);
    });

    test('or otherwise, for what a schema bounds', () => {
      expect(parseSelector(many(100), { length: 100_000, requirements: 100 }).matches({ a99: '' })).toBe(false);
    });
  });
});

describe('a cache of selectors', () => {
  test('has one object for equal texts', () => {
    const cache = new SelectorCache(10);
    expect(cache.parse('a=b')).toBe(cache.parse('a=b'));
    expect(cache.parse('a=b')).not.toBe(cache.parse('a=c'));
    expect(() => cache.parse('a b')).toThrow(SelectorError);
  });

  test('forgets what was used longest ago', () => {
    const cache = new SelectorCache(2);
    const [one, two] = [cache.parse('one'), cache.parse('two')];
    expect(cache.parse('one')).toBe(one);
    cache.parse('three');
    expect(cache.size).toBe(2);
    expect(cache.parse('one')).toBe(one);
    expect(cache.parse('two')).not.toBe(two);
  });
});
