import { text } from 'node:stream/consumers';
import { signalGroup, spawnGuarded } from './watchdog.ts';

export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Milliseconds until it is killed. Default: none. */
  readonly timeoutMs?: number | undefined;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; 127 if there is no such command, 137 if it was killed. */
  readonly code: number;
}

/** Runs a command to its end and returns what it wrote, whatever its exit code. It never outlives this process. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, cwd, env, timeoutMs } = options;
  const stdin = input === undefined ? 'ignore' : 'pipe';
  const child = spawnGuarded({ command, args, cwd, env, stdin, stdout: 'pipe', stderr: 'pipe' });
  const { pid, stdout, stderr } = child;
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', cause => reject(new Error(`${command} could not be started`, { cause })));
  child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 137)));
  if (pid === undefined || stdout === null || stderr === null) return { stdout: '', stderr: '', code: await ended };

  child.stdin?.on('error', () => {
    // It ended without reading everything; its exit code tells.
  });
  child.stdin?.end(input);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => signalGroup(pid, 'SIGKILL'), timeoutMs);
  const [out, err, code] = await Promise.all([text(stdout), text(stderr), ended]);
  clearTimeout(timer);
  return { stdout: out, stderr: err, code };
}
