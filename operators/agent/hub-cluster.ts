import { type Cluster, ClusterResource, clusterNamespace } from '#api';
import { type CallOptions, type Client, isForbidden, isUnauthorized } from '#runtime';
import { type Registration, RegistrationError, readRegistration } from './manifest-secret.ts';
import { newManifest } from './register.ts';

export interface HubClusterOptions {
  readonly registration: Registration;
  /** Where the manifest's Secret lies. */
  readonly downstream: Client;
  /** Told why the process can't go on with this registration. */
  readonly onMismatch: (error: RegistrationError) => void;
}

/** The agent's own Cluster, as the hub's server has it. */
export class HubCluster {
  readonly #options: HubClusterOptions;

  constructor(options: HubClusterOptions) {
    this.#options = options;
  }

  /**
   * Reads it. Another Cluster of that name, or the manifest of another one applied meanwhile, ends the process: when it
   * is started again it goes by what is there then.
   * @throws RegistrationError for these, and when the hub refuses the credential; ApiError when there is none
   */
  async read(hub: Client, call: CallOptions): Promise<Cluster> {
    const { cluster: name, clusterUid } = this.#options.registration;
    const object = await hub.get(ClusterResource, { name }, call).catch(error => this.#refused(error, call));
    if (object.metadata.uid === clusterUid) return object;
    await this.#assertInstalled(call);
    return this.#mismatch(
      `the hub has another Cluster ${name} (uid ${object.metadata.uid}) than the one that this manifest joined: apply its own manifest, of Secret registration in namespace ${clusterNamespace(name)}`,
    );
  }

  async #refused(error: unknown, call: CallOptions): Promise<never> {
    if (!isUnauthorized(error) && !isForbidden(error)) throw error;
    await this.#assertInstalled(call);
    const { cluster } = this.#options.registration;
    throw new RegistrationError(
      `the hub refuses this agent's credential (${error.code}): its Cluster ${cluster} was deleted, perhaps made anew, or the agent was revoked; ${newManifest(cluster)}`,
      { cause: error },
    );
  }

  /** The manifest that was applied last is the one that this process goes by. */
  async #assertInstalled({ signal }: CallOptions): Promise<void> {
    const { registration, downstream } = this.#options;
    const { cluster, clusterUid } = await readRegistration(downstream, signal);
    if (clusterUid !== registration.clusterUid)
      this.#mismatch(
        `the manifest of another Cluster (${cluster}, uid ${clusterUid}) was applied: the agent starts anew`,
      );
  }

  #mismatch(message: string): never {
    const error = new RegistrationError(message);
    this.#options.onMismatch(error);
    throw error;
  }
}
