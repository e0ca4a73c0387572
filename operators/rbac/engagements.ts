import type { Manager } from '#runtime';
import { EngagedAccess, type EngagedOptions } from './engaged.ts';
import { EngagedPeople, type EngagedPeopleOptions } from './engaged-people.ts';
import type { HubPeople } from './people.ts';
import { Refusals } from './refusals.ts';

export interface EngagementsOptions extends Omit<EngagedOptions, 'cluster' | 'hub' | 'log' | 'people' | 'refusals'> {
  readonly manager: Manager;
  readonly people: HubPeople;
  readonly settled: EngagedPeopleOptions['settled'];
}

/** The work on every cluster that the manager has engaged. */
export class Engagements {
  readonly #options: EngagementsOptions;
  readonly #engaged = new Map<string, EngagedAccess>();
  // the work on the clusters ends before their connections, so that what runs can end in good order
  readonly #stopping = new AbortController();

  constructor(options: EngagementsOptions) {
    this.#options = options;
  }

  get(cluster: string): EngagedAccess | undefined {
    return this.#engaged.get(cluster);
  }

  start(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.#stopping.abort(signal.reason), { once: true });
  }

  async stopped(): Promise<void> {
    await Promise.all([...this.#engaged.values()].map(access => access.stopped()));
  }

  /** Follows the manager's clusters from now on. */
  follow(): void {
    const { manager, people, settled, ...rest } = this.#options;
    manager.clusters.subscribe({
      engaged: cluster => {
        const { fieldManager, guards } = rest;
        const refusals = new Refusals();
        const common = { cluster, fieldManager, guards, refusals, hub: manager.hub.uid, log: manager.log };
        const accounts = new EngagedPeople({ ...common, people, settled });
        const access = new EngagedAccess({ ...rest, ...common, people: accounts });
        this.#engaged.set(cluster.name, access);
        access.start(this.#stopping.signal);
      },
      disengaged: cluster => {
        this.#engaged.delete(cluster.name);
        rest.changed(cluster.name);
      },
    });
  }
}
