import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Of each kind. */
const MOST_DOWNSTREAMS = 20;

export const USAGE = `usage: npm run dev -- --dir DIR [--downstreams N] [--agents N]

  --dir DIR          holds all state; started again with the same DIR, the same clusters go on
  --downstreams N    clusters besides the hub, named edge-1, edge-2, …: 0 to ${MOST_DOWNSTREAMS} (default 1)
  --agents N         more clusters, named remote-1, remote-2, …, connected by agents: 0 to ${MOST_DOWNSTREAMS} (default 0)`;

export interface DevArguments {
  /** Absolute. */
  readonly dir: string;
  readonly downstreams: number;
  readonly agents: number;
}

/**
 * Reads the command line; `from` is the folder that a relative DIR is meant from. Throws an error for people to read
 * when it makes no sense.
 */
export function parseDevArguments(args: readonly string[], { from }: { readonly from: string }): DevArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      downstreams: { type: 'string', default: '1' },
      agents: { type: 'string', default: '0' },
    },
  });
  const { dir, downstreams, agents } = values;
  if (!dir) throw new Error('--dir DIR is missing: name the folder that is to hold all state');
  return {
    dir: resolve(from, dir),
    downstreams: parseCount('--downstreams', downstreams),
    agents: parseCount('--agents', agents),
  };
}

function parseCount(flag: string, text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= MOST_DOWNSTREAMS) return Number(text);
  throw new Error(`${flag} ${text} is not a number from 0 to ${MOST_DOWNSTREAMS}`);
}
