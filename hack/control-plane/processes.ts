import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { signalGroup, spawnGuarded } from './watchdog.ts';

const TAIL_BYTES = 16_384;

export interface ProcessSpec {
  /** How messages call it: `kube-apiserver of hub`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Standard output and error are appended here. */
  readonly logFile: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It was asked to by `stop()`. */
  readonly expected: boolean;
}

export interface StopOptions {
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

interface Run {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  stopping: boolean;
}

/** A long-running child that can be started again, frozen and stopped, and that never outlives this process. */
export class ManagedProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ProcessSpec;
  readonly #exitListeners = new Set<(exit: Exit) => void>();
  #run: Run | undefined;
  #logStart = 0;

  constructor(spec: ProcessSpec) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#spec = spec;
  }

  /** Undefined while it is not running. */
  get pid(): number | undefined {
    return this.#run?.pid;
  }

  get running(): boolean {
    return this.#run !== undefined;
  }

  /** Starts it; an error if it runs already. Whether it serves is for the caller to find out. */
  start(): void {
    if (this.#run !== undefined)
      throw new Error(`${this.name} runs already, as process ${this.#run.pid}: stop it first`);
    const log = openSync(this.logFile, 'a', 0o600);
    try {
      this.#logStart = fstatSync(log).size;
      const { command, args, env } = this.#spec;
      this.#adopt(spawnGuarded({ command, args, env, stdin: 'ignore', stdout: log, stderr: log }));
    } finally {
      closeSync(log);
    }
  }

  #adopt(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) {
      child.on('error', () => {
        // Reported below: the event carries no more than that.
      });
      throw new Error(`${this.name} could not be started: no more processes or files allowed? (see ulimit -a)`);
    }
    const { promise, resolve } = Promise.withResolvers<Exit>();
    const run: Run = { child, pid, exited: promise, stopping: false };
    this.#run = run;
    child.once('exit', (code, signal) => {
      this.#run = undefined;
      const exit = { code, signal, expected: run.stopping };
      resolve(exit);
      for (const listener of this.#exitListeners) listener(exit);
    });
  }

  /** Resolves when the present run ends; at once if there is none. */
  async exited(): Promise<void> {
    await this.#run?.exited;
  }

  /** Calls `listener` at each exit; returns what removes it again. */
  onExit(listener: (exit: Exit) => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  /** Sends a signal to the process and its children; nothing happens if it is not running. */
  signal(signal: NodeJS.Signals): void {
    if (this.#run !== undefined) signalGroup(this.#run.pid, signal);
  }

  /** Stops it from doing anything, its sockets staying open, until `resume()`. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** SIGTERM, and SIGKILL if it is still there after the grace period. Resolves once it is gone. */
  async stop({ graceMs }: StopOptions): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    run.stopping = true;
    this.signal('SIGTERM');
    const kill = setTimeout(() => signalGroup(run.pid, 'SIGKILL'), graceMs);
    await run.exited;
    clearTimeout(kill);
  }

  /** The last lines that the latest run logged, for error messages. */
  logTail(lines = 15): string {
    const log = openSync(this.logFile, 'r');
    try {
      const { size } = fstatSync(log);
      const start = Math.max(this.#logStart, size - TAIL_BYTES);
      const buffer = Buffer.alloc(Math.max(0, size - start));
      const length = readSync(log, buffer, 0, buffer.length, start);
      return buffer.toString('utf8', 0, length).trimEnd().split('\n').slice(-lines).join('\n');
    } finally {
      closeSync(log);
    }
  }
}
