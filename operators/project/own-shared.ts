import { type Project, parseClusterNamespace } from '#api';
import {
  type Client,
  type Cluster,
  type Informer,
  isForbidden,
  type KubeObject,
  Namespaces,
  systemClock,
} from '#runtime';
import { hasHome } from '../engagement/project-home.ts';
import { ContentBudget } from './content-budget.ts';
import { Contents } from './contents.ts';
import { type HomeState, homeState } from './home.ts';
import { SHARED_KINDS, type SharedKind, type Source, SourceTypes } from './kinds.ts';
import { homeOf, homeProjectKey, type Shared, type SharedObjects, sharedRequest } from './shared.ts';

/** A namespace that is missing, on its way out or not to be read is looked at again after this. */
const LOOK_MS = 2_000;

/**
 * The namespaces of one cluster's projects, each watched by itself: for an agent, which may read there and nowhere
 * else. It can't watch the namespaces themselves, so after everything that went from one it asks whether the
 * namespace still stands: with a namespace that is being deleted everything in it goes.
 */
export class OwnSharedObjects implements SharedObjects {
  readonly #hub: Cluster;
  readonly #projects: Informer<Project>;
  readonly #homes = new Map<string, Home>();
  readonly #listeners = new Set<(projectKey: string) => void>();

  constructor(hub: Cluster, projects: Informer<Project>) {
    this.#hub = hub;
    this.#projects = projects;
    projects.subscribe({
      applied: project => this.#watch(project),
      deleted: project => this.#release(project),
    });
  }

  of(project: Project): Shared[] {
    return this.#homes.get(homeOf(project))?.objects() ?? [];
  }

  homeState(project: Project): HomeState {
    return this.#homes.get(homeOf(project))?.state ?? 'missing';
  }

  isKnown(project: Project): boolean {
    return this.#homes.get(homeOf(project))?.known ?? false;
  }

  /** Does not wait for namespaces that may not be read yet: nothing is removed meanwhile. */
  async whenSynced(signal: AbortSignal): Promise<void> {
    await this.#projects.whenSynced(signal);
  }

  subscribe(changed: (projectKey: string) => void): void {
    this.#listeners.add(changed);
  }

  #watch(project: Project): void {
    const namespace = homeOf(project);
    if (this.#homes.has(namespace) || !hasHome(project)) return;
    const changed = () => {
      for (const listener of this.#listeners) listener(homeProjectKey(namespace) ?? '');
    };
    this.#homes.set(namespace, new Home(this.#hub, project, changed));
  }

  #release(project: Project): void {
    const namespace = homeOf(project);
    this.#homes.get(namespace)?.stop();
    this.#homes.delete(namespace);
  }
}

/** One project's namespace in the hub. */
class Home {
  readonly #hub: Cluster;
  readonly #project: Project;
  readonly #changed: () => void;
  readonly #informers: Readonly<Record<SharedKind, Informer<Source>>>;
  readonly #budget = new ContentBudget();
  readonly #stop = new AbortController();
  #state: HomeState = 'missing';
  /** Counts what went; {@link #askedAt} is the count up to which the namespace is known to stand. */
  #doubts = 1;
  #askedAt = 0;
  #asking = false;

  constructor(hub: Cluster, project: Project, changed: () => void) {
    this.#hub = hub;
    this.#project = project;
    this.#changed = changed;
    const namespace = homeOf(project);
    const informer = (kind: SharedKind) =>
      hub.cache.informer(SourceTypes[kind], sharedRequest(kind, this.#budget, namespace));
    this.#informers = { Secret: informer('Secret'), ConfigMap: informer('ConfigMap') };
    new Contents({
      client: hub.client,
      budget: this.#budget,
      informers: this.#informers,
      of: () => this.objects(),
      signal: this.#stop.signal,
    }).follow();
    const doubted = () => this.#doubt();
    for (const each of Object.values(this.#informers))
      each.subscribe({ applied: changed, deleted: doubted, synced: doubted });
    this.#doubt();
  }

  get state(): HomeState {
    return this.#state;
  }

  /** Everything in it has been read, and the namespace was seen to stand since anything went from it. */
  get known(): boolean {
    return this.#askedAt === this.#doubts && SHARED_KINDS.every(kind => this.#informers[kind].known);
  }

  objects(): Shared[] {
    return SHARED_KINDS.flatMap(kind => this.#informers[kind].list().map(source => ({ kind, source })));
  }

  stop(): void {
    this.#stop.abort();
    const namespace = homeOf(this.#project);
    for (const kind of SHARED_KINDS)
      this.#hub.cache.release(SourceTypes[kind], sharedRequest(kind, this.#budget, namespace));
  }

  #doubt(): void {
    this.#doubts += 1;
    if (!this.#asking) void this.#ask();
  }

  /** Asks until the namespace is seen to stand. */
  async #ask(): Promise<void> {
    const { signal } = this.#stop;
    this.#asking = true;
    while (!signal.aborted && (this.#askedAt !== this.#doubts || this.#state !== 'ours')) {
      const doubts = this.#doubts;
      const state = await this.#look(signal);
      if (signal.aborted) return;
      if (state !== undefined) {
        this.#state = state;
        this.#askedAt = doubts;
        this.#changed();
      }
      if (state !== 'ours') await systemClock.sleep(LOOK_MS, signal);
    }
    this.#asking = false;
  }

  /** Undefined while it can't be told. A namespace that may not be read counts as missing. */
  async #look(signal: AbortSignal): Promise<HomeState | undefined> {
    const { namespace, name = '' } = this.#project.metadata;
    const client: Client = this.#hub.client;
    try {
      const found = await client.find<KubeObject>(
        Namespaces,
        { name: homeOf(this.#project) },
        { signal, metadataOnly: true },
      );
      return homeState(found, parseClusterNamespace(namespace ?? '') ?? '', name);
    } catch (error) {
      return isForbidden(error) ? 'missing' : undefined;
    }
  }
}
