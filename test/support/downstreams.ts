import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Downstream {
  readonly name: string;
  readonly server: string;
  /** PEM. */
  readonly ca: string;
}

/** What the process of the downstreams is told. */
export interface DownstreamsOrder {
  readonly start: { readonly names: readonly string[]; readonly pods: number; readonly projects: number };
  /** Ends the server of this name, and its connections. */
  readonly kill: string;
}

/** What it tells. */
export type DownstreamsMessage = { readonly started: readonly Downstream[] } | { readonly killed: string };

/** Many small API servers, over TLS, with what a cluster in use holds: of a real one each would need 300 MiB. */
export class Downstreams {
  readonly all: readonly Downstream[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, all: readonly Downstream[]) {
    this.#child = child;
    this.all = all;
  }

  static async start(options: DownstreamsOrder['start']): Promise<Downstreams> {
    const child = fork(join(import.meta.dirname, 'downstreams-process.ts'), {
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    });
    child.send({ start: options });
    const message = await answer(child);
    if (!('started' in message)) throw new Error('the downstreams did not start');
    return new Downstreams(child, message.started);
  }

  async kill(name: string): Promise<void> {
    const killed = answer(this.#child);
    this.#child.send({ kill: name });
    await killed;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

/** Written by the same program that reads it, so it is not checked again. */
async function answer(child: ChildProcess): Promise<DownstreamsMessage> {
  const heard = new AbortController();
  const { signal } = heard;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the process of the downstreams has ended');
  });
  const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
  ended.catch(() => undefined);
  heard.abort();
  return message as DownstreamsMessage;
}

/** A kubeconfig by which a downstream is imported. */
export function kubeconfigOf({ name, server, ca }: Downstream): string {
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name: 'paddock', user: { token: 'bench' } }],
    contexts: [{ name, context: { cluster: name, user: 'paddock' } }],
    'current-context': name,
  });
}
