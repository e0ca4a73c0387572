import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../test/support/eventually.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

/** The demo as a process of its own, for tests: started in `home`, with temporary folders in `home`/tmp. */
export class DemoProcess {
  readonly home: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';

  constructor(home: string, args: readonly string[] = []) {
    this.home = home;
    const tmp = join(home, 'tmp');
    mkdirSync(tmp, { recursive: true });
    const env = { ...process.env, TMPDIR: tmp };
    this.#child = spawn(process.execPath, [MAIN, ...args], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = once(this.#child, 'exit').then(([code]) => (typeof code === 'number' ? code : null));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
  }

  /** What it has written so far. */
  get output(): string {
    return this.#output;
  }

  /** Resolves once it has written this. Rejects with what it wrote instead when it ends, or takes too long. */
  async hasWritten(text: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    await eventually(() => this.#output.includes(text) || this.#child.exitCode !== null, {
      timeoutMs,
      what: `the demo writes "${text}"`,
    });
    if (!this.#output.includes(text)) throw new Error(`the demo ended before it wrote "${text}":\n${this.#output}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its exit code; null if a signal ended it. */
  async ended(): Promise<number | null> {
    return await this.#ended;
  }

  /** What is left of it after its end: processes that name its folder, and files. */
  left(): string[] {
    const processes = execFileSync('ps', ['-eo', 'stat=,args=', '-ww'], { encoding: 'utf8' })
      .split('\n')
      .filter(line => line.includes(this.home) && !line.startsWith('Z'));
    const files = readdirSync(this.home, { recursive: true, encoding: 'utf8' }).filter(file => file !== 'tmp');
    return [...processes, ...files];
  }
}
