import { describe, expect, test } from '@jest/globals';
import { parseSelector, SelectorError } from './selector.ts';

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
});
