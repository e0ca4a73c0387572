import { type Cluster, type Informer, type KubeObject, type ResourceType, resourceName, type Watched } from '#runtime';
import { CustomResourceDefinitions } from '../engagement/uninstall.ts';

/** Whether a kind is installed in the hub: objects that go with their kind were not taken from anybody. */
export interface Installed {
  /** It is there, is not going, and that can be read now. */
  readonly known: boolean;
  /** It is being uninstalled, which was read from the server. */
  letGo(): void;
  whenSynced(signal: AbortSignal): Promise<void>;
}

/** By its definition. */
export class InstalledKind implements Installed {
  readonly #name: string;
  readonly #definition: Informer<KubeObject>;
  /** uid of the definition that is being deleted, and its objects with it. */
  #uninstalled: string | undefined;

  constructor(hub: Cluster, kind: ResourceType) {
    this.#name = resourceName(kind);
    this.#definition = hub.cache.informer(CustomResourceDefinitions, {
      fieldSelector: `metadata.name=${this.#name}`,
      metadataOnly: true,
    });
  }

  get known(): boolean {
    const { uid, deletionTimestamp } = this.#definition.get(this.#name)?.metadata ?? {};
    const isInstalled = uid !== undefined && uid !== this.#uninstalled && deletionTimestamp === undefined;
    return isInstalled && this.#definition.known;
  }

  letGo(): void {
    this.#uninstalled = this.#definition.get(this.#name)?.metadata?.uid;
  }

  whenSynced(signal: AbortSignal): Promise<void> {
    return this.#definition.whenSynced(signal);
  }
}

/**
 * For an agent, which may not read definitions: the hub's operator tells it of an uninstallation, and that is over when
 * the kind could not be read for a while and can be read again.
 */
export class InstalledAsTold implements Installed {
  readonly #objects: Watched<KubeObject>;
  #state: 'installed' | 'going' | 'gone' = 'installed';

  constructor(objects: Watched<KubeObject>) {
    this.#objects = objects;
  }

  get known(): boolean {
    if (this.#state === 'going' && !this.#objects.known) this.#state = 'gone';
    if (this.#state === 'gone' && this.#objects.known) this.#state = 'installed';
    return this.#state === 'installed';
  }

  letGo(): void {
    if (this.#state === 'installed') this.#state = 'going';
  }

  async whenSynced(): Promise<void> {
    // nothing is read
  }
}
