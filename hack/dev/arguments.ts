import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const MOST_DOWNSTREAMS = 20;

export const USAGE = `usage: npm run dev -- --dir DIR [--downstreams N]

  --dir DIR          holds all state; started again with the same DIR, the same clusters go on
  --downstreams N    clusters besides the hub, named edge-1, edge-2, …: 0 to ${MOST_DOWNSTREAMS} (default 1)`;

export interface DevArguments {
  /** Absolute. */
  readonly dir: string;
  readonly downstreams: number;
}

/**
 * Reads the command line; `from` is the folder that a relative DIR is meant from. Throws an error for people to read
 * when it makes no sense.
 */
export function parseDevArguments(args: readonly string[], { from }: { readonly from: string }): DevArguments {
  const { values } = parseArgs({
    args: [...args],
    options: { dir: { type: 'string' }, downstreams: { type: 'string', default: '1' } },
  });
  const { dir, downstreams } = values;
  if (!dir) throw new Error('--dir DIR is missing: name the folder that is to hold all state');
  if (!/^\d+$/.test(downstreams) || Number(downstreams) > MOST_DOWNSTREAMS) {
    throw new Error(`--downstreams ${downstreams} is not a number from 0 to ${MOST_DOWNSTREAMS}`);
  }
  return { dir: resolve(from, dir), downstreams: Number(downstreams) };
}
