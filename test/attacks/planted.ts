import { expect } from '@jest/globals';
import type { Client, KubeObject, ResourceType } from '#runtime';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { PodType } from '../support/nodes.ts';

const WITHIN = { timeoutMs: 40_000 };

const kind = (group: string, name: string, plural: string): ResourceType<Workload> => ({
  group,
  version: 'v1',
  kind: name,
  plural,
  namespaced: true,
});

interface Workload extends KubeObject {
  readonly spec: object;
}

interface EventObject extends KubeObject {
  readonly reason?: string;
  readonly count?: number;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

const EventType: ResourceType<EventObject> = { ...kind('', 'Event', 'events') } as ResourceType<EventObject>;

/** A Pod that has the host: what pod security is there to refuse. */
const HOST_POD = {
  hostPID: true,
  restartPolicy: 'Never',
  containers: [{ name: 'one', image: 'none', securityContext: { privileged: true } }],
};
const HARMLESS_POD = { containers: [{ name: 'one', image: 'none' }] };

const selected = (app: string, restartPolicy: string) => ({
  selector: { matchLabels: { app } },
  template: { metadata: { labels: { app } }, spec: { ...HOST_POD, restartPolicy } },
});

/** What makes Pods that break out, its controller's kind, and what has that try once more. */
const PLANTS: readonly {
  readonly type: ResourceType<Workload>;
  readonly by: string;
  readonly spec: object;
  readonly again: object;
}[] = [
  {
    type: kind('apps', 'Deployment', 'deployments'),
    by: 'ReplicaSet of a Deployment',
    spec: { replicas: 1, ...selected('deployed', 'Always') },
    again: { replicas: 2 },
  },
  {
    type: kind('apps', 'ReplicaSet', 'replicasets'),
    by: 'ReplicaSet',
    spec: { replicas: 1, ...selected('replicated', 'Always') },
    again: { replicas: 2 },
  },
  {
    type: kind('apps', 'DaemonSet', 'daemonsets'),
    by: 'DaemonSet',
    spec: selected('everywhere', 'Always'),
    again: { template: { metadata: { annotations: { again: 'yes' } } } },
  },
  // as a CronJob makes it, which would take a minute
  {
    type: kind('batch', 'Job', 'jobs'),
    by: 'Job',
    spec: { backoffLimit: 100, template: { spec: HOST_POD } },
    again: { parallelism: 2 },
  },
];

/** Plants all of it in a namespace, with a harmless Pod that can't be deleted, and waits until each was refused a Pod. */
export async function plant(client: Client, namespace: string): Promise<void> {
  const metadata = { name: 'lingers', finalizers: ['example.com/hold'] };
  const lingering = () => client.create(PodType, { namespace }, { metadata, spec: HARMLESS_POD } as KubeObject);
  await eventually(() => lingering().then(() => true), { ...WITHIN, what: `${namespace} has its service account` });
  for (const { type, spec } of PLANTS)
    await client.create(type, { namespace }, { metadata: { name: 'planted' }, spec });
  await untilRefused(client, namespace, new Map());
}

/** Has every controller try again; none gets a Pod that breaks out, and nobody else does. */
export async function yieldsNothing(client: Client, namespace: string): Promise<void> {
  const before = await refusals(client, namespace);
  for (const { type, again } of PLANTS) await client.mergePatch(type, { namespace, name: 'planted' }, { spec: again });
  await untilRefused(client, namespace, before);
  const { items } = await client.list(PodType, { namespace });
  expect(items.map(({ metadata }) => metadata?.name)).toEqual(['lingers']);
  const breaksOut = { metadata: { name: 'breaks-out' }, spec: HOST_POD } as KubeObject;
  await expect(client.create(PodType, { namespace }, breaksOut)).rejects.toThrow(/violates PodSecurity/);
}

/** How often the controllers of each kind were refused a Pod. */
async function refusals(client: Client, namespace: string): Promise<Map<string, number>> {
  const { items } = await client.list(EventType, { namespace });
  const counts = new Map<string, number>();
  for (const { reason, count = 1, involvedObject } of items) {
    const { kind = '', name = '' } = involvedObject ?? {};
    const by = name === 'planted' ? kind : `${kind} of a Deployment`;
    if (reason === 'FailedCreate') counts.set(by, (counts.get(by) ?? 0) + count);
  }
  return counts;
}

async function untilRefused(client: Client, namespace: string, before: ReadonlyMap<string, number>): Promise<void> {
  const waiting = async () => {
    const now = await refusals(client, namespace);
    return PLANTS.filter(({ by }) => (now.get(by) ?? 0) <= (before.get(by) ?? 0)).map(({ by }) => by);
  };
  await eventuallyPasses(async () => expect(await waiting()).toEqual([]), {
    ...WITHIN,
    what: `every controller is refused a Pod in ${namespace}`,
  });
}
