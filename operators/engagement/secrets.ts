import { type Cache, dropBookkeeping, type Informer, type ResourceType } from '#runtime';
import type { Secret, SecretReference } from './kubeconfig.ts';

export const Secrets: ResourceType<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};

/** One watch on one Secret for each cluster that has its kubeconfig there. No other Secret is ever read. */
export class KubeconfigSecrets {
  readonly #cache: Cache;
  readonly #user: string;
  readonly #onChange: (cluster: string) => void;
  readonly #watched = new Map<string, SecretReference>();

  /** `user` names who watches: each has informers of its own, so that releasing one takes nothing from another. */
  constructor(cache: Cache, user: string, onChange: (cluster: string) => void) {
    this.#cache = cache;
    this.#user = user;
    this.#onChange = onChange;
  }

  /** The informer of the Secret; the watch of another one for the same cluster ends. */
  watch(cluster: string, reference: SecretReference): Informer<Secret> {
    const before = this.#watched.get(cluster);
    if (before?.namespace === reference.namespace && before.name === reference.name) return this.#informer(reference);
    this.release(cluster);
    this.#watched.set(cluster, reference);
    const informer = this.#informer(reference);
    const changed = () => this.#onChange(cluster);
    informer.subscribe({ applied: changed, deleted: changed, synced: changed });
    return informer;
  }

  /** Ends the cluster's watch, if it has one. */
  release(cluster: string): void {
    const reference = this.#watched.get(cluster);
    if (!reference) return;
    this.#watched.delete(cluster);
    this.#cache.release(Secrets, this.#request(reference));
  }

  #informer(reference: SecretReference): Informer<Secret> {
    return this.#cache.informer(Secrets, this.#request(reference));
  }

  #request({ namespace, name }: SecretReference) {
    const transform = { name: `for ${this.#user}`, apply: (secret: Secret): Secret => dropBookkeeping(secret) };
    return { namespace, fieldSelector: `metadata.name=${name}`, transform };
  }
}
