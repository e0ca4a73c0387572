import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { returnMemory, shareSmallBlocks } from './memory.ts';

const MIB = 1024 * 1024;

/** One look after the other at a heap of these sizes, each as busy as told; returns at which of them it collected. */
async function collections(
  looks: readonly { readonly size: number; readonly busy?: number; readonly left?: number }[],
): Promise<readonly number[]> {
  const stop = new AbortController();
  const collected: number[] = [];
  let at = -1;
  let left: number | undefined;
  await returnMemory({
    signal: stop.signal,
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after: () => () => undefined,
      sleep: async () => {
        at += 1;
        left = undefined;
        if (at === looks.length) stop.abort();
      },
    },
    heap: {
      size: () => left ?? looks[at]?.size ?? 0,
      busy: () => looks[at]?.busy ?? 0,
      collect: async () => {
        collected.push(at);
        left = looks[at]?.left;
      },
    },
  });
  return collected;
}

test('one collection follows each burst, and none comes at rest', async () => {
  const small = { size: 22 * MIB };
  expect(
    await collections([
      { size: 80 * MIB, left: 20 * MIB },
      small,
      small,
      { size: 60 * MIB, left: 21 * MIB },
      small,
      { size: 23 * MIB },
    ]),
  ).toEqual([0, 3]);
});

test('what is alive is not collected again and again', async () => {
  const alive = { size: 500 * MIB };
  expect(await collections([alive, alive, alive])).toEqual([0]);
});

test('a process at work is left alone until it rests', async () => {
  const size = 80 * MIB;
  expect(await collections([{ size, busy: 0.9 }, { size, busy: 0.11 }, { size, busy: 0.05 }, { size }])).toEqual([2]);
});

test('what a burst left behind in a real process goes back to the system', async () => {
  const script = `
    import { setTimeout as sleep } from 'node:timers/promises';
    import { returnMemory, shareSmallBlocks } from ${JSON.stringify(join(import.meta.dirname, 'memory.ts'))};
    const stop = new AbortController();
    let burst = Array.from({ length: 300_000 }, (_, index) => ({ index, name: 'object ' + index }));
    const before = process.memoryUsage().rss;
    burst = undefined;
    if (process.argv.includes('--return')) void returnMemory({ signal: stop.signal, everyMs: 500 });
    await sleep(2_500);
    stop.abort();
    console.log(Math.round((before - process.memoryUsage().rss) / 1024 / 1024));
  `;
  const returned = async (...args: string[]) => {
    const flags = ['--expose-gc', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--', ...args]);
    return Number(stdout);
  };
  const [without, within] = [await returned(), await returned('--return')];
  expect(within - without).toBeGreaterThan(15); // MiB
});

test('a small Buffer that stays keeps no large block', () => {
  const before = Buffer.poolSize;
  try {
    shareSmallBlocks();
    for (let i = 0; i <= before; i += 8) Buffer.from('the last '); // Node uses up the block that it has
    expect(Buffer.from('http/1.1').buffer.byteLength).toBeLessThanOrEqual(1024);
  } finally {
    Buffer.poolSize = before;
  }
});
