import { type Cluster, ClusterResource, clusterNamespace } from '#api';
import {
  type Condition,
  findCondition,
  type KubeObject,
  Namespaces,
  type ResourceType,
  type WatchEvent,
  Watcher,
} from '#runtime';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SecretType, type Site } from '../support/fleet.ts';

interface EventObject extends KubeObject {
  readonly reason?: string;
  readonly note?: string;
  readonly regarding?: { readonly name?: string };
}

const EventType: ResourceType<EventObject> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/** For a Cluster to go; its Projects, two passes and a busy machine included. */
export const GONE_MS = 60_000;

/** Every state that Clusters of a hub had, also those that are gone: their last words can't be read afterwards. */
export class ClusterHistory {
  readonly #fleet: Fleet;
  readonly #seen: Cluster[] = [];
  readonly #gone = new Set<string | undefined>();
  readonly #stop = new AbortController();

  private constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Resolves when nothing that happens from now on is missed. */
  static async start(fleet: Fleet): Promise<ClusterHistory> {
    const history = new ClusterHistory(fleet);
    const { promise, resolve } = Promise.withResolvers<void>();
    const emit = (event: WatchEvent<Cluster>) => {
      if (event.type === 'InitDone') resolve();
      if ('object' in event) history.#seen.push(event.object);
      if (event.type === 'Delete') history.#gone.add(event.object.metadata.uid);
    };
    void new Watcher({ type: ClusterResource, emit }).run(fleet.hub.client, history.#stop.signal);
    await promise;
    return history;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** The condition Cleaned in all its states, each once, in their order. */
  cleaned(cluster: Cluster): Condition[] {
    const conditions = this.#seen
      .filter(({ metadata }) => metadata.uid === cluster.metadata.uid)
      .flatMap(({ status }) => findCondition(status?.conditions, 'Cleaned') ?? []);
    return conditions.filter((condition, index) => condition.reason !== conditions[index - 1]?.reason);
  }

  /** Waits until the Cluster is gone; returns its last condition Cleaned. */
  async gone({ metadata }: Cluster, timeoutMs = GONE_MS): Promise<Condition | undefined> {
    const { name = '', uid } = metadata;
    // by the same watch as its states: another answer might come before the last of them
    await eventually(() => this.#gone.has(uid), { timeoutMs, what: `Cluster ${name} is gone` });
    const last = () => this.#seen.findLast(seen => seen.metadata.uid === uid);
    return findCondition(last()?.status?.conditions, 'Cleaned');
  }

  /** The notes of the events about a Cluster with this reason. */
  async notes(name: string, reason: string): Promise<string[]> {
    const { items } = await this.#fleet.hub.client.list(EventType, { namespace: 'default' });
    const about = items.filter(event => event.regarding?.name === name && event.reason === reason);
    return about.map(({ note = '' }) => note);
  }
}

/** Waits until no namespace of the cluster is left in the hub. */
export async function hubNamespacesGone({ client }: Site, cluster: string): Promise<void> {
  const selection = { labelSelector: `paddock.dev/cluster=${cluster}` };
  await eventually(
    async () => {
      const { items } = await client.list(Namespaces, selection);
      return items.every(({ metadata }) => !/^[cp]-/.test(metadata?.name ?? ''));
    },
    { timeoutMs: GONE_MS, what: `no namespace of ${cluster} is left in the hub` },
  );
}

/** Creates a Cluster again whose namespaces may not be gone yet, as GitOps does that applies until it succeeds. */
export async function importAgain(fleet: Fleet, site: Site, spec: Partial<Cluster['spec']> = {}): Promise<Cluster> {
  const { client } = fleet.hub;
  const { name } = site;
  const connection = { kubeconfig: { secretRef: { name } } };
  const body: Cluster = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec: { connection, defaultProjects: false, ...spec },
  };
  const created = await client.create(ClusterResource, {}, body);
  const data = { kubeconfig: Buffer.from(site.controlPlane.adminKubeconfig).toString('base64') };
  const metadata = { name, namespace: clusterNamespace(name) };
  const isNew = async () => {
    const found = await client.find(Namespaces, { name: metadata.namespace });
    return found?.metadata?.annotations?.['paddock.dev/owner-uid'] === created.metadata.uid;
  };
  await eventually(isNew, { timeoutMs: GONE_MS, what: `namespace ${metadata.namespace} is the new Cluster's` });
  await eventually(() => client.apply(SecretType, { metadata, data }), {
    timeoutMs: GONE_MS,
    what: 'its Secret is written',
  });
  const isClaimed = async () => {
    const found = await client.find(ClusterResource, { name });
    return findCondition(found?.status?.conditions, 'Ready')?.status === 'True';
  };
  await eventually(isClaimed, { timeoutMs: GONE_MS, what: `Cluster ${name} is Ready` });
  return created;
}
