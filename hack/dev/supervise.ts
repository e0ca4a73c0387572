import type { Exit, ManagedProcess } from '../control-plane/processes.ts';

/** A run at least this long was a success: the next restart is a quick one again. */
const STABLE_MS = 10_000;
const QUIET_AFTER = 3;
const REMIND_EVERY = 20;

export interface SuperviseOptions {
  /** Milliseconds from an exit to the next start: the first after a stable run, then the others; the last repeats. */
  readonly delaysMs: readonly [number, ...number[]];
  readonly log: (line: string) => void;
  /** Called after each exit and each start. */
  readonly onChange?: () => void;
}

/** Starts a process again whenever it ends. One that is frozen has not ended and is left alone. */
export class Supervisor {
  readonly #process: ManagedProcess;
  readonly #options: SuperviseOptions;
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = Date.now();
  #quickExits = 0;

  /** From now on; `close()` ends it. */
  constructor(process: ManagedProcess, options: SuperviseOptions) {
    this.#process = process;
    this.#options = options;
    this.#unsubscribe = process.onExit(exit => this.#report(exit));
    // It may have ended before there was anybody to notice.
    if (!process.running) this.#restart();
  }

  #report(exit: Exit): void {
    const { log, onChange } = this.#options;
    if (Date.now() - this.#startedAt >= STABLE_MS) this.#quickExits = 0;
    if (this.#quickExits < QUIET_AFTER || this.#quickExits % REMIND_EVERY === 0) {
      const how = exit.signal === null ? `with code ${exit.code}` : `by ${exit.signal}`;
      log(`${this.#process.name} ended ${how}; it is started again, see ${this.#process.logFile}`);
    }
    onChange?.();
    this.#restart();
  }

  #restart(): void {
    const { delaysMs, onChange } = this.#options;
    const delayMs = delaysMs[Math.min(this.#quickExits, delaysMs.length - 1)] ?? delaysMs[0];
    this.#quickExits += 1;
    this.#timer = setTimeout(() => {
      this.#startedAt = Date.now();
      this.#process.start();
      onChange?.();
    }, delayMs);
  }

  /** Starts it no more. */
  close(): void {
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }
}
