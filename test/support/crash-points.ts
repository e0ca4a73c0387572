import { execFileSync } from 'node:child_process';
import type { Crash } from './crashes.ts';

/** Runs that take more writes than this do not come to an end. */
const MOST_WRITES = 120;

/** Which writes of a process are tried as its last. */
export interface CrashPoints {
  /** For the name of a test: a run that fails says by it what was tried. */
  readonly description: string;
  /**
   * Calls `run` with a write to die at, one after the other, until nothing is left to die at.
   * @returns the write at which the run was over before it came to it
   * @throws what `run` throws, and where it never completes
   */
  untilCompleted(run: (write: number) => Promise<Crash>): Promise<number>;
}

/**
 * One write in `every`, from one that the commit decides: each commit has the same points whenever it is tested, and a
 * series of commits has them all. With CRASH=all each write.
 */
export function crashPoints(every: number): CrashPoints {
  const step = process.env.CRASH === 'all' ? 1 : every;
  const first = 1 + (commitNumber() % step);
  return {
    description: step === 1 ? 'each write' : `one write in ${step}, from the ${first}.`,
    untilCompleted: async run => {
      for (let write = first; write < MOST_WRITES; write += step) if ((await run(write)) === 'completed') return write;
      throw new Error(`still not completed at write ${MOST_WRITES}`);
    },
  };
}

/** The first digits of the commit that is checked out; 0 where there is none. */
function commitNumber(): number {
  try {
    const hash = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(hash.toString().slice(0, 8), 16);
  } catch {
    return 0;
  }
}
