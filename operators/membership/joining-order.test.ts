import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { JoiningOrder, type Rank } from './joining-order.ts';

const rank = (member: Rank) => member;
const member = fc.record({
  name: fc.constantFrom(...'abcdefgh'),
  first: fc.boolean(),
  since: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', ''),
});
const step = fc.record({ member, isThere: fc.boolean() });

test('whatever comes, changes and goes, those beyond are those of a new order, and each change is told', () => {
  void fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 40 }), (limit, steps) => {
      const order = new JoiningOrder({ limit, rank });
      const known = new Map<string, Rank>();
      for (const { member: each, isThere } of steps) {
        const before = new Set(order.beyond);
        const flipped = isThere ? order.set(each) : order.delete(each.name);
        if (isThere) known.set(each.name, each);
        else known.delete(each.name);
        const fresh = new JoiningOrder({ limit, rank }, [...known.values()]);
        expect([...order.beyond].sort()).toEqual([...fresh.beyond].sort());
        expect(order.size).toBe(known.size);
        for (const name of [...'abcdefgh'])
          if (before.has(name) !== order.beyond.has(name)) expect(flipped).toContain(name);
      }
    }),
  );
});

test('without a limit nobody is beyond it', () => {
  const order = new JoiningOrder({ limit: Number.POSITIVE_INFINITY, rank });
  expect(order.set({ name: 'a', first: false, since: '' })).toEqual([]);
  expect(order.set({ name: 'b', first: false, since: '' })).toEqual([]);
  expect(order.delete('a')).toEqual([]);
  expect(order.beyond.size).toBe(0);
});
