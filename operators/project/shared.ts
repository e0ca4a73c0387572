import {
  clusterNamespace,
  LABEL_SHARED,
  type Project,
  parseClusterNamespace,
  parseProjectNamespace,
  projectNamespace,
} from '#api';
import { type Cluster, type Informer, type InformerRequest, type KubeObject, keyString, Namespaces } from '#runtime';
import { ContentBudget } from './content-budget.ts';
import { Contents } from './contents.ts';
import { type HomeState, homeState } from './home.ts';
import { SHARED_KINDS, type SharedKind, type Source, SourceTypes } from './kinds.ts';
import { keptOf } from './source.ts';

const BY_NAMESPACE = 'namespace';
const SHARED = { labelSelector: `${LABEL_SHARED}=true` };

/** By what shared objects of a kind are watched, in all namespaces or in one. */
export function sharedRequest(kind: SharedKind, budget: ContentBudget, namespace?: string): InformerRequest<Source> {
  const transform = { name: 'shared', apply: keptOf(kind, budget) };
  return { ...SHARED, ...(namespace === undefined ? {} : { namespace }), transform };
}

/** One object that a project shares. */
export interface Shared {
  readonly kind: SharedKind;
  readonly source: Source;
}

/** What lies in the hub's namespaces of projects, as far as this process may read there. */
export interface SharedObjects {
  /** What the project shares, objects that are being deleted among it. */
  of(project: Project): readonly Shared[];
  /** How the project's namespace stands. */
  homeState(project: Project): HomeState;
  /** The project's namespace has been read completely and can be read now; absence counts. */
  isKnown(project: Project): boolean;
  /** Resolves when everything has been read that can be waited for. */
  whenSynced(signal: AbortSignal): Promise<void>;
  /** Told the key of each project whose namespace or shared objects change. */
  subscribe(changed: (projectKey: string) => void): void;
}

/** All namespaces of the hub: one watch for each kind, for a process that may read everywhere. */
export class HubSharedObjects implements SharedObjects {
  readonly namespaces: Informer<KubeObject>;
  readonly #sources: Readonly<Record<SharedKind, Informer<Source>>>;

  constructor(hub: Cluster, budget = new ContentBudget()) {
    this.namespaces = hub.cache.informer(Namespaces, { metadataOnly: true });
    this.#sources = {
      Secret: hub.cache.informer(SourceTypes.Secret, sharedRequest('Secret', budget)),
      ConfigMap: hub.cache.informer(SourceTypes.ConfigMap, sharedRequest('ConfigMap', budget)),
    };
    for (const informer of Object.values(this.#sources))
      informer.addIndex(BY_NAMESPACE, object => [object.metadata?.namespace ?? '']);
    const { client, signal } = hub;
    new Contents({ client, budget, informers: this.#sources, of: home => this.#in(home), signal }).follow();
  }

  of(project: Project): Shared[] {
    return this.#in(homeOf(project));
  }

  #in(home: string): Shared[] {
    return SHARED_KINDS.flatMap(kind =>
      this.#sources[kind].byIndex(BY_NAMESPACE, home).map(source => ({ kind, source })),
    );
  }

  homeState(project: Project): HomeState {
    const cluster = parseClusterNamespace(project.metadata.namespace ?? '') ?? '';
    return homeState(this.namespaces.get({ name: homeOf(project) }), cluster, project.metadata.name ?? '');
  }

  isKnown(): boolean {
    return this.#informers.every(informer => informer.known);
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map(informer => informer.whenSynced(signal)));
  }

  subscribe(changed: (projectKey: string) => void): void {
    tell(this.namespaces, ({ metadata }) => homeProjectKey(metadata?.name ?? ''), changed);
    for (const informer of Object.values(this.#sources)) tell(informer, sourceProjectKey, changed);
  }

  get #informers(): Informer<KubeObject>[] {
    return [this.namespaces, ...Object.values(this.#sources)];
  }
}

/** The name of the namespace that holds what a project shares. */
export function homeOf({ metadata }: Project): string {
  return projectNamespace(parseClusterNamespace(metadata.namespace ?? '') ?? '', metadata.name ?? '');
}

/** The key of the project that an object of a project's namespace belongs to. */
function sourceProjectKey(object: KubeObject): string | undefined {
  return homeProjectKey(object.metadata?.namespace ?? '');
}

/** The key of the project that has this namespace. */
export function homeProjectKey(namespace: string): string | undefined {
  const parsed = parseProjectNamespace(namespace);
  return parsed && keyString({ namespace: clusterNamespace(parsed.cluster), name: parsed.project });
}

function tell<T extends KubeObject>(
  informer: Informer<T>,
  keyOf: (object: T) => string | undefined,
  changed: (projectKey: string) => void,
): void {
  const one = (object: T) => {
    const key = keyOf(object);
    if (key !== undefined) changed(key);
  };
  informer.subscribe({ applied: one, deleted: one });
}
