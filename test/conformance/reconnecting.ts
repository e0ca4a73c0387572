import {
  Cluster,
  type ClusterOptions,
  type ClusterReplacedError,
  type Credentials,
  type Informer,
  silentLogger,
} from '#runtime';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { ConfigMaps, FakeApiServer, type FakeApiServerOptions, Namespaces } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, FAST, plainCredentials } from './world.ts';

/** A fake API server that has a kube-system, with one ConfigMap; of another seed it is another cluster. */
export async function startServer(options: Partial<FakeApiServerOptions> = {}): Promise<FakeApiServer> {
  const server = await FakeApiServer.start({ kinds: [Namespaces, ConfigMaps], ...options });
  server.store.create({ metadata: { name: 'x' }, kind: 'Namespace', apiVersion: 'v1' });
  server.store.create(configMap('a'));
  return server;
}

/** A server that is reached at two addresses, and a {@link Cluster} connected by the first. */
export class ReconnectingWorld {
  readonly server: FakeApiServer;
  readonly first: ChaosProxy;
  readonly second: ChaosProxy;
  readonly cluster: Cluster;
  readonly informer: Informer<ConfigMap>;
  /** What the cluster told of servers that were another, or restored. */
  readonly replaced: ClusterReplacedError[];

  private constructor(
    servers: Pick<ReconnectingWorld, 'server' | 'first' | 'second'>,
    cluster: Cluster,
    replaced: ClusterReplacedError[],
  ) {
    ({ server: this.server, first: this.first, second: this.second } = servers);
    this.cluster = cluster;
    this.replaced = replaced;
    this.informer = cluster.cache.informer(ConfigMapType);
  }

  /** `watchWindow`: how many events the server remembers, all of a usual test unless told. */
  static async start({
    watchWindow = 100_000,
    ...options
  }: Partial<ClusterOptions> & Pick<FakeApiServerOptions, 'watchWindow'> = {}): Promise<ReconnectingWorld> {
    const server = await startServer({ watchWindow });
    const target = { targetHost: '127.0.0.1', targetPort: Number(new URL(server.url).port) };
    const [first, second] = [await ChaosProxy.start(target), await ChaosProxy.start(target)];
    const replaced: ClusterReplacedError[] = [];
    const cluster = new Cluster({
      name: 'edge',
      credentials: plainCredentials(urlOf(first), 'old'),
      fieldManager: 'test',
      log: silentLogger,
      timings: FAST,
      freeze: true,
      onReplaced: error => replaced.push(error),
      ...options,
    });
    await cluster.connect();
    const world = new ReconnectingWorld({ server, first, second }, cluster, replaced);
    cluster.start();
    await world.informer.whenSynced(AbortSignal.timeout(15_000));
    return world;
  }

  /** Credentials of this user at one of the two addresses. */
  at(proxy: ChaosProxy, token: string): Credentials {
    return plainCredentials(urlOf(proxy), token);
  }

  /** Lists of whole collections, streamed ones too; the question for the newest version asks for one object only. */
  get lists(): number {
    return this.server.requests.entries.filter(
      ({ verb, query }) => (verb === 'list' && query.limit !== '1') || query.sendInitialEvents,
    ).length;
  }

  async stop(): Promise<void> {
    this.server.faults.clear();
    await this.cluster.stop();
    await Promise.all([this.first.stop(), this.second.stop()]);
    await this.server.stop();
  }
}

export function urlOf({ port }: ChaosProxy): string {
  return `http://127.0.0.1:${port}`;
}

/** The token that a request carried. */
export function tokenOf({
  headers,
}: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): string {
  return String(headers.authorization).replace('Bearer ', '');
}
