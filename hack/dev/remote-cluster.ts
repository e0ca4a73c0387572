import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { writeFileAtomically } from '../control-plane/files.ts';
import { kubeconfig } from '../control-plane/kubeconfig.ts';
import { findJson, getJson, secretValue, textField } from './answers.ts';
import { joinStep } from './join.ts';

const JOIN_POLL_MS = 250;
const CREDENTIAL_POLL_MS = 2_000;
const APPLY_TIMEOUT_MS = 30_000;
const SECRETS_DOWNSTREAM = '/api/v1/namespaces/paddock-system/secrets';

export interface RemoteClusterOptions {
  readonly hub: ControlPlane;
  readonly downstream: ControlPlane;
  /** Where the agent's credential for the hub is written. */
  readonly dir: string;
  /** Called once, when the cluster has what its agent needs. */
  readonly startAgent: () => void;
  readonly log: (line: string) => void;
}

/** A downstream that an agent connects: its manifest is applied as a person would, then its agent runs. */
export class RemoteCluster {
  readonly #options: RemoteClusterOptions;
  readonly #name: string;
  readonly #kubeconfigFile: string;
  #written: string | undefined;
  /** Why the agent does not run yet; undefined when there is nothing to wait for. */
  #waitsFor: string | undefined = 'the hub was not asked yet';
  #agentRuns = false;
  /** resourceVersion of the heartbeat that an earlier start has left. */
  #oldHeartbeat: string | undefined;

  constructor(options: RemoteClusterOptions) {
    this.#options = options;
    this.#name = options.downstream.name;
    this.#kubeconfigFile = join(options.dir, `agent-${this.#name}.kubeconfig`);
  }

  /** Joins the cluster, starts its agent, and then keeps the file with the agent's credential current. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (!this.#agentRuns) await this.#join(signal);
        else await this.#writeKubeconfig();
      } catch (error) {
        // an API server that is away comes back; until then missing() tells
        this.#waitsFor = error instanceof Error ? error.message : String(error);
      }
      const pollMs = this.#agentRuns ? CREDENTIAL_POLL_MS : JOIN_POLL_MS;
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What is missing until the agent of this start works, in one sentence; undefined when nothing is. */
  async missing(): Promise<string | undefined> {
    const name = this.#name;
    if (!this.#agentRuns) return this.#waitsFor && `${name} can't be joined yet: ${this.#waitsFor}`;
    // the Cluster may still say Connected of the agent before
    const heartbeat = await this.#heartbeat();
    if (heartbeat === undefined || heartbeat === this.#oldHeartbeat)
      return `the agent of ${name} has sent no heartbeat since it was started`;
    return (await this.#writeKubeconfig()) ? undefined : `the agent of ${name} has no credential for the hub`;
  }

  async #heartbeat(): Promise<string | undefined> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/c-${this.#name}/leases/heartbeat`;
    return textField(await findJson(this.#options.hub.api, path), 'metadata', 'resourceVersion');
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { hub, downstream, startAgent, log } = this.#options;
    const name = this.#name;
    const [cluster, offered, applied, heartbeat] = await Promise.all([
      getJson(hub.api, `/apis/paddock.dev/v1alpha1/clusters/${name}`),
      findJson(hub.api, `/api/v1/namespaces/c-${name}/secrets/registration`),
      findJson(downstream.api, `${SECRETS_DOWNSTREAM}/paddock-agent-registration`),
      this.#heartbeat(),
    ]);
    const step = joinStep({ name, cluster, offered, applied });
    this.#waitsFor = step.kind === 'wait' ? step.why : undefined;
    if (step.kind === 'wait' || step.kind === 'none') return;
    if (step.kind === 'apply') {
      this.#waitsFor = 'its manifest is being applied';
      log(`applying its manifest to ${name}`);
      await this.#apply(step.manifest);
    }
    if (signal.aborted) return;
    this.#oldHeartbeat = heartbeat;
    startAgent();
    this.#agentRuns = true;
  }

  async #apply(manifest: string): Promise<void> {
    const options = { input: manifest, timeoutMs: APPLY_TIMEOUT_MS };
    const { code, stderr } = await this.#options.downstream.kubectl(['apply', '-f', '-'], options);
    if (code !== 0) throw new Error(`kubectl apply of its manifest failed: ${stderr.trim()}`);
  }

  /** Writes DIR/agent-<name>.kubeconfig if it is not what it should be; false while the agent has no credential. */
  async #writeKubeconfig(): Promise<boolean> {
    const { hub, downstream } = this.#options;
    const stored = await findJson(downstream.api, `${SECRETS_DOWNSTREAM}/paddock-agent-credential`);
    const token = secretValue(stored, 'token');
    if (token === undefined) return false;
    const user = `agent-${this.#name}`;
    const text = kubeconfig({ cluster: hub.name, server: hub.url, caPem: hub.caPem, user, credential: { token } });
    if (text !== this.#written) writeFileAtomically(this.#kubeconfigFile, text, { mode: 0o600 });
    this.#written = text;
    return true;
  }
}
