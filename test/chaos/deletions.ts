import { LABEL_OWNER } from '#api';
import { type Client, type KubeObject, Namespaces, type ResourceType, type WatchEvent, Watcher } from '#runtime';
import { ContentTypes } from '../support/objects.ts';

/**
 * Every deletion of a copy and of a namespace in a cluster, as watches tell them: a copy that is deleted and
 * made again is seen too, and one that loses its owner label counts as deleted.
 */
export class DeletionLog {
  /** `secrets ns-1/token`, in the order of the events. */
  readonly seen: string[] = [];
  readonly #stop = new AbortController();

  private constructor() {}

  /** Resolves when it would see the next deletion. */
  static async start(client: Client): Promise<DeletionLog> {
    const log = new DeletionLog();
    await Promise.all([
      log.#watch(client, ContentTypes.Secret, LABEL_OWNER),
      log.#watch(client, ContentTypes.ConfigMap, LABEL_OWNER),
      log.#watch(client, Namespaces, ''),
    ]);
    return log;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #watch<T extends KubeObject>(client: Client, type: ResourceType<T>, labelSelector: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const emit = (event: WatchEvent<T>) => {
      if (event.type === 'InitDone') resolve();
      if (event.type !== 'Delete') return;
      const { namespace, name } = event.object.metadata ?? {};
      this.seen.push(`${type.plural} ${namespace === undefined ? '' : `${namespace}/`}${name}`);
    };
    const watcher = new Watcher<T>({ type, labelSelector, metadataOnly: true, emit });
    void watcher.run(client, this.#stop.signal);
    await promise;
  }
}
