import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { withBuildLock } from './build-lock.ts';
import { run } from './command.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-lock-test-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const log = (): void => undefined;

test('work is done and the lock released, also when the work fails', async () => {
  let done = 0;
  const failing = withBuildLock({ dir, log }, async () => {
    done += 1;
    throw new Error('broken');
  });
  await expect(failing).rejects.toThrow('broken');

  await withBuildLock({ dir, log }, async () => {
    done += 1;
  });

  expect(done).toBe(2);
  expect(existsSync(join(dir, 'build.lock'))).toBe(false);
});

test('the lock of a process that is gone is taken over', async () => {
  const gone = (await run('/bin/sh', ['-c', 'echo $$'])).stdout;
  writeFileSync(join(dir, 'build.lock'), gone);
  let done = false;

  await withBuildLock({ dir, log }, async () => {
    done = true;
  });

  expect(done).toBe(true);
});

test('the lock of a living process is waited for', async () => {
  const lock = join(dir, 'build.lock');
  writeFileSync(lock, `${process.ppid}\n`);
  const lines: string[] = [];
  let released = false;
  const announce = (line: string): void => {
    lines.push(line);
    released = true;
    rmSync(lock);
  };

  await withBuildLock({ dir, log: announce }, async () => {
    expect(released).toBe(true);
  });

  expect(lines).toEqual([`process ${process.ppid} is building the control plane; waiting for it …`]);
});
