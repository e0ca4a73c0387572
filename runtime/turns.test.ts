import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../test/support/fake-clock.ts';
import { Turns } from './turns.ts';

const NEVER = new AbortController().signal;

describe('Turns', () => {
  /** Begins so many, and tells who has begun. */
  function begin(turns: Turns, clock: FakeClock, count: number, signals: readonly AbortSignal[] = []) {
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    for (let index = 0; index < count; index += 1)
      void turns.take(clock, signals[index] ?? NEVER).then(end => {
        begun.push(index);
        ends[index] = end;
      });
    return { begun, end: (index: number) => ends[index]?.() };
  }
  const settled = () => new Promise(resolve => setImmediate(resolve));

  test('lets as many begin as may at once, then one for each that ends, in their order', async () => {
    const turns = new Turns({ atOnce: 2, longestMs: 100 });
    const { begun, end } = begin(turns, new FakeClock(0), 4);
    await settled();
    expect(begun).toEqual([0, 1]);
    end(1);
    end(1);
    await settled();
    expect(begun).toEqual([0, 1, 2]);
    end(0);
    await settled();
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  test('one that takes too long goes on, and the next begins', async () => {
    const clock = new FakeClock(0);
    const { begun, end } = begin(new Turns({ atOnce: 1, longestMs: 100 }), clock, 3);
    await settled();
    clock.pass(99);
    await settled();
    expect(begun).toEqual([0]);
    clock.pass(1);
    await settled();
    expect(begun).toEqual([0, 1]);
    end(0); // it had its turn
    await settled();
    expect(begun).toEqual([0, 1]);
    end(1);
    await settled();
    expect(begun).toEqual([0, 1, 2]);
  });

  test('who gives up leaves the queue, and takes no turn', async () => {
    const stop = new AbortController();
    const turns = new Turns({ atOnce: 1, longestMs: 100 });
    const { begun, end } = begin(turns, new FakeClock(0), 4, [NEVER, stop.signal, NEVER, AbortSignal.abort()]);
    stop.abort();
    await settled();
    expect(begun.sort()).toEqual([0, 1, 3]); // told that it is over
    end(1);
    await settled();
    expect(begun).not.toContain(2);
    end(0);
    await settled();
    expect(begun).toContain(2);
    end(2);
    const later = begin(turns, new FakeClock(0), 1);
    await settled();
    expect(later.begun).toEqual([0]);
  });
});
