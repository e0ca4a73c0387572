import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run demo -- [--dir DIR] [--once]

  --dir DIR   holds all state and is kept; started again with the same DIR, the demo goes on with the same clusters
              (default: a temporary folder, removed at the end)
  --once      ends when the samples have converged: exit code 0, or 1 with the reason`;

export interface DemoArguments {
  /** Absolute; undefined for a temporary folder. */
  readonly dir: string | undefined;
  readonly once: boolean;
}

/**
 * Reads the command line; `from` is the folder that a relative DIR is meant from. Throws an error for people to read
 * when it makes no sense.
 */
export function parseDemoArguments(args: readonly string[], { from }: { readonly from: string }): DemoArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { dir: { type: 'string' }, once: { type: 'boolean', default: false } },
  });
  if (values.dir === '') throw new Error('--dir is empty: name a folder, or leave it out for a temporary one');
  return { dir: values.dir === undefined ? undefined : resolve(from, values.dir), once: values.once };
}
