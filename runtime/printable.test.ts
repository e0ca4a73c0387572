import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { named, printable } from './printable.ts';

const SEED = 11;

describe('printable', () => {
  test.each([
    ['plain text', 'etcd is ill (503)', 'etcd is ill (503)'],
    ['letters of any script', 'žluťoučký kůň 馬 🐎', 'žluťoučký kůň 馬 🐎'],
    ['line breaks and tabs', 'v1.34.0\n\r\tlevel=error', 'v1.34.0 level=error'],
    ['line and paragraph separators', 'a\u2028b\u2029c\u0085d', 'a b c d'],
    ['colours', '\x1b[31mred\x1b[0m', 'red'],
    ['one-byte control sequences', '\x9b31mred', 'red'],
    ['a terminal title', '\x1b]0;owned\x07v1', 'v1'],
    ['a title without an end', 'v1\x1b]0;owned', 'v1'],
    ['a bare escape', 'a\x1bcb', 'ab'],
    ['NUL, DEL, backspace', 'a\x00b\x7fc\bd', 'abcd'],
    ['right-to-left overrides and isolates', 'a\u202ecba\u202c\u2066x\u2069\u200e', 'acbax'],
    ['zero-width characters and soft hyphens', 'a\u200bb\u200dc\ufeffd\u00ade\u2060f', 'abcdef'],
    ['variation selectors, fillers and tags', 'a\ufe0fb\u3164c\u{e0041}d\u{e0100}', 'abcd'],
    ['spaces beside what is taken out', 'a\n\u202e\u2028b', 'a b'],
    ['spaces of other widths', 'a\u00a0\u3000b', 'a b'],
    ['lone surrogates', 'a\ud800b\udc00', 'ab'],
    ['private use and unassigned', 'a\ue000b\u{10ffff}\u0378', 'ab'],
    ['spaces around', '\n  a \n', 'a'],
  ])('%s', (_name, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test.each([[undefined], [null], [7], [{}], [['a']]])('%p is no text', value => {
    expect(printable(value)).toBe('');
  });

  test('is cut with an ellipsis, and not within a character', () => {
    expect(printable('abcdef', 6)).toBe('abcdef');
    expect(printable('abcdefg', 6)).toBe('abcde…');
    expect(printable('abcd🐎fg', 6)).toBe('abcd…');
  });

  test('ends with an ellipsis when only what is not printable was looked at', () => {
    expect(printable(`${'\u200b'.repeat(100)}end`, 10)).toBe('…');
  });

  test('property: is printable, bounded and stays as it is when it is cleaned again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 2, max: 100 }), (text, most) => {
        const clean = printable(text, most);
        expect(clean.length).toBeLessThanOrEqual(most);
        expect(clean).not.toMatch(/[\p{C}\u2028\u2029]/u);
        expect(printable(clean, most)).toBe(clean);
      }),
      { seed: SEED },
    );
  });

  test('takes no longer for 64 MiB than for a few KiB', () => {
    const text = Buffer.alloc(64 * 1024 * 1024, '\x1b[31m').toString('latin1');
    const started = performance.now();
    printable(text);
    expect(performance.now() - started).toBeLessThan(50);
  });
});

describe('named', () => {
  test('names the first and counts the others', () => {
    expect(named(['a', 'b'], 3)).toBe('a, b');
    expect(named(['a', 'b', 'c', 'd'], 2)).toBe('a, b, 2 more');
    expect(named([], 2)).toBe('');
  });
});
