import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { BUNDLE } from '../../hack/bundle/bundle.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../hack/bundle/node.ts';

/** One operator as it is shipped: the bundle in a process of its own. */
export class OperatorProcess {
  readonly #child: ChildProcess;
  readonly #port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
  }

  static async start(name: string, kubeconfigFile: string): Promise<OperatorProcess> {
    const port = await freePort();
    const args = [...NODE_FLAGS, BUNDLE, 'run', name, '--kubeconfig', kubeconfigFile, '--identity', `bench-${name}`];
    const child = spawn(process.execPath, [...args, '--metrics-port', String(port), '--log-level', 'warn'], {
      stdio: ['ignore', process.stderr, process.stderr], // standard output is the figures alone
      env: { ...process.env, ...NODE_ENVIRONMENT },
    });
    return new OperatorProcess(child, port);
  }

  /** Resident memory now and at its highest, MiB. */
  memory(): { rss: number; peak: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const mib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
    return { rss: mib('VmRSS'), peak: mib('VmHWM') };
  }

  /** The sum of a metric over the labels that match. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
    return text
      .split('\n')
      .filter(line => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter(line => line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
