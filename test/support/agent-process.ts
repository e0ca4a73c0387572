import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Exit, ManagedProcess } from '../../hack/control-plane/processes.ts';
import { agentKubeconfig } from './agents.ts';
import type { Site } from './fleet.ts';

const ENTRY = join(import.meta.dirname, 'agent-entry.ts');

/** One agent process, running from the start, that never outlives this one. */
export class AgentProcess {
  readonly #dir: string;
  readonly #process: ManagedProcess;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<Exit>;

  /** The agent of a downstream to which its manifest was applied. */
  constructor(site: Site, identity: string) {
    this.#dir = mkdtempSync(join(tmpdir(), 'paddock-agent-'));
    const kubeconfigFile = join(this.#dir, 'kubeconfig');
    writeFileSync(kubeconfigFile, agentKubeconfig(site), { mode: 0o600 });
    this.#process = new ManagedProcess({
      name: identity,
      command: process.execPath,
      args: [ENTRY, JSON.stringify({ kubeconfigFile, identity })],
      logFile: join(this.#dir, 'log'),
    });
    this.exited = new Promise(resolve => this.#process.onExit(resolve));
    this.#process.start();
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

  /** Ends it at once, also when it is frozen. */
  async kill(): Promise<void> {
    this.#process.signal('SIGKILL');
    await this.#process.exited();
  }

  /** Kills it and forgets what it printed. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
