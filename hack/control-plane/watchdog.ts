import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { systemErrorCode } from './system-error.ts';

/**
 * Reads `+ pid` and `- pid` lines; at end of input, which is our death by whatever means, kills every process group
 * that is left. Plain POSIX sh, since Linux's parent-death signal has no counterpart on macOS. A frozen process dies
 * too: SIGKILL needs no cooperation.
 */
const WATCHDOG = `
trap '' INT TERM HUP
alive=' '
while read -r change pid; do
  case $change in
    +) alive="$alive$pid " ;;
    -) case $alive in *" $pid "*) alive="\${alive%% $pid *} \${alive#* $pid }" ;; esac ;;
  esac
done
for pid in $alive; do kill -s KILL -- "-$pid" 2>/dev/null; done
`;

/**
 * Holds a child back until the watchdog knows it: without this, our death between fork and registration would leave
 * an orphan. If we die first, the read ends and the command never starts.
 */
const GATE = 'read -r go <&3 || exit 1; exec 3<&-; exec "$@"';

interface Watchdog {
  readonly process: ChildProcess;
  readonly lines: Writable;
}

const guarded = new Set<number>();
let watchdog: Watchdog | undefined;

function startWatchdog(): Watchdog {
  const child = spawn('/bin/sh', ['-c', WATCHDOG], { detached: true, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] });
  const { stdin } = child;
  // Neither it nor its pipe is a reason for us to go on running.
  child.unref();
  if (stdin instanceof Socket) stdin.unref();
  stdin.on('error', () => {
    // Its exit, handled below, says the same.
  });
  child.on('exit', () => {
    if (watchdog?.process !== child) return;
    watchdog = undefined;
    // Somebody killed it: the children must not be left unguarded.
    if (guarded.size > 0) watchdog = startWatchdog();
  });
  for (const pid of guarded) stdin.write(`+ ${pid}\n`);
  return { process: child, lines: stdin };
}

function guard(pid: number): void {
  watchdog ??= startWatchdog();
  guarded.add(pid);
  watchdog.lines.write(`+ ${pid}\n`);
}

function release(pid: number): void {
  guarded.delete(pid);
  watchdog?.lines.write(`- ${pid}\n`);
  if (guarded.size > 0) return;
  watchdog?.lines.end();
  watchdog = undefined;
}

export interface GuardedSpawn {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly stdin: 'ignore' | 'pipe';
  /** A file descriptor, or `pipe`. */
  readonly stdout: number | 'pipe';
  readonly stderr: number | 'pipe';
}

/**
 * Starts a command in a session of its own that does not outlive this process: when we end, also by SIGKILL, the
 * whole process group is killed. A command that can't be executed exits with 126 or 127 and says why on stderr.
 */
export function spawnGuarded({ command, args, cwd, env, stdin, stdout, stderr }: GuardedSpawn): ChildProcess {
  const child = spawn('/bin/sh', ['-c', GATE, command, command, ...args], {
    detached: true,
    stdio: [stdin, stdout, stderr, 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  const { pid } = child;
  if (pid === undefined) return child; // the `error` event says why
  guard(pid);
  child.once('exit', () => release(pid));
  const gate = child.stdio[3];
  if (gate instanceof Socket) {
    gate.on('error', () => {
      // It died before we opened the gate; its exit says so.
    });
    gate.end('go\n');
  }
  return child;
}

/** Sends a signal to a child's whole process group; no error if it is gone already. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

/** Kills every guarded process at once, frozen ones too. For an end that can't wait. */
export function killAllGuarded(): void {
  for (const pid of guarded) signalGroup(pid, 'SIGKILL');
}
