import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from '../test/support/fake-clock.ts';
import { type Priority, WorkQueue } from './queue.ts';

const SEED = 7;
const BACKOFF = [5, 100] as const;
const KEYS = ['a/1', 'a/2', 'b/1', 'b/2', 'c/1'];

interface Delayed {
  readonly due: number;
  readonly priority: Priority;
}

/** What the queue promises, written the slow way. */
class Model {
  now = 0;
  readonly waiting = new Map<string, Priority>();
  readonly running = new Map<string, Priority>();
  readonly dirty = new Map<string, Priority>();
  readonly delayed = new Map<string, Delayed>();
  readonly failures = new Map<string, number>();

  add(key: string, priority: Priority): void {
    this.delayed.delete(key);
    const where = this.running.has(key) ? this.dirty : this.waiting;
    where.set(key, higher(where.get(key), priority));
  }

  addLater(key: string, afterMs: number, priority: Priority): void {
    const waiting = this.waiting.get(key);
    if (waiting) {
      this.waiting.set(key, higher(waiting, priority));
      return;
    }
    const before = this.delayed.get(key);
    const due = Math.min(this.now + afterMs, before?.due ?? Number.POSITIVE_INFINITY);
    this.delayed.set(key, { due, priority: higher(before?.priority, priority) });
  }

  take(key: string): void {
    this.running.set(key, this.waiting.get(key) ?? 'live');
    this.waiting.delete(key);
  }

  fail(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    this.addLater(key, Math.min(BACKOFF[1], BACKOFF[0] * 2 ** failures), this.running.get(key) ?? 'live');
  }

  done(key: string): void {
    this.running.delete(key);
    const again = this.dirty.get(key);
    this.dirty.delete(key);
    if (again) this.waiting.set(key, again);
  }

  pass(ms: number): void {
    this.now += ms;
    const due = [...this.delayed].filter(([, { due }]) => due <= this.now);
    for (const [key, { priority }] of due) this.add(key, priority);
  }
}

const higher = (a: Priority | undefined, b: Priority): Priority =>
  a === 'live' || b === 'live' ? 'live' : 'background';

interface Real {
  readonly queue: WorkQueue;
  readonly clock: FakeClock;
}

type Command = fc.AsyncCommand<Model, Real>;

/** A command as a few lines of text and two functions; the agreement of queue and model is checked after each. */
function command(name: string, check: (model: Model) => boolean, run: (model: Model, real: Real) => Promise<void>) {
  const described: Command = {
    check,
    async run(model, real) {
      await run(model, real);
      expect(real.queue.depth).toBe(model.waiting.size);
      expect(real.queue.delayed).toBe(model.delayed.size);
      expect(real.queue.idle).toBe(model.waiting.size === 0 && model.running.size === 0);
      for (const key of KEYS) expect(real.queue.failures(key)).toBe(model.failures.get(key) ?? 0);
    },
    toString: () => name,
  };
  return described;
}

const pick = <T>(items: Iterable<T>, index: number): T | undefined => {
  const all = [...items];
  return all[index % all.length];
};

const add = (key: string, priority: Priority) =>
  command(`add(${key}, ${priority})`, always, async (model, { queue }) => {
    model.add(key, priority);
    queue.add(key, { priority });
  });

const addLater = (key: string, afterMs: number, priority: Priority) =>
  command(`add(${key}, ${priority}, after ${afterMs})`, always, async (model, { queue }) => {
    model.addLater(key, afterMs, priority);
    queue.add(key, { priority, afterMs });
  });

const take = () =>
  command(
    'take',
    model => model.waiting.size > 0,
    async (model, { queue }) => {
      const key = (await queue.take()) ?? '';
      expect([...model.waiting.keys()]).toContain(key);
      expect([...model.running.keys()]).not.toContain(key);
      const best = [...model.waiting.values()].includes('live') ? 'live' : 'background';
      expect(model.waiting.get(key)).toBe(best);
      model.take(key);
    },
  );

const finish = (index: number, how: 'succeeded' | 'failed') =>
  command(
    `${how}(${index})`,
    model => model.running.size > 0,
    async (model, { queue }) => {
      const key = pick(model.running.keys(), index) ?? '';
      if (how === 'failed') {
        model.fail(key);
        queue.addRateLimited(key);
      } else {
        model.failures.delete(key);
        queue.forget(key);
      }
      model.done(key);
      queue.done(key);
    },
  );

const pass = (ms: number) =>
  command(`pass(${ms})`, always, async (model, { clock }) => {
    model.pass(ms);
    clock.pass(ms);
  });

function always(): boolean {
  return true;
}

test('property: whatever is done to it, the queue does what its model does, and loses nothing', async () => {
  const key = fc.constantFrom(...KEYS);
  const priority = fc.constantFrom<Priority>('live', 'background');
  const kinds: fc.Arbitrary<Command>[] = [
    fc.tuple(key, priority).map(([k, p]) => add(k, p)),
    fc.tuple(key, fc.integer({ min: 1, max: 200 }), priority).map(([k, ms, p]) => addLater(k, ms, p)),
    fc.constant(take()),
    fc.tuple(fc.nat(4), fc.constantFrom('succeeded', 'failed')).map(([index, how]) => finish(index, how)),
    fc.integer({ min: 1, max: 60 }).map(pass),
  ];
  const commands = fc.commands(kinds, { maxCommands: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(commands, async sequence => {
      const clock = new FakeClock();
      const queue = new WorkQueue({
        name: 'model',
        backoffMs: BACKOFF,
        clock,
        groupOf: item => item.split('/')[0] ?? '',
      });
      const model = new Model();
      await fc.asyncModelRun(() => ({ model, real: { queue, clock } }), sequence);
      await drain(model, { queue, clock });
    }),
    { seed: SEED, numRuns: 300 },
  );
});

/** Time passes and workers work: everything that was asked for comes, once. */
async function drain(model: Model, { queue, clock }: Real): Promise<void> {
  for (const key of [...model.running.keys()]) {
    model.done(key);
    queue.done(key);
  }
  model.pass(1_000);
  clock.pass(1_000);
  const taken: (string | undefined)[] = [];
  while (!queue.idle) {
    const key = await queue.take();
    taken.push(key);
    if (key !== undefined) queue.done(key);
  }
  expect(taken.sort()).toEqual([...model.waiting.keys()].sort());
  expect(queue.delayed).toBe(0);
}
