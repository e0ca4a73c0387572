import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../test/support/eventually.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import { Controller, type ControllerOptions, type Reconciler } from './controller.ts';
import { TerminalError } from './errors.ts';
import { silentLogger } from './log.ts';

const within = (what: string) => ({ timeoutMs: 5_000, what });

/** A reconcile that ends when the test says so. */
interface Run {
  readonly key: string;
  readonly signal: AbortSignal;
  end(): void;
  fail(error: Error): void;
}

describe('Controller', () => {
  let clock: FakeClock;
  let stop: AbortController;
  let runs: Run[];

  beforeEach(() => {
    clock = new FakeClock();
    stop = new AbortController();
    runs = [];
  });
  afterEach(() => {
    stop.abort(new Error('the test is over'));
    for (const run of runs) run.end();
  });

  const held: Reconciler = (key, { signal }) =>
    new Promise((resolve, reject) => {
      runs.push({ key, signal, end: () => resolve(undefined), fail: reject });
    });

  function start(reconcile: Reconciler, options: Partial<ControllerOptions> = {}): Controller {
    const controller = new Controller({ name: 'test', log: silentLogger, clock, reconcile, ...options });
    controller.start(stop.signal);
    return controller;
  }

  const started = (count: number) => eventually(() => runs.length >= count, within(`${count} reconciles start`));

  test('reconciles up to 16 keys at once, never one key twice at once', async () => {
    const controller = start(held);
    for (let n = 0; n < 20; n++) controller.add(`k${n}`);
    await started(16);
    controller.add('k0');
    await clock.advance(1_000);
    expect(runs).toHaveLength(16);
    for (const run of runs.splice(0)) run.end();
    await started(5);
    expect(runs.map(({ key }) => key)).toEqual(['k16', 'k17', 'k18', 'k19', 'k0']);
  });

  test('an error is retried with backoff, and forgotten after a success', async () => {
    let failures = 3;
    const times: number[] = [];
    const controller = start(async () => {
      times.push(clock.monotonic());
      failures -= 1;
      if (failures >= 0) throw new Error('not yet');
      return undefined;
    });
    controller.add('a');
    await clock.advance(1_000);
    expect(times).toEqual([0, 5, 15, 35]);
    expect(controller.queue.failures('a')).toBe(0);
  });

  test('a reconcile that throws before its first await touches no other key', async () => {
    const seen: string[] = [];
    const controller = start(key => {
      seen.push(key);
      if (key === 'bad') throw new Error('at once');
      return Promise.resolve(undefined);
    });
    for (const key of ['bad', 'good']) controller.add(key);
    await clock.advance(5);
    expect(seen).toEqual(['bad', 'good', 'bad']);
  });

  test('a TerminalError is told, and not retried until something changes', async () => {
    const told: string[] = [];
    let count = 0;
    const controller = start(
      async () => {
        count += 1;
        throw new TerminalError('the spec is wrong');
      },
      { onTerminal: async (key, { message }) => void told.push(`${key}: ${message}`) },
    );
    controller.add('a');
    await clock.advance(60 * 60_000);
    expect([count, told]).toEqual([1, ['a: the spec is wrong']]);
    controller.add('a');
    await clock.advance(0);
    expect(count).toBe(2);
  });

  test('a TerminalError that cannot be told is retried', async () => {
    let tries = 0;
    const controller = start(() => Promise.reject(new TerminalError('wrong')), {
      onTerminal: () => {
        tries += 1;
        throw new Error('no answer');
      },
    });
    controller.add('a');
    await clock.advance(20);
    expect(tries).toBe(3);
  });

  test('it comes again when it asked to', async () => {
    const times: number[] = [];
    const controller = start(async () => {
      times.push(clock.monotonic());
      return { requeueAfterMs: 10_000 };
    });
    controller.add('a');
    await clock.advance(25_000);
    expect(times).toEqual([0, 10_000, 20_000]);
  });

  test('one that takes too long is told so, and retried even if it does not listen', async () => {
    const controller = start(held, { timeoutMs: 60_000 });
    controller.add('a');
    await started(1);
    await clock.advance(59_999);
    expect(runs[0]?.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(runs[0]?.signal.reason).toMatchObject({ message: 'reconcile of a took over 60 s' });
    await clock.advance(5);
    expect(runs).toHaveLength(2);
  });

  test('a stop is told to what runs, waits for its end, and starts nothing more', async () => {
    const controller = start(held, { concurrency: 1 });
    controller.add('a');
    controller.add('b');
    await started(1);
    let stopped = false;
    const ended = controller.stopped().then(() => {
      stopped = true;
    });
    stop.abort(new Error('the process stops'));
    expect(runs[0]?.signal.aborted).toBe(true);
    await clock.advance(1_000);
    expect(stopped).toBe(false);
    runs[0]?.fail(new Error('aborted'));
    await ended;
    expect(runs).toHaveLength(1);
    await clock.advance(60 * 60_000);
    expect(runs).toHaveLength(1);
  });

  test('a stop waits no longer than a reconcile may take', async () => {
    const controller = start(held);
    controller.add('a');
    await started(1);
    stop.abort();
    await clock.advance(60_000);
    await controller.stopped();
  });

  test('started after its end, it does nothing', async () => {
    stop.abort();
    const controller = start(held);
    controller.add('a');
    await controller.stopped();
    expect(runs).toEqual([]);
  });
});
