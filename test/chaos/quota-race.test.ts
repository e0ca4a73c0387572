import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ANNOTATION_QUOTA, clusterNamespace, LABEL_OWNER, LABEL_PROJECT, ownerLabel, ProjectResource } from '#api';
import { type Client, Namespaces, type WatchEvent, Watcher } from '#runtime';
import { eventuallyPasses } from '../support/eventually.ts';
import type { Fleet } from '../support/fleet.ts';
import { aNamespace, aProject } from '../support/objects.ts';
import { type QuotaObject, Quotas } from '../support/quotas.ts';
import { givenConnectedFleet } from './given.ts';

const ROUNDS = 200;
const NAMESPACES = Array.from({ length: 10 }, (_, index) => `race-${index}`);
/** Pods that a project has: half of its namespaces get their one. */
const HARD = 5;
const WITHIN = { timeoutMs: 60_000 };

/** What ResourceQuotas allow together, by their owner, after each of their changes: the watch leaves none out. */
class Allowed {
  /** More than a project has, as it was seen. */
  readonly excesses: string[] = [];
  readonly #quotas = new Map<string, { readonly owner: string; readonly pods: number }>();

  /** Looks at each version that is committed, in the order of the commits. */
  follow(client: Client, signal: AbortSignal): void {
    const emit = (event: WatchEvent<QuotaObject>) => {
      if (!('object' in event)) return;
      const { metadata, spec } = event.object;
      const { namespace = '', labels = {} } = metadata ?? {};
      if (event.type === 'Delete') this.#quotas.delete(namespace);
      else this.#quotas.set(namespace, { owner: labels[LABEL_OWNER] ?? '', pods: Number(spec.hard?.pods) });
      this.#check();
    };
    void new Watcher({ type: Quotas, emit }).run(client, signal);
  }

  /** The pods of the namespaces that a project has given some, or none. */
  of(project: string): number[] {
    const owner = ownerLabel('project', project);
    return [...this.#quotas.values()].filter(quota => quota.owner === owner).map(({ pods }) => pods);
  }

  #check(): void {
    const sums = new Map<string, number>();
    for (const { owner, pods } of this.#quotas.values()) sums.set(owner, (sums.get(owner) ?? 0) + pods);
    for (const [owner, sum] of sums) if (!(sum <= HARD)) this.excesses.push(`${owner} has given ${sum} of ${HARD}`);
  }
}

let fleet: Fleet;
beforeAll(async () => {
  ({ fleet } = await givenConnectedFleet());
  // both write: neither asks for a lease
  fleet.start(['project']);
  fleet.start(['project']);
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
});

test(
  'two operators that both write hand out no more than there is, in 200 rounds of ten namespaces that come at once',
  async () => {
    const edge = fleet.edge();
    const allowed = new Allowed();
    const controller = new AbortController();
    allowed.follow(edge.client, controller.signal);
    for (const name of ['even', 'odd']) {
      const spec = { resourceQuota: { hard: { pods: `${HARD}` }, namespaceDefault: { pods: '1' } } };
      const project = aProject({ name, cluster: edge.name, spec });
      await fleet.hub.client.create(ProjectResource, { namespace: clusterNamespace(edge.name) }, project);
    }
    await Promise.all(NAMESPACES.map(name => edge.client.create(Namespaces, {}, aNamespace(name))));

    for (let round = 0; round < ROUNDS; round += 1) {
      const project = round % 2 === 0 ? 'even' : 'odd';
      // every third round one wants three, so that who gets one differs
      const greedy = NAMESPACES[round % NAMESPACES.length];
      await Promise.all(
        NAMESPACES.map(name => {
          const override = round % 3 === 0 && name === greedy ? '{"pods":"3"}' : null;
          const metadata = { labels: { [LABEL_PROJECT]: project }, annotations: { [ANNOTATION_QUOTA]: override } };
          return edge.client.mergePatch(Namespaces, { name }, { metadata });
        }),
      );
      await eventuallyPasses(
        () => {
          const pods = allowed.of(project);
          expect(pods).toHaveLength(NAMESPACES.length);
          expect(pods.reduce((sum, each) => sum + each, 0)).toBe(HARD);
        },
        { ...WITHIN, what: `all ${HARD} are given in round ${round}` },
      );
      expect({ round, excesses: allowed.excesses }).toEqual({ round, excesses: [] });
    }
    controller.abort();
  },
  ROUNDS * 10_000,
);
