import * as k from '../index.ts';

type Config = k.KubeObject & { data?: Record<string, string> };
const core = { group: '', version: 'v1', namespaced: true };
const ConfigMaps: k.ResourceType<Config> = { ...core, kind: 'ConfigMap', plural: 'configmaps' };
const COPY_TO = 'example.com/copy-to'; // label of a source: the namespace that gets a copy
const COPY_OF = 'example.com/copy-of'; // label of a copy; the annotation holds the key of its source

const name = 'configmap-copier';
const log = k.createLogger({ name });
const credentials = k.kubeConfigCredentials(k.loadKubeConfig(process.env.KUBECONFIG));
const leaderElection = { namespace: 'default', names: [name] };
const identity = `${name}-${process.pid}`;
const controllerName = `example.com/${name}`;
const manager = new k.Manager({ controllerName, fieldManager: name, identity, credentials, leaderElection, log });
const { client, cache } = manager.hub;
const sources = cache.informer(ConfigMaps, { labelSelector: COPY_TO });
const copies = cache.informer(ConfigMaps, { labelSelector: COPY_OF });
const sourceOf = ({ metadata }: Config) => [metadata?.annotations?.[COPY_OF] ?? ''];
copies.addIndex('source', sourceOf);

async function reconcile(key: string, { signal }: k.ReconcileContext): Promise<undefined> {
  await cache.whenSynced(signal); // before that, absence means nothing
  const { metadata, data = {} } = sources.get(key) ?? {};
  const namespace = metadata?.labels?.[COPY_TO];
  for (const copy of copies.byIndex('source', key)) {
    const at = k.keyOf(copy);
    if (at.namespace !== namespace) await client.delete(ConfigMaps, at, { uid: copy.metadata?.uid, signal });
    else if (!k.jsonEqual(copy.data ?? {}, data))
      await client.jsonPatch(ConfigMaps, at, [{ op: 'add', path: '/data', value: data }], { signal });
  }
  const wanted = { name: metadata?.name ?? '', namespace: namespace ?? '' };
  if (namespace === undefined || copies.get(wanted)) return;
  const mark = { labels: { [COPY_OF]: 'true' }, annotations: { [COPY_OF]: key } };
  await client.create(ConfigMaps, { namespace }, { metadata: { ...wanted, ...mark }, data }, { signal });
}
const controller = new k.Controller({ name, reconcile, log });
controller.watches(sources, source => [k.keyString(k.keyOf(source))]).watches(copies, sourceOf);
manager.add(controller);

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await manager.run(stop.signal);
