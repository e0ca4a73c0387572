import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import {
  Cache,
  type CallOptions,
  Client,
  Controller,
  Events,
  type Informer,
  type KubeObject,
  keyOf,
  keyString,
  kubeConfigCredentials,
  type ListPage,
  Namespaces,
  Recorder,
  type ResourceType,
  type Selection,
  silentLogger,
  Transport,
} from '#runtime';
import { type ControlPlane, startControlPlane } from '../../hack/control-plane/control-plane.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { type ConfigMap, ConfigMapType, configMap, FAST, versions } from './world.ts';

const within = (what: string) => ({ timeoutMs: 45_000, what });
const SCOPE = { namespace: 'x' };
const key = (name: string) => ({ namespace: 'x', name });

function connect(kubeconfig: string): Transport {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return new Transport({ credentials: kubeConfigCredentials(config) });
}

interface Event extends KubeObject {
  readonly note?: string;
  readonly series?: { readonly count: number };
}

/** A client that remembers how often it listed, and from where it watched. */
class CountingClient extends Client {
  lists = 0;
  readonly resumed: string[] = [];

  override watch(
    type: Parameters<Client['watch']>[0],
    selection: Selection,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ) {
    if (query.resourceVersion === undefined) this.lists += 1;
    else this.resumed.push(query.resourceVersion);
    return super.watch(type, selection, query, signal);
  }

  override list<T extends KubeObject>(
    type: ResourceType<T>,
    selection?: Selection & { limit?: number; continue?: string },
    options?: CallOptions,
  ): Promise<ListPage<T>> {
    this.lists += 1;
    return super.list(type, selection, options);
  }
}

