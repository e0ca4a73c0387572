import { KubeConfig } from '@kubernetes/client-node';
import {
  ClusterResource,
  LABEL_MANAGED_BY,
  LABEL_PLANE,
  LABEL_PROJECT,
  MANAGED_BY,
  PLANE_HUB,
  ProjectResource,
} from '#api';
import {
  Cluster,
  Events,
  errorMessage,
  type Informer,
  type KubeObject,
  kubeConfigCredentials,
  Namespaces,
  type ResourceType,
  silentLogger,
} from '#runtime';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { type EventObject, type Picture, pictureOf, type SeenSite } from './picture.ts';

/** Changes that come together are shown together. */
const SETTLE_MS = 100;

const core = (kind: string, plural: string): ResourceType => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});
const EventType: ResourceType<EventObject> = Events;
/** Copies are on the clusters' side; what is on the hub's side has a plane. */
const COPIES = {
  labelSelector: `${LABEL_MANAGED_BY}=${MANAGED_BY},${LABEL_PLANE}!=${PLANE_HUB}`,
  metadataOnly: true,
} as const;
const MEMBERS = { labelSelector: LABEL_PROJECT, metadataOnly: true } as const;

interface Site {
  readonly cluster: Cluster;
  readonly namespaces: Informer<KubeObject>;
  readonly secrets: Informer<KubeObject>;
  readonly configMaps: Informer<KubeObject>;
}

export interface DemoWatchOptions {
  readonly hub: ControlPlane;
  readonly downstreams: readonly ControlPlane[];
  /** Called with the picture as it is, each time that it has changed. */
  readonly changed: (picture: Picture) => void;
}

/** Watches the hub and the downstreams as an administrator would, with the same runtime as the operators. */
export class DemoWatch {
  readonly #hub: Site;
  readonly #sites: readonly Site[];
  readonly #changed: (picture: Picture) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor({ hub, downstreams, changed }: DemoWatchOptions) {
    this.#changed = changed;
    // The hub is a cluster of its own too, under this name.
    this.#hub = siteOf('local', hub);
    this.#sites = [this.#hub, ...downstreams.map(downstream => siteOf(downstream.name, downstream))];
  }

  /** Resolves when everything has been read once. */
  async start(): Promise<void> {
    const { cache } = this.#hub.cluster;
    const informers: Informer<KubeObject>[] = [
      cache.informer<KubeObject>(ClusterResource),
      cache.informer<KubeObject>(ProjectResource),
      cache.informer<KubeObject>(EventType),
      ...this.#sites.flatMap(({ namespaces, secrets, configMaps }) => [namespaces, secrets, configMaps]),
    ];
    const tell = (): void => this.#tell();
    for (const informer of informers) informer.subscribe({ applied: tell, deleted: tell, synced: tell });
    await Promise.all(
      this.#sites.map(async ({ cluster }) => {
        await cluster.connect();
        cluster.start();
        await cluster.cache.whenSynced(cluster.signal);
      }),
    );
  }

  picture(): Picture {
    const { cache } = this.#hub.cluster;
    return pictureOf({
      clusters: cache.informer(ClusterResource).list(),
      projects: cache.informer(ProjectResource).list(),
      events: cache.informer(EventType).list(),
      sites: this.#sites.map(seen),
    });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await Promise.all(this.#sites.map(({ cluster }) => cluster.stop()));
  }

  #tell(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#hub.cluster.signal.aborted) this.#changed(this.picture());
    }, SETTLE_MS);
  }
}

function siteOf(name: string, { adminKubeconfig }: ControlPlane): Site {
  const config = new KubeConfig();
  config.loadFromString(adminKubeconfig);
  const credentials = kubeConfigCredentials(config);
  const cluster = new Cluster({ name, credentials, fieldManager: 'paddock-demo', log: silentLogger });
  return {
    cluster,
    namespaces: cluster.cache.informer(Namespaces, MEMBERS),
    secrets: cluster.cache.informer(core('Secret', 'secrets'), COPIES),
    configMaps: cluster.cache.informer(core('ConfigMap', 'configmaps'), COPIES),
  };
}

function seen({ cluster, namespaces, secrets, configMaps }: Site): SeenSite {
  const failure = namespaces.failure;
  return {
    cluster: cluster.name,
    namespaces: namespaces.list(),
    copies: { Secret: secrets.list(), ConfigMap: configMaps.list() },
    interruption: failure === undefined ? undefined : errorMessage(failure),
  };
}
