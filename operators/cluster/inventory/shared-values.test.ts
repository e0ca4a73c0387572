import { expect, test } from '@jest/globals';
import { SharedValues } from './shared-values.ts';

test('gives the same value for the same key, and another for another', () => {
  const values = new SharedValues<{ key: string }>(10);
  const get = (key: string) => values.get(key, () => ({ key }));
  expect(get('a')).toBe(get('a'));
  expect(get('b')).toEqual({ key: 'b' });
});

test('keeps no more than it was told', () => {
  const values = new SharedValues<{ key: number }>(10);
  const get = (key: number) => values.get(String(key), () => ({ key }));
  const first = get(0);
  for (let key = 1; key <= 10; key += 1) get(key);
  expect(get(0)).not.toBe(first);
  expect(get(0)).toEqual(first);
});
