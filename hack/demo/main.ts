// A hub and a downstream with the samples, shown live: npm run demo -- [--dir DIR] [--once]
import { killAllGuarded } from '../control-plane/watchdog.ts';
import { type DemoArguments, parseDemoArguments, USAGE } from './arguments.ts';
import { Demo } from './demo.ts';

const PARENT_POLL_MS = 500;

const underNpm = process.env.npm_lifecycle_event !== undefined;
// npm runs scripts in the package's folder; a relative path is meant from where the user stands.
const from = (process.env.npm_lifecycle_event === 'demo' && process.env.INIT_CWD) || process.cwd();
const parent = process.ppid;
let ending: Promise<void> | undefined;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function readArguments(): DemoArguments {
  try {
    return parseDemoArguments(process.argv.slice(2), { from });
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

const options = readArguments();
const demo = new Demo({ ...options, home: from, out: process.stdout });

function endAtOnce(code: number): never {
  killAllGuarded();
  demo.clear();
  process.exit(code);
}

/** However often it is asked for: npm passes on what the terminal has sent us already. */
function end(code: number): Promise<void> {
  ending ??= demo.stop().then(
    () => process.exit(code),
    (error: unknown) => {
      console.error(messageOf(error));
      endAtOnce(1);
    },
  );
  return ending;
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end(0));
process.stderr.on('error', () => undefined);
// SIGKILL of npm can't be passed on to us, but it gives us another parent.
if (underNpm)
  setInterval(() => {
    if (process.ppid !== parent) endAtOnce(1);
  }, PARENT_POLL_MS);

try {
  await demo.run();
  if (options.once) await end(0);
} catch (error) {
  // What was interrupted by the end is no news.
  if (ending === undefined) {
    await demo.leaveView();
    console.error(messageOf(error));
    await end(1);
  }
}
