import { fileURLToPath } from 'node:url';
import { type ControlPlane, startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import type { Manifest } from './case.ts';

const CRDS = fileURLToPath(new URL('../../crds', import.meta.url));
const API = '/apis/paddock.dev/v1alpha1';
/** Where objects of each kind are created. */
const PATHS: Readonly<Record<Manifest['kind'], string>> = {
  Cluster: `${API}/clusters`,
  Project: `${API}/namespaces/c-edge-1/projects`,
  RoleTemplate: `${API}/roletemplates`,
  RoleTemplateBinding: `${API}/namespaces/c-edge-1/roletemplatebindings`,
  ClusterAccess: `${API}/namespaces/c-edge-1/clusteraccesses`,
};

/** The part of metav1.Status that says why an object was refused. */
export interface Status {
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly field?: string; readonly message?: string }[] };
}

/** A real API server with our CRDs, nothing else of ours, and the namespace of a cluster edge-1. */
export class Hub {
  readonly #name: string;
  #controlPlane: ControlPlane | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  get controlPlane(): ControlPlane {
    if (this.#controlPlane === undefined) throw new Error(`hub ${this.#name} is not started: await start() first`);
    return this.#controlPlane;
  }

  /** Resolves once our kinds are served. */
  async start(): Promise<void> {
    this.#controlPlane = await startControlPlane({ name: this.#name, controllerManager: false });
    await this.kubectl(['apply', '--server-side', '-f', CRDS]);
    await this.kubectl(['create', 'namespace', 'c-edge-1']);
    const { api } = this.controlPlane;
    for (const [kind, path] of Object.entries(PATHS))
      await eventually(() => api.ok(path), { timeoutMs: 30_000, what: `${kind} is served` });
  }

  async stop(): Promise<void> {
    await this.#controlPlane?.stop();
  }

  /** Standard output of kubectl, with `input` as JSON on its standard input. Rejects with its standard error. */
  async kubectl(args: readonly string[], input?: unknown): Promise<string> {
    const stdin = input === undefined ? {} : { input: JSON.stringify(input) };
    const { stdout, stderr, code } = await this.controlPlane.kubectl(args, stdin);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  /** Whether the API server would create the object under strict validation, and what it says if not. */
  async dryRunCreate(object: Manifest): Promise<{ created: boolean; status: Status }> {
    const response = await this.controlPlane.api.request({
      method: 'POST',
      path: `${PATHS[object.kind]}?dryRun=All&fieldValidation=Strict`,
      body: object,
    });
    return { created: response.status === 201, status: JSON.parse(response.text) as Status };
  }
}
