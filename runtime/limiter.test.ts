import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Limiter } from './limiter.ts';

const SEED = 2;

/** Takes a place that must be free. */
const take = (limiter: Limiter) => expect(limiter.tryAcquire()).toBe(true);

describe('Limiter', () => {
  test('lets in as many as its bound, the next one when a place is free, in order', async () => {
    const limiter = new Limiter(2);
    take(limiter);
    take(limiter);
    const order: string[] = [];
    const first = limiter.acquire().then(() => order.push('first'));
    const second = limiter.acquire().then(() => order.push('second'));
    expect(limiter.inFlight).toBe(2);
    limiter.release();
    await first;
    expect(order).toEqual(['first']);
    limiter.release();
    await second;
    expect(order).toEqual(['first', 'second']);
    expect(limiter.inFlight).toBe(2);
  });

  test('halves when the server is overloaded, never below one, and grows by one a round', () => {
    const limiter = new Limiter(8);
    limiter.overloaded();
    expect(limiter.limit).toBe(4);
    for (let i = 0; i < 9; i++) limiter.overloaded();
    expect(limiter.limit).toBe(1);
    const rounds: number[] = [];
    while (limiter.limit < 8) {
      limiter.succeeded();
      rounds.push(limiter.limit);
    }
    // 1 success for the second place, 2 more for the third, … 7 more for the eighth
    expect(rounds).toHaveLength(1 + 2 + 3 + 4 + 5 + 6 + 7);
    limiter.succeeded();
    expect(limiter.limit).toBe(8);
  });

  test('places beyond a lowered bound are not given again', async () => {
    const limiter = new Limiter(2);
    take(limiter);
    take(limiter);
    let granted = false;
    const waiting = limiter.acquire().then(() => {
      granted = true;
    });
    limiter.overloaded();
    limiter.release();
    await Promise.resolve();
    expect(granted).toBe(false);
    limiter.release();
    await waiting;
    expect(limiter.inFlight).toBe(1);
  });

  test('one that stops waiting takes no place', async () => {
    const limiter = new Limiter(1);
    take(limiter);
    const abort = new AbortController();
    const gone = limiter.acquire(abort.signal);
    const stays = limiter.acquire();
    abort.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    limiter.release();
    await stays;
    expect(limiter.inFlight).toBe(1);
    const aborted = limiter.acquire(AbortSignal.abort(new Error('before')));
    await expect(aborted).rejects.toThrow('before');
  });

  test('property: never more in flight than allowed, and everybody gets a turn', async () => {
    const step = fc.constantFrom('acquire', 'release', 'overloaded', 'succeeded', 'leave');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), async (max, steps) => {
        const limiter = new Limiter(max);
        const waiting: { abort: AbortController; granted: boolean; left: boolean }[] = [];
        let holding = 0;
        for (const name of steps) {
          if (name === 'acquire') {
            const entry = { abort: new AbortController(), granted: false, left: false };
            waiting.push(entry);
            void limiter.acquire(entry.abort.signal).then(
              () => {
                entry.granted = true;
                holding += 1;
              },
              () => {
                entry.left = true;
              },
            );
          } else if (name === 'leave') waiting.find(({ granted, left }) => !granted && !left)?.abort.abort();
          else if (name !== 'release') limiter[name]();
          else if (holding > 0) {
            holding -= 1;
            limiter.release();
          }
          await new Promise(setImmediate);
          expect(limiter.inFlight).toBe(holding);
          expect(limiter.limit).toBeGreaterThanOrEqual(1);
          expect(limiter.limit).toBeLessThanOrEqual(max);
        }
        while (holding > 0) {
          holding -= 1;
          limiter.release();
          await new Promise(setImmediate);
        }
        expect(limiter.inFlight).toBe(0);
        expect(waiting.every(({ granted, left }) => granted || left)).toBe(true);
      }),
      { seed: SEED },
    );
  });
});
