import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readIfPresent } from './files.ts';
import { systemErrorCode } from './system-error.ts';

const POLL_MS = 500;

export interface BuildLockOptions {
  readonly dir: string;
  readonly log: (line: string) => void;
}

/**
 * Runs `work` while no other process does so for the same folder, waiting as long as it takes. It saves work, it is
 * not needed for safety: should two processes both take over the lock of a dead one, both build, and the renames of
 * the results don't disturb each other.
 */
export async function withBuildLock({ dir, log }: BuildLockOptions, work: () => Promise<void>): Promise<void> {
  const lock = join(dir, 'build.lock');
  const mine = join(dir, `build.lock.${process.pid}`);
  writeFileSync(mine, `${process.pid}\n`);
  try {
    await acquire({ lock, mine, log });
    try {
      await work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

async function acquire({
  lock,
  mine,
  log,
}: {
  lock: string;
  mine: string;
  log: (line: string) => void;
}): Promise<void> {
  let announced = false;
  while (!tryLink(mine, lock)) {
    const holder = Number(readIfPresent(lock) ?? Number.NaN);
    if (Number.isNaN(holder)) continue; // released between the two looks
    if (!isAlive(holder)) {
      discard(lock, mine);
      continue;
    }
    if (!announced) log(`process ${holder} is building the control plane; waiting for it …`);
    announced = true;
    await delay(POLL_MS);
  }
}

/** A hard link appears with its content, or not at all if the name is taken. */
function tryLink(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive as well.
    return systemErrorCode(error) === 'EPERM';
  }
}

function discard(lock: string, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(lock, aside);
  } catch {
    // Somebody else was quicker.
  }
  rmSync(aside, { force: true });
}