describe('a real API server', () => {
  let controlPlane: ControlPlane;
  let proxy: ChaosProxy;
  let direct: Client;
  let client: CountingClient;
  let informer: Informer<ConfigMap>;
  let controller: Controller;
  let stop: AbortController;
  let reconciled: Map<string, string | undefined>;
  let deleted: string[];

  beforeAll(async () => {
    controlPlane = await startControlPlane({ name: 'conformance', controllerManager: false });
    const { hostname, port } = new URL(controlPlane.url);
    proxy = await ChaosProxy.start({ targetHost: hostname, targetPort: Number(port) });
    direct = new Client(connect(controlPlane.adminKubeconfig), { fieldManager: 'somebody' });
    await direct.create(Namespaces, {}, { metadata: { name: 'x' } });
  }, 120_000);
  afterAll(async () => {
    await direct.transport.close();
    await proxy.stop();
    await controlPlane.stop();
  }, 60_000);

  /** An operator behind the proxy that notes every version it has reconciled. */
  beforeEach(async () => {
    stop = new AbortController();
    reconciled = new Map();
    deleted = [];
    const kubeconfig = controlPlane.adminKubeconfig.replace(controlPlane.url, `https://127.0.0.1:${proxy.port}`);
    // a real server sends bookmarks once a minute: silence is noticed sooner here, and costs one request
    const timings = { ...FAST, idleMs: 3_000, initIdleMs: 3_000 };
    const cache = new Cache({ cluster: 'real', timings, freeze: true });
    client = new CountingClient(connect(kubeconfig), { fieldManager: 'test', observer: cache });
    for (const name of ['a', 'b', 'c']) await direct.create(ConfigMapType, SCOPE, configMap(name));
    informer = cache.informer(ConfigMapType, SCOPE);
    const reconcile = async (item: string) => {
      reconciled.set(item, informer.get(item)?.metadata?.resourceVersion);
      return undefined;
    };
    controller = new Controller({ name: 'conformance', reconcile, log: silentLogger });
    controller.watches(informer, object => [keyString(keyOf(object))]);
    controller.start(stop.signal);
    cache.start(client, stop.signal);
    await informer.whenSynced(AbortSignal.timeout(30_000));
    informer.subscribe({ applied: () => undefined, deleted: object => deleted.push(keyOf(object).name) });
  });
  afterEach(async () => {
    proxy.thaw();
    proxy.delay(0);
    await proxy.accept();
    stop.abort(new Error('the test is over'));
    await client.transport.close();
    const { items } = await direct.list(ConfigMapType, SCOPE);
    for (const item of items) await direct.delete(ConfigMapType, keyOf(item));
  }, 60_000);

  /** The cache is what the server has, and every object was reconciled as it is. */
  async function converged(): Promise<void> {
    await eventually(async () => {
      const { items } = await direct.list(ConfigMapType, SCOPE);
      return JSON.stringify(versions(informer.list())) === JSON.stringify(versions(items));
    }, within('the cache is what the server has'));
    await eventually(() => controller.queue.idle && controller.queue.delayed === 0, within('the queue drains'));
    for (const object of informer.list())
      expect(reconciled.get(keyString(keyOf(object)))).toBe(object.metadata?.resourceVersion);
    for (const [item, version] of reconciled)
      if (!informer.get(item)) expect([item, version]).toEqual([item, undefined]);
  }

  /** Changes that nobody behind the proxy can see at the moment. */
  async function changeUnseen(): Promise<void> {
    await direct.mergePatch(ConfigMapType, key('a'), { data: { n: '1' } });
    await direct.delete(ConfigMapType, key('b'));
    await direct.create(ConfigMapType, SCOPE, configMap('d'));
  }

  test('streams its first list', async () => {
    expect(informer.size).toBe(3);
    expect([client.lists, client.resumed]).toEqual([1, []]);
  });

  test('connections cut: resumes without a list', async () => {
    await proxy.refuse();
    proxy.cut();
    await changeUnseen();
    await proxy.accept();
    await converged();
    expect(client.lists).toBe(1);
    expect(client.resumed.length).toBeGreaterThanOrEqual(1);
    expect(deleted).toEqual(['b']);
  });

  test('frozen, with the connections open: silence is noticed, and nothing is lost', async () => {
    proxy.freeze();
    await changeUnseen();
    await eventually(() => informer.ageMs > 4_000, within('the silence lasts longer than the idle deadline'));
    proxy.thaw();
    await converged();
    expect(client.lists).toBe(1);
    expect(deleted).toEqual(['b']);
  });

  test('everything late: own writes are read at once, and late events do not undo them', async () => {
    proxy.delay(300);
    const seen: string[] = [];
    informer.subscribe({
      applied: ({ data }, _old, { initial }) => !initial && seen.push(data?.n ?? ''),
      deleted: () => undefined,
    });
    for (let n = 1; n <= 3; n++) {
      await client.mergePatch(ConfigMapType, key('a'), { data: { n: String(n) } });
      expect(informer.get(key('a'))?.data?.n).toBe(String(n));
    }
    await client.delete(ConfigMapType, key('b'));
    expect(informer.get(key('b'))).toBeUndefined();
    await client.create(ConfigMapType, SCOPE, configMap('b', { n: 'again' }));
    expect(informer.get(key('b'))?.data?.n).toBe('again');
    proxy.delay(0);
    await direct.create(ConfigMapType, SCOPE, configMap('sentinel', { n: 'sentinel' }));
    await eventually(() => informer.get(key('sentinel')), within('the late events come'));
    await converged();
    expect(seen).toEqual(['1', '2', '3', 'again', 'sentinel']);
    expect(deleted).toEqual(['b']);
  });

  test('killed and started again: nothing is taken for deleted, nothing is missed', async () => {
    controlPlane.apiServer.signal('SIGKILL');
    await eventually(() => !controlPlane.apiServer.running, within('the API server is gone'));
    await eventually(() => informer.failure !== undefined, within('that is noticed'));
    expect(versions(informer.list())).toHaveLength(3);
    await controlPlane.startApiServer();
    await changeUnseen();
    await converged();
    expect(deleted).toEqual(['b']);
    expect(informer.known).toBe(true);
  });

  test('etcd compacted and the API server restarted while cut off: lists again, and hears what was deleted', async () => {
    await proxy.refuse();
    proxy.cut();
    await changeUnseen();
    await controlPlane.stopApiServer();
    await controlPlane.compactEtcd();
    await controlPlane.startApiServer();
    await direct.mergePatch(ConfigMapType, key('c'), { data: { n: '2' } });
    await proxy.accept();
    await converged();
    expect(client.lists).toBe(2);
    expect(deleted).toEqual(['b']);
  });

  test('churn through cuts and delays: the cache is the server’s, the queue drains', async () => {
    const names = Array.from({ length: 10 }, (_, n) => `churn-${n}`);
    const churn = async (name: string, writer: Client): Promise<void> => {
      await direct.create(ConfigMapType, SCOPE, configMap(name));
      // a write through the proxy may be cut off
      for (let n = 0; n < 10; n++)
        await writer.mergePatch(ConfigMapType, key(name), { data: { n: String(n) } }).catch(() => undefined);
      if (name.endsWith('3')) await direct.delete(ConfigMapType, key(name));
    };
    const work = Promise.all(names.map((name, index) => churn(name, index % 2 === 0 ? direct : client)));
    for (let round = 0; round < 5; round++) {
      proxy.delay(round % 2 === 0 ? 20 : 0);
      const resumed = client.resumed.length;
      proxy.cut();
      await eventually(() => client.resumed.length > resumed, within('the watch is resumed'));
    }
    await work;
    await converged();
    expect(informer.size).toBe(3 + 9);
    expect(client.lists).toBe(1);
  });

  test('a handshake that never ends: the deadline of a request holds, whatever that of the connection', async () => {
    proxy.freeze();
    proxy.cut();
    const order: string[] = [];
    const patient = client.get(ConfigMapType, key('a')).catch(() => order.push('patient'));
    const hurried = client.get(ConfigMapType, key('a'), { timeoutMs: 500 }).catch(() => order.push('hurried'));
    const aborted = client
      .get(ConfigMapType, key('a'), { signal: AbortSignal.timeout(200) })
      .catch(() => order.push('aborted'));
    await Promise.all([patient, hurried, aborted]);
    expect(order).toEqual(['aborted', 'hurried', 'patient']);
  });

  test('what events.k8s.io/v1 requires is what the recorder sends', async () => {
    const recorder = new Recorder({
      client: direct,
      log: silentLogger,
      controller: 'example.com/test',
      instance: 'test',
    });
    const note = '🐎'.repeat(400);
    const event = { type: 'Warning', reason: 'Tested', action: 'Test', note } as const;
    const regarding = informer.get(key('a')) ?? {};
    recorder.record(ConfigMapType, regarding, event);
    recorder.record(ConfigMapType, regarding, event);
    await recorder.flush();
    const events = await direct.list<Event>(Events, SCOPE);
    expect(events.items.map(({ note: sent, series }) => [sent, series?.count])).toEqual([['🐎'.repeat(256), 2]]);
  });
});
