import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', '..', 'hack', 'dev', 'main.ts');

export interface DevCommandOptions {
  readonly dir: string;
  readonly downstreams: number;
  /** Default: the flag is not given. */
  readonly agents?: number;
}

/** `npm run dev`, with a package of its own beside `dir`, so that the test says itself what the script is. */
export class DevCommand {
  readonly #npm: ChildProcess;
  #printed = '';

  constructor({ dir, downstreams, agents }: DevCommandOptions) {
    const home = `${dir}-package`;
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), JSON.stringify({ scripts: { dev: `exec node ${MAIN}` } }));
    const flags = ['--dir', dir, '--downstreams', `${downstreams}`, ...(agents ? ['--agents', `${agents}`] : [])];
    const npm = spawn('npm', ['run', 'dev', '--', ...flags], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
    });
    npm.stdout.on('data', (chunk: Buffer) => {
      this.#printed += chunk.toString('utf8');
    });
    this.#npm = npm;
  }

  /** Whether it has printed the line `ready`. */
  get ready(): boolean {
    return this.#printed.split('\n').includes('ready');
  }

  /** Sends a signal to npm itself; nothing happens if it has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#npm.kill(signal);
  }
}

/** Pids of the processes whose command line names this folder or a file in it, zombies left out. */
export function processesOf(dir: string): number[] {
  return execFileSync('ps', ['-eo', 'pid=,stat=,args='], { encoding: 'utf8', env: { ...process.env, COLUMNS: '2000' } })
    .split('\n')
    .filter(line => line.includes(dir) && !/^\s*\d+\s+Z/.test(line) && !line.includes('ps -eo'))
    .map(line => Number.parseInt(line, 10));
}

/** What operators.pid names, in its order. */
export function operatorPids(dir: string): number[] {
  return readFileSync(join(dir, 'operators.pid'), 'utf8').trim().split('\n').map(Number);
}
