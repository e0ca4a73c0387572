import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../test/support/fake-clock.ts';
import { WorkQueue } from './queue.ts';

const SEED = 8;

describe('WorkQueue', () => {
  let clock: FakeClock;
  let queue: WorkQueue;

  beforeEach(() => {
    clock = new FakeClock();
    queue = new WorkQueue({ name: 'test', clock, groupOf: key => key.split('/')[0] ?? '' });
  });

  /** Takes everything that waits, leaving it running. */
  async function takeAll(): Promise<string[]> {
    const keys: string[] = [];
    while (queue.depth > 0) keys.push((await queue.take()) ?? '');
    return keys;
  }

  test('an item is there once however often it is added', async () => {
    for (let i = 0; i < 3; i++) queue.add('a');
    expect(queue.depth).toBe(1);
    expect(await takeAll()).toEqual(['a']);
  });

  test('an item added while a worker has it waits until that worker is done', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    expect(queue.depth).toBe(0);
    let second: string | undefined;
    const taken = queue.take().then(key => {
      second = key;
    });
    await Promise.resolve();
    expect(second).toBeUndefined();
    queue.done('a');
    await taken;
    expect(second).toBe('a');
    queue.done('a');
    expect(queue.idle).toBe(true);
  });

  test('workers that wait are served in order', async () => {
    const workers = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    expect(await Promise.all(workers)).toEqual(['a', 'b']);
  });

  test('a delayed item comes at its time, the earliest that was asked for', async () => {
    queue.add('a', { afterMs: 100 });
    queue.add('a', { afterMs: 50 });
    queue.add('a', { afterMs: 200 });
    clock.pass(49);
    expect(queue.depth).toBe(0);
    clock.pass(1);
    expect(await takeAll()).toEqual(['a']);
    clock.pass(1_000);
    expect(queue.depth).toBe(0);
  });

  test('an item added at once no longer waits for its time', async () => {
    queue.add('a', { afterMs: 100 });
    queue.add('a');
    expect(await takeAll()).toEqual(['a']);
    expect(queue.delayed).toBe(0);
  });

  test('background items never come before live ones, and a live event raises one', async () => {
    queue.add('slow', { priority: 'background' });
    queue.add('raised', { priority: 'background' });
    queue.add('live');
    queue.add('raised');
    expect(await takeAll()).toEqual(['live', 'raised', 'slow']);
  });

  test('a live event that is gathered with others raises a background item all the same', async () => {
    queue.add('slow', { priority: 'background' });
    queue.add('raised', { priority: 'background' });
    queue.add('raised', { afterMs: 50 });
    expect(await takeAll()).toEqual(['raised', 'slow']);
    expect(queue.delayed).toBe(0);
  });

  test('of two delayed adds the live one counts', async () => {
    queue.add('slow', { priority: 'background' });
    queue.add('a', { priority: 'background', afterMs: 10 });
    queue.add('a', { afterMs: 20 });
    clock.pass(10);
    expect(await takeAll()).toEqual(['a', 'slow']);
  });

  test('a background item that fails is retried in the background', async () => {
    queue.add('failing', { priority: 'background' });
    await queue.take();
    queue.addRateLimited('failing');
    queue.done('failing');
    clock.pass(5);
    queue.add('live');
    expect(await takeAll()).toEqual(['live', 'failing']);
  });

  test('groups take turns', async () => {
    for (const key of ['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'c/1']) queue.add(key);
    expect(await takeAll()).toEqual(['a/1', 'b/1', 'c/1', 'a/2', 'b/2', 'a/3']);
  });

  test('property: between two turns of a group every other waiting group has one', async () => {
    const key = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(20)).map(parts => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 40 }), async keys => {
        for (const each of keys) queue.add(each);
        const groups = (await takeAll()).map(each => each.charAt(0));
        groups.forEach((group, index) => {
          const next = groups.indexOf(group, index + 1);
          if (next < 0) return;
          const between = new Set(groups.slice(index, next));
          expect(between).toEqual(new Set(groups.slice(index)));
        });
        for (const each of keys) queue.done(each);
      }),
      { seed: SEED },
    );
  });

  test('property: within one group, first in, first out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer().map(String)), async keys => {
        const one = new WorkQueue({ name: 'test' });
        for (const key of keys) one.add(key);
        const taken: (string | undefined)[] = [];
        for (const _ of keys) taken.push(await one.take());
        expect(taken).toEqual(keys);
      }),
      { seed: SEED },
    );
  });

  test('the backoff doubles and is forgotten', async () => {
    const delays: number[] = [];
    const fail = async (): Promise<void> => {
      queue.addRateLimited('a');
      const before = clock.monotonic();
      while (queue.delayed > 0) clock.pass(5);
      delays.push(clock.monotonic() - before);
      await queue.take();
      queue.done('a');
    };
    for (let i = 0; i < 6; i++) await fail();
    expect(delays).toEqual([5, 10, 20, 40, 80, 160]);
    expect(queue.failures('a')).toBe(6);
    queue.forget('a');
    await fail();
    expect(delays.at(-1)).toBe(5);
  });

  test('the longest backoff is 16 minutes', async () => {
    for (let i = 0; i < 100; i++) {
      queue.addRateLimited('a');
      queue.add('a'); // an event is not delayed, and does not forget the failures
      await queue.take();
      queue.done('a');
    }
    queue.addRateLimited('a');
    clock.pass(16 * 60_000 - 1);
    expect(queue.depth).toBe(0);
    clock.pass(1);
    expect(queue.depth).toBe(1);
  });

  test('closed, it hands out nothing more and takes nothing more', async () => {
    queue.add('running');
    await queue.take();
    queue.add('running');
    queue.add('later', { afterMs: 10 });
    const idle = queue.whenIdle();
    const waiting = queue.take();
    queue.close();
    expect(await waiting).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    queue.add('new');
    clock.pass(100);
    expect(queue.depth).toBe(0);
    queue.done('running');
    await idle;
    expect(queue.idle).toBe(true);
  });

  test('idle is when nothing waits and nothing runs', async () => {
    await queue.whenIdle();
    queue.add('a');
    let idle = false;
    const waiting = queue.whenIdle().then(() => {
      idle = true;
    });
    await queue.take();
    queue.add('a');
    queue.done('a');
    await Promise.resolve();
    expect(idle).toBe(false);
    await queue.take();
    queue.done('a');
    await waiting;
  });
});
