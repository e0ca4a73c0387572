import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess } from '../../hack/control-plane/processes.ts';
import { agentKubeconfig } from './agents.ts';
import type { Site } from './fleet.ts';
import { OperatorProcess } from './operator-process.ts';

const ENTRY = join(import.meta.dirname, 'agent-entry.ts');

/** One agent process, running from the start, that never outlives this one. */
export class AgentProcess extends OperatorProcess {
  readonly #dir: string;

  /** The agent of a downstream to which its manifest was applied. */
  constructor(site: Site, identity: string) {
    const dir = mkdtempSync(join(tmpdir(), 'paddock-agent-'));
    const kubeconfigFile = join(dir, 'kubeconfig');
    writeFileSync(kubeconfigFile, agentKubeconfig(site), { mode: 0o600 });
    super(
      new ManagedProcess({
        name: identity,
        command: process.execPath,
        args: [ENTRY, JSON.stringify({ kubeconfigFile, identity })],
        logFile: join(dir, 'log'),
      }),
    );
    this.#dir = dir;
  }

  /** Kills it and forgets what it printed. */
  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
