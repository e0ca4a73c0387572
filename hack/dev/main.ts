// A hub, clusters and all operators on this machine: npm run dev -- --dir DIR --downstreams N --agents N
import { killAllGuarded } from '../control-plane/watchdog.ts';
import { type DevArguments, parseDevArguments, USAGE } from './arguments.ts';
import { type Dev, startDev } from './dev.ts';

const PARENT_POLL_MS = 500;

const underNpm = process.env.npm_lifecycle_event !== undefined;
// npm runs scripts in the package's folder; a relative path is meant from where the user stands.
const from = (process.env.npm_lifecycle_event === 'dev' && process.env.INIT_CWD) || process.cwd();
const parent = process.ppid;
let dev: Dev | undefined;
let ending = false;

const log = (line: string): void => console.error(line);

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function endAtOnce(code: number): never {
  killAllGuarded();
  process.exit(code);
}

async function end(): Promise<void> {
  // npm passes on what the terminal has sent us already, so a second signal means no more than the first.
  if (ending) return;
  ending = true;
  // Killing a start half-way is safe: whatever is on disk is taken up by the next one.
  if (dev === undefined) endAtOnce(0);
  log('stopping');
  await dev.stop();
  process.exit(0);
}

function handleSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      end().catch((error: unknown) => {
        log(messageOf(error));
        endAtOnce(1);
      });
    });
  }
  // A reader that has seen enough is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** SIGKILL of npm can't be passed on to us, but it gives us another parent. */
function followParent(): void {
  if (!underNpm) return;
  setInterval(() => {
    if (process.ppid !== parent) endAtOnce(1);
  }, PARENT_POLL_MS);
}

function readArguments(): DevArguments {
  try {
    return parseDevArguments(process.argv.slice(2), { from });
  } catch (error) {
    log(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

handleSignals();
followParent();
try {
  dev = await startDev({ ...readArguments(), log });
  if (await dev.ready()) console.log('ready');
} catch (error) {
  log(messageOf(error));
  endAtOnce(1);
}
