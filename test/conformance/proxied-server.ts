import { Client, Transport } from '#runtime';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { ConfigMaps, FakeApiServer } from '../support/fake-api-server/index.ts';
import { type ConfigMap, ConfigMapType, configMap, plainCredentials } from './world.ts';

/** The object that is always there. */
export const KEY = { namespace: 'x', name: 'a' };
export const SCOPE = { namespace: 'x' };

/** What the work threw, if it did. */
export function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

export const get = (client: Client, options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<ConfigMap> =>
  client.get(ConfigMapType, KEY, options);

export const getMany = (client: Client, count: number): Promise<ConfigMap[]> =>
  Promise.all(Array.from({ length: count }, () => get(client)));

/** A fake API server behind a proxy that counts and breaks its connections. */
export class ProxiedServer {
  readonly server: FakeApiServer;
  readonly proxy: ChaosProxy;
  readonly url: string;
  readonly #transports: Transport[] = [];

  static async start(): Promise<ProxiedServer> {
    const server = await FakeApiServer.start({ kinds: [ConfigMaps] });
    server.store.create(configMap('a'));
    const targetPort = Number(new URL(server.url).port);
    return new ProxiedServer(server, await ChaosProxy.start({ targetHost: '127.0.0.1', targetPort }));
  }

  private constructor(server: FakeApiServer, proxy: ChaosProxy) {
    this.server = server;
    this.proxy = proxy;
    this.url = `http://127.0.0.1:${proxy.port}`;
  }

  /** A client with connections of its own, closed with the server at the latest. */
  connect(options: Partial<ConstructorParameters<typeof Transport>[0]> = {}): Client {
    const transport = new Transport({ credentials: plainCredentials(this.url), ...options });
    this.#transports.push(transport);
    return new Client(transport, { fieldManager: 'test' });
  }

  async stop(): Promise<void> {
    this.server.faults.clear();
    await this.proxy.stop();
    await Promise.all(this.#transports.map(transport => transport.close()));
    await this.server.stop();
  }
}
