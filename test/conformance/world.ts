import {
  Cache,
  Client,
  type Clock,
  type Credentials,
  type Informer,
  type KubeObject,
  type ResourceType,
  Transport,
  type TransportOptions,
  type WatcherTimings,
} from '#runtime';
import { eventually } from '../support/eventually.ts';
import { ConfigMaps, FakeApiServer, type FakeApiServerOptions, Secrets } from '../support/fake-api-server/index.ts';

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export const ConfigMapType: ResourceType<ConfigMap> = ConfigMaps;

/** The watcher's own proportions, a hundred times faster. */
export const FAST: Partial<WatcherTimings> = {
  idleMs: 400,
  initIdleMs: 400,
  backoffBaseMs: 10,
  backoffMaxMs: 100,
};

/** One deadline for everything that a test waits for. */
export const within = (what: string) => ({ timeoutMs: 15_000, what });

/** Requests under `/prefix` carry the bearer token, if one is given. */
export function plainCredentials(server: string, token?: string): Credentials {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return { resolve: async () => ({ server, tls: {}, headers }) };
}

export interface WorldOptions extends Partial<TransportOptions> {
  readonly server?: Partial<FakeApiServerOptions>;
  readonly timings?: Partial<WatcherTimings>;
  readonly clock?: Clock;
}

/** A fake API server and one process's connection to it: transport, caches, client. */
export class World {
  readonly server: FakeApiServer;
  readonly transport: Transport;
  readonly cache: Cache;
  readonly client: Client;
  /** What the watches reported: failures, and `undefined` for being well. */
  readonly health: unknown[] = [];
  readonly #stop = new AbortController();

  static async start(options: WorldOptions = {}): Promise<World> {
    const kinds = [ConfigMaps, Secrets];
    return new World(await FakeApiServer.start({ kinds, ...options.server }), options);
  }

  private constructor(server: FakeApiServer, { timings, server: _server, ...options }: WorldOptions) {
    this.server = server;
    this.transport = new Transport({ credentials: plainCredentials(server.url), ...options });
    this.cache = new Cache({
      cluster: 'fake',
      timings: { ...FAST, ...timings },
      freeze: true,
      onHealth: error => this.health.push(error),
      ...(options.clock ? { clock: options.clock } : {}),
    });
    this.client = new Client(this.transport, { fieldManager: 'test', observer: this.cache });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The shared informer of a kind, started and synced. */
  async informer<T extends KubeObject>(
    type: ResourceType<T>,
    request: Parameters<typeof this.cache.informer<T>>[1] = {},
  ): Promise<Informer<T>> {
    const informer = this.cache.informer<T>(type, request);
    this.cache.start(this.client, this.signal);
    await informer.whenSynced(AbortSignal.timeout(15_000));
    return informer;
  }

  async stop(): Promise<void> {
    this.server.faults.clear();
    this.#stop.abort(new Error('the test is over'));
    await this.transport.close();
    await this.server.stop();
  }
}

export function configMap(
  name: string,
  content: { n?: number | string; labels?: Record<string, string>; namespace?: string } = {},
): ConfigMap {
  const { n = 0, labels, namespace = 'x' } = content;
  const metadata = { name, namespace, ...(labels ? { labels } : {}) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { n: String(n), text: 'žluťoučký kůň 🐎' } };
}

/** `x/a@102`: what a cache knows or a server stores, in the order of names. */
export function versions(objects: readonly KubeObject[]): string[] {
  return objects.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}@${metadata?.resourceVersion}`).sort();
}

/** Waits until the cache is what the server stores. */
export async function converged<T extends KubeObject>(
  informer: Informer<T>,
  server: FakeApiServer,
  timeoutMs = 15_000,
): Promise<void> {
  await eventually(
    () => {
      const [known, stored] = [versions(informer.list()), versions(server.store.list(informer.type))];
      return JSON.stringify(known) === JSON.stringify(stored);
    },
    { timeoutMs, what: 'the cache is what the server stores' },
  );
}
