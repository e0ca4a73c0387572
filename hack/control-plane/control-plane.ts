import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AdminClient } from './admin-client.ts';
import { ensureBinaries } from './binaries.ts';
import { type CommandResult, run } from './command.ts';
import * as components from './components.ts';
import { writeFileAtomically } from './files.ts';
import { kubeconfig } from './kubeconfig.ts';
import { openPki } from './pki.ts';
import { choosePorts, persistPorts } from './ports.ts';
import { ManagedProcess } from './processes.ts';
import { PortTakenError, untilReady } from './readiness.ts';

const READY_TIMEOUT_MS = 60_000;
const GRACE_MS = 2_500;
const KUBECTL_TIMEOUT_MS = 120_000;
const PORT_ATTEMPTS = 5;

export interface ControlPlaneOptions {
  /** Name of the cluster in its kubeconfigs and in messages. */
  readonly name: string;
  /** Holds all its state: started again with the same folder, it is the same cluster. Default: a temporary one. */
  readonly dir?: string;
  /** Default: true. Without it no namespace is ever gone and no owner reference cascades. */
  readonly controllerManager?: boolean;
  /** Default: false. */
  readonly scheduler?: boolean;
  /** Added to the API server's command line, as `--audit-log-path=-`. */
  readonly apiServerFlags?: readonly string[];
  /** Of the API server. Default: the one it had before in `dir`, or a free one. */
  readonly port?: number;
  /** Told when binaries have to be built. Default: standard error. */
  readonly log?: (line: string) => void;
}

export interface KubectlOptions {
  /** Standard input, for `-f -`. */
  readonly input?: string;
  /** Milliseconds until it is killed. Default: 2 min. */
  readonly timeoutMs?: number;
}

export interface User {
  readonly user: string;
  readonly groups?: readonly string[];
}

/** A running stock Kubernetes control plane with an etcd of its own. */
export class ControlPlane {
  readonly name: string;
  readonly dir: string;
  /** `https://127.0.0.1:<port>`; stays the same as long as `dir` does. */
  readonly url: string;
  readonly caPem: string;
  /** Kubeconfig (YAML) of a member of system:masters; also in `<dir>/admin.kubeconfig`. */
  readonly adminKubeconfig: string;
  readonly api: AdminClient;
  readonly etcd: ManagedProcess;
  readonly apiServer: ManagedProcess;
  readonly controllerManager: ManagedProcess | undefined;
  readonly scheduler: ManagedProcess | undefined;
  readonly #layout: components.Layout;
  readonly #etcdClient: AdminClient;
  readonly #temporary: boolean;

  /** Prepares the folder and starts nothing; use `startControlPlane`. */
  constructor(layout: components.Layout, { controllerManager, scheduler, temporary }: Parts) {
    const { name, dir, pki, ports } = layout;
    this.name = name;
    this.dir = dir;
    this.url = `https://127.0.0.1:${ports.apiServer}`;
    this.caPem = pki.caPem;
    this.#layout = layout;
    this.#temporary = temporary;
    this.api = new AdminClient({ url: this.url, caPem: pki.caPem, client: pki.admin });
    const etcdUrl = `https://127.0.0.1:${ports.etcd}`;
    this.#etcdClient = new AdminClient({ url: etcdUrl, caPem: pki.etcdCaPem, client: pki.etcdClient });
    this.adminKubeconfig = this.#kubeconfig('admin', pki.admin);
    this.#writeConfiguration();
    this.etcd = new ManagedProcess(components.etcd(layout));
    this.apiServer = new ManagedProcess(components.apiServer(layout));
    this.controllerManager = controllerManager ? new ManagedProcess(components.controllerManager(layout)) : undefined;
    this.scheduler = scheduler ? new ManagedProcess(components.scheduler(layout)) : undefined;
  }

