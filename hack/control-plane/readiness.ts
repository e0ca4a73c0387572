import { setTimeout as delay } from 'node:timers/promises';
import type { ManagedProcess } from './processes.ts';

const POLL_MS = 25;

/** The port that a server was to listen on is another's. */
export class PortTakenError extends Error {
  override name = 'PortTakenError';
}

export interface ReadinessOptions {
  readonly timeoutMs: number;
}

/**
 * Waits until `probe` says that a process serves. Fails, with the last lines of its log, when the process ends or the
 * time is up; with a PortTakenError when it ended because its port was taken.
 */
export async function untilReady(
  process: ManagedProcess,
  probe: () => Promise<boolean>,
  { timeoutMs }: ReadinessOptions,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (!process.running) {
      const log = process.logTail();
      if (/address already in use/.test(log)) throw new PortTakenError(`${process.name} found its port taken:\n${log}`);
      throw new Error(`${process.name} ended before it was ready; ${process.logFile} says:\n${log}`);
    }
    if (Date.now() > deadline) {
      const seconds = timeoutMs / 1000;
      throw new Error(
        `${process.name} was not ready after ${seconds} s; ${process.logFile} says:\n${process.logTail()}`,
      );
    }
    await delay(POLL_MS);
  }
}
