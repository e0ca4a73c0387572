import type { Cluster as ClusterObject, Project } from '#api';
import type { Informer, Manager } from '#runtime';
import type { Verdicts } from '../engagement/verdicts.ts';
import { EngagedProjects } from './engaged.ts';
import { ProjectEvents } from './events.ts';
import { type Plans, projectKeysOf } from './plans.ts';

export interface EngagementsOptions {
  readonly manager: Manager;
  readonly fieldManager: string;
  readonly plans: Plans;
  readonly deletions: Pick<Verdicts<Project>, 'verdict'>;
  readonly clusters: Informer<ClusterObject>;
  /** Namespaces of project `system` beside those of Kubernetes. */
  readonly systemNamespaces: readonly string[];
  /** What the project's status says may have changed. */
  readonly changed: (projectKey: string) => void;
  readonly now: () => number;
}

/** The work on every cluster that the manager has engaged. */
export class Engagements {
  readonly #options: EngagementsOptions;
  readonly #events: ProjectEvents;
  readonly #engaged = new Map<string, EngagedProjects>();
  readonly #disengagedAt = new Map<string, number>();
  // the work on the clusters ends before their connections, so that what runs can end in good order
  readonly #stopping = new AbortController();
  #startedAt = Number.POSITIVE_INFINITY;

  constructor(options: EngagementsOptions) {
    this.#options = options;
    this.#events = new ProjectEvents(options.manager.recorder);
  }

  get(cluster: string): EngagedProjects | undefined {
    return this.#engaged.get(cluster);
  }

  /** Since when, by `now`, this process has had no connection to the cluster. */
  disengagedAt(cluster: string): number {
    return this.#disengagedAt.get(cluster) ?? this.#startedAt;
  }

  start(signal: AbortSignal): void {
    this.#startedAt = this.#options.now();
    signal.addEventListener('abort', () => this.#stopping.abort(signal.reason), { once: true });
  }

  async stopped(): Promise<void> {
    await Promise.all([...this.#engaged.values()].map(projects => projects.stopped()));
    this.#events.flush();
  }

  /** Follows the manager's clusters from now on. */
  follow(): void {
    const { manager, plans, changed, now, ...rest } = this.#options;
    manager.clusters.subscribe({
      engaged: cluster => {
        const projects = new EngagedProjects({
          ...rest,
          cluster,
          hubClient: manager.hub.client.as(rest.fieldManager),
          plans,
          hub: manager.hub.uid,
          log: manager.log,
          changed,
          observed: observation => this.#events.observed(observation),
          kept: (namespace, project) => this.#events.kept(namespace, project),
          dealt: (project, shares) => this.#events.dealt(cluster.name, project, shares),
        });
        this.#engaged.set(cluster.name, projects);
        projects.start(this.#stopping.signal);
      },
      disengaged: cluster => {
        this.#engaged.delete(cluster.name);
        this.#disengagedAt.set(cluster.name, now());
        this.#events.forget(cluster.name);
        for (const key of projectKeysOf(plans, cluster.name)) changed(key);
      },
    });
  }
}