  #kubeconfig(user: string, credential: { certPem: string; keyPem: string }): string {
    return kubeconfig({ cluster: this.name, server: this.url, caPem: this.caPem, user, credential });
  }

  #writeConfiguration(): void {
    const { pki } = this.#layout;
    const write = (file: string, text: string): void =>
      writeFileAtomically(join(this.dir, file), text, { mode: 0o600 });
    write('admin.kubeconfig', this.adminKubeconfig);
    write(components.AUTHENTICATION_FILE, components.AUTHENTICATION_CONFIGURATION);
    const controllerManager = this.#kubeconfig('controller-manager', pki.controllerManager);
    write(components.CONTROLLER_MANAGER_KUBECONFIG, controllerManager);
    write(components.SCHEDULER_KUBECONFIG, this.#kubeconfig('scheduler', pki.scheduler));
  }

  /** A kubeconfig (YAML) with a new client certificate for this user and these groups, valid for ten years. */
  kubeconfigFor({ user, groups = [] }: User): string {
    return this.#kubeconfig(user, this.#layout.pki.issueClient({ commonName: user, organizations: groups }));
  }

  /** Runs kubectl as admin and returns what it wrote and its exit code, whatever that is. */
  kubectl(
    args: readonly string[],
    { input, timeoutMs = KUBECTL_TIMEOUT_MS }: KubectlOptions = {},
  ): Promise<CommandResult> {
    // A discovery cache of our own: the usual one is by address, and ports come back with other clusters behind them.
    const own = ['--kubeconfig', join(this.dir, 'admin.kubeconfig'), '--cache-dir', join(this.dir, 'kubectl-cache')];
    return run(this.#layout.binaries.kubectl, [...own, ...args], { input, timeoutMs });
  }

  /** Starts what is not running and resolves once /readyz is ok. */
  async start(): Promise<void> {
    await this.startEtcd();
    await this.startApiServer();
    for (const process of [this.controllerManager, this.scheduler]) {
      if (process?.running === false) process.start();
    }
  }

  async startEtcd(): Promise<void> {
    if (!this.etcd.running) this.etcd.start();
    await untilReady(this.etcd, () => this.#etcdClient.ok('/health'), { timeoutMs: READY_TIMEOUT_MS });
  }

  async startApiServer(): Promise<void> {
    if (!this.apiServer.running) this.apiServer.start();
    await untilReady(this.apiServer, () => this.api.ok('/readyz'), { timeoutMs: READY_TIMEOUT_MS });
  }

  async stopEtcd(): Promise<void> {
    await this.etcd.stop({ graceMs: GRACE_MS });
  }

  async stopApiServer(): Promise<void> {
    await this.apiServer.stop({ graceMs: GRACE_MS });
  }

  /** Stops the API server and starts it on the same port; resolves once /readyz is ok again. */
  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  /** Compacts etcd at its latest revision, so that watches can't be resumed from the past. */
  async compactEtcd(): Promise<void> {
    const status = await this.#etcdctl(['endpoint', 'status', '--write-out', 'fields']);
    const revision = /^"Revision" : (\d+)$/m.exec(status)?.[1];
    if (revision === undefined)
      throw new Error(`etcdctl endpoint status of ${this.name} tells no revision:\n${status}`);
    await this.#etcdctl(['compaction', '--physical', revision]);
  }

  async #etcdctl(args: readonly string[]): Promise<string> {
    const { binaries, pki, ports } = this.#layout;
    const connection = [
      `--endpoints=https://127.0.0.1:${ports.etcd}`,
      `--cacert=${pki.path('etcd-ca.crt')}`,
      `--cert=${pki.path('etcd-client.crt')}`,
      `--key=${pki.path('etcd-client.key')}`,
    ];
    const { code, stdout, stderr } = await run(binaries.etcdctl, [...connection, ...args]);
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')} on ${this.name} failed: ${stderr.trim()}`);
    return stdout;
  }

  /** Stops everything within 6 s, also what is frozen. The folder stays: `start()` goes on with the same cluster. */
  async stopProcesses(): Promise<void> {
    const clients = [this.scheduler, this.controllerManager, this.apiServer];
    await Promise.all(clients.map(process => process?.stop({ graceMs: GRACE_MS })));
    await this.stopEtcd();
    this.api.close();
    this.#etcdClient.close();
  }

  /** Stops everything within 6 s, also what is frozen, and removes the folder if it was a temporary one. */
  async stop(): Promise<void> {
    await this.stopProcesses();
    if (this.#temporary) rmSync(this.dir, { recursive: true, force: true });
  }
}

interface Parts {
  readonly controllerManager: boolean;
  readonly scheduler: boolean;
  readonly temporary: boolean;
}

/**
 * Starts a control plane and resolves once its /readyz is ok, in a few seconds when the binaries are built. Any number
 * can run side by side. Nothing of it outlives this process. If it can't start, nothing of it is left running, and the
 * error quotes the log of the part that failed.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { name, apiServerFlags = [], log = line => console.error(line) } = options;
  const { controllerManager = true, scheduler = false } = options;
  const binaries = await ensureBinaries({ log });
  const temporary = options.dir === undefined;
  const dir = resolve(options.dir ?? mkdtempSync(join(tmpdir(), `paddock-${name}-`)));
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const pki = openPki(join(dir, 'pki'));
    for (let attempt = 1; ; attempt++) {
      const { ports, kept } = await choosePorts(dir, options);
      const layout = { name, dir, binaries, pki, ports, apiServerFlags };
      const controlPlane = new ControlPlane(layout, { controllerManager, scheduler, temporary });
      try {
        await controlPlane.start();
        persistPorts(dir, ports);
        return controlPlane;
      } catch (error) {
        await controlPlane.stopProcesses();
        // Somebody was quicker to listen on a port that was free a moment ago.
        if (!(error instanceof PortTakenError) || kept || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    if (temporary) rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}
