import { returnMemory, shareSmallBlocks } from '#runtime';
import { RegistrationError } from './agent/manifest-secret.ts';
import { AGENT_USAGE, agentCommand } from './commands/agent.ts';
import { type Command, UsageError } from './commands/command.ts';
import { RUN_USAGE, runCommand } from './commands/run.ts';
import { VERSION } from './version.ts';

interface Entry {
  readonly usage: string;
  readonly read: (args: readonly string[]) => Command;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  run: { usage: RUN_USAGE, read: runCommand },
  agent: { usage: AGENT_USAGE, read: agentCommand },
};

const USAGE = `Usage: paddock <command> [flags]

Commands:
  run <operator>...      operators, in the hub
  agent                  the agent, in a cluster that reaches up to the hub

paddock <command> --help shows the flags of a command, paddock --version the version.
`;

/** Resolves with the exit code: 2 for a command line that makes no sense. */
async function main([name, ...args]: readonly string[]): Promise<number> {
  const entry = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const shown = shownInstead(name, args, entry);
  if (shown !== undefined) {
    process.stdout.write(shown);
    return 0;
  }
  try {
    if (!entry) throw new UsageError(`unknown command "${name ?? ''}": the commands are run and agent`);
    return await run(entry.read(args));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${entry?.usage ?? USAGE}`);
    return 2;
  }
}

/** What --help and --version ask for. */
function shownInstead(name: string | undefined, args: readonly string[], entry?: Entry): string | undefined {
  const asksFor = (...flags: string[]) => [name, ...args].some(arg => arg !== undefined && flags.includes(arg));
  if (asksFor('--help', '-h')) return entry?.usage ?? USAGE;
  return name === '--version' ? `paddock ${VERSION}\n` : undefined;
}

/** Runs the command until SIGTERM or SIGINT, or until it can't go on. */
async function run({ start, log }: Command): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      log.info({ signal: name }, 'stopping');
      stop.abort();
    });
  shareSmallBlocks();
  void returnMemory({ signal: stop.signal });
  try {
    await start(stop.signal);
    return 0;
  } catch (error) {
    // what a person has to do about a registration, and nothing else: a stack would only hide it
    if (error instanceof RegistrationError) log.fatal(error.message);
    else log.fatal({ err: error }, 'the process ends');
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
// what still holds the event loop open now is a socket that nobody waits for
setTimeout(() => process.exit(), 1_000).unref();
