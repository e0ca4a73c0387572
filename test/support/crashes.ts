import { eventually, untilStill } from './eventually.ts';
import type { OperatorProcess } from './operator-process.ts';

/** Whether a process died at the write that it was to die at, or everything was done before it came to that. */
export type Crash = 'killed' | 'completed';

export interface CrashOptions {
  /** Which of its writes the process was started to die at. */
  readonly write: number;
  /** Whether everything is as it should be in the end. */
  readonly isDone: () => Promise<boolean>;
  readonly timeoutMs: number;
}

/** Waits for either, and sees to it that the process has ended. One that died of something else is an error. */
export async function untilKilledOrDone(
  mortal: OperatorProcess,
  { write, isDone, timeoutMs }: CrashOptions,
): Promise<Crash> {
  const crash = await eventually(
    async (): Promise<Crash | undefined> => {
      if (!mortal.running) return 'killed';
      if (!(await isDone())) return undefined;
      // what its last write came to may be seen before it dies of it
      await untilStill(() => mortal.writes().length);
      return mortal.running ? 'completed' : 'killed';
    },
    { timeoutMs, what: `the operator dies at write ${write} or everything is done` },
  );
  if (crash === 'killed' && mortal.writes().length !== write)
    throw new Error(`the operator died of something else:\n${mortal.log()}`);
  await mortal.kill();
  return crash;
}
