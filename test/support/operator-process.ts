import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../hack/control-plane/command.ts';
import { type Exit, ManagedProcess } from '../../hack/control-plane/processes.ts';
import type { OperatorName } from '../../operators/run.ts';
import { MEASURE_LINE, type Measured, WRITE_LINE } from './write-line.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const GRACE_MS = 35_000;
/** CommonJS dependencies ask for Node's modules by require. */
const BANNER =
  "import{createRequire as __paddockRequire}from'node:module';const require=__paddockRequire(import.meta.url);";

export interface OperatorProcessOptions {
  /** Or the agent alone. */
  readonly operators: readonly (OperatorName | 'agent')[];
  /** Of the hub; for the agent of the cluster that it works for. */
  readonly kubeconfig: string;
  /** Contends for the leases under this name; without one it writes at once. */
  readonly identity?: string;
  /** The process kills itself when this write has been answered, before it acts on the answer. Leases and Events do not count. */
  readonly killAtWrite?: number;
  /** Requests in flight for one cluster at most; with 1, writes are made strictly one after the other. */
  readonly maxInFlight?: number;
  /** Tells its memory and the delay of its event loop every second: see {@link OperatorProcess.measured}. */
  readonly measure?: boolean;
}

/** Starts operators as processes of their own, from one bundle, which starts several times as fast as the sources. */
export class OperatorProcesses {
  readonly #dir: string;
  readonly #started = new Set<OperatorProcess>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Bundles the operators as they are now. */
  static async prepare(): Promise<OperatorProcesses> {
    const dir = mkdtempSync(join(tmpdir(), 'paddock-operators-'));
    const flags = ['--bundle', '--platform=node', '--format=esm', '--target=node24', '--log-level=warning'];
    const { code, stderr } = await run(
      join(ROOT, 'node_modules', '.bin', 'esbuild'),
      [join('test', 'support', 'operator-entry.ts'), `--outfile=${entryOf(dir)}`, `--banner:js=${BANNER}`, ...flags],
      { cwd: ROOT },
    );
    if (code !== 0) throw new Error(`the operators could not be bundled:\n${stderr}`);
    return new OperatorProcesses(dir);
  }

  start(options: OperatorProcessOptions): OperatorProcess {
    const { operators, kubeconfig, identity, killAtWrite, maxInFlight, measure } = options;
    const name = `operator-${this.#started.size + 1}`;
    const kubeconfigFile = join(this.#dir, `${name}.kubeconfig`);
    writeFileSync(kubeconfigFile, kubeconfig, { mode: 0o600 });
    const settings = JSON.stringify({ operators, kubeconfigFile, identity, killAtWrite, maxInFlight, measure });
    const managed = new ManagedProcess({
      name,
      command: process.execPath,
      args: [entryOf(this.#dir), settings],
      logFile: join(this.#dir, `${name}.log`),
    });
    const started = new OperatorProcess(managed);
    this.#started.add(started);
    return started;
  }

  /** Ends what still runs and removes the bundle and the logs. */
  async stop(): Promise<void> {
    await Promise.all([...this.#started].map(started => started.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const entryOf = (dir: string) => join(dir, 'operators.mjs');

/** One operator process, running from the start. */
export class OperatorProcess {
  readonly #process: ManagedProcess;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<Exit>;

  constructor(managed: ManagedProcess) {
    this.#process = managed;
    this.exited = new Promise(resolve => managed.onExit(resolve));
    managed.start();
  }

  get running(): boolean {
    return this.#process.running;
  }

  /** What it wrote so far, `PATCH /api/v1/namespaces/x 200`, in the order of the answers; Leases and Events left out. */
  writes(): string[] {
    return this.log()
      .split('\n')
      .filter(line => line.startsWith(WRITE_LINE))
      .map(line => line.slice(WRITE_LINE.length));
  }

  /** What it measured of itself, second by second, where it was asked to. Read from the log, which is trusted. */
  measured(): Measured[] {
    return this.log()
      .split('\n')
      .filter(line => line.startsWith(MEASURE_LINE))
      .map(line => JSON.parse(line.slice(MEASURE_LINE.length)));
  }

  /** Everything it printed. */
  log(): string {
    return readFileSync(this.#process.logFile, 'utf8');
  }

  /** Stops it from running, its sockets staying open, until {@link resume}. */
  freeze(): void {
    this.#process.freeze();
  }

  resume(): void {
    this.#process.resume();
  }

  /** Lets it end in good order. */
  async stop(): Promise<void> {
    await this.#process.stop({ graceMs: GRACE_MS });
  }

  /** Ends it at once, also when it is frozen. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL');
    await this.#process.exited();
  }
}
