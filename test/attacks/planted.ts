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
  readonly spec?: object;
  readonly status?: object;
}

interface EventObject extends KubeObject {
  readonly reason?: string;
  readonly message?: string;
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
/** The Pod that a finalizer holds. */
export const LINGERS = 'lingers';
const HARMLESS_POD = { containers: [{ name: 'one', image: 'none' }] };

const selected = (app: string, more: object = {}) => ({
  selector: { matchLabels: { app } },
  template: { metadata: { labels: { app } }, spec: { ...HOST_POD, restartPolicy: 'Always', ...more } },
});
/** A node without a kubelet is soon taken for unreachable. */
const ON_ANY_NODE = { tolerations: [{ operator: 'Exists' }] };

const HOST_JOB = { backoffLimit: 100, template: { spec: HOST_POD } };

/**
 * What makes Pods that break out: what its controller is refused them for, and what has that try once more, which differs
 * from round to round.
 */
const PLANTS: readonly {
  readonly type: ResourceType<Workload>;
  readonly spec: object;
  readonly refused: { readonly kind: string; readonly name: RegExp };
  readonly again: (round: number) => object;
}[] = [
  {
    type: kind('apps', 'Deployment', 'deployments'),
    spec: { replicas: 1, ...selected('deployed') },
    refused: { kind: 'ReplicaSet', name: /^planted-/ },
    again: round => ({ replicas: 1 + round }),
  },
  // waits in back-off
  {
    type: kind('apps', 'ReplicaSet', 'replicasets'),
    spec: { replicas: 1, ...selected('replicated') },
    refused: { kind: 'ReplicaSet', name: /^planted$/ },
    again: round => ({ replicas: 1 + round }),
  },
  {
    type: kind('apps', 'DaemonSet', 'daemonsets'),
    spec: selected('everywhere', ON_ANY_NODE),
    refused: { kind: 'DaemonSet', name: /^planted$/ },
    again: round => ({ template: { metadata: { annotations: { again: String(round) } } } }),
  },
  {
    type: kind('batch', 'Job', 'jobs'),
    spec: HOST_JOB,
    refused: { kind: 'Job', name: /^planted$/ },
    again: round => ({ parallelism: 1 + round }),
  },
];

/** Its time comes when a test has it come. */
const CronJobs = kind('batch', 'CronJob', 'cronjobs');
const YEARLY = { schedule: '0 0 1 1 *', jobTemplate: { spec: HOST_JOB } };
const LONG_AGO_MS = 800 * 24 * 3_600_000;
const Jobs = kind('batch', 'Job', 'jobs');
const OF_CRON_JOB = { kind: 'Job', name: /^planted-/ };

/** Plants all of it in a namespace, with a harmless Pod that can't be deleted, and waits until each was refused a Pod. */
export async function plant(client: Client, namespace: string): Promise<void> {
  const metadata = { name: LINGERS, finalizers: ['example.com/hold'] };
  const lingering = () => client.create(PodType, { namespace }, { metadata, spec: HARMLESS_POD } as KubeObject);
  await eventually(() => lingering().then(() => true), { ...WITHIN, what: `${namespace} has its service account` });
  await client.create(CronJobs, { namespace }, { metadata: { name: 'planted' }, spec: YEARLY });
  for (const { type, spec } of PLANTS)
    await client.create(type, { namespace }, { metadata: { name: 'planted' }, spec });
  await untilRefused(
    client,
    namespace,
    PLANTS.map(({ refused }) => refused),
  );
}

let round = 0;

/** Has everything that is planted try again, as an administrator; none gets a Pod that breaks out, and nobody else does. */
export async function yieldsNothing(client: Client, namespace: string): Promise<void> {
  const all = [...PLANTS.map(({ refused }) => refused), OF_CRON_JOB];
  const before = await refusals(client, namespace);
  await tryAgain(client, namespace);
  await untilRefused(client, namespace, all, before);
  const { items } = await client.list(PodType, { namespace });
  expect(items.map(({ metadata }) => metadata?.name)).toEqual([LINGERS]);
  const breaksOut = { metadata: { name: 'breaks-out' }, spec: HOST_POD } as KubeObject;
  await expect(client.create(PodType, { namespace }, breaksOut)).rejects.toThrow(/violates PodSecurity/);
}

/** Has everything that is planted try again; each gets its Pod, as it is to where nothing holds it down. */
export async function breaksOut(client: Client, namespace: string): Promise<void> {
  await tryAgain(client, namespace);
  const owners = async () => {
    const { items } = await client.list(PodType, { namespace });
    const of = items.flatMap(
      ({ metadata }) => metadata?.ownerReferences?.map(owner => `${owner.kind} ${owner.name}`) ?? [],
    );
    return [...new Set(of.map(owner => owner.replace(/-\w+$/, '-')))].sort();
  };
  const expected = ['DaemonSet planted', 'Job planted', 'Job planted-', 'ReplicaSet planted', 'ReplicaSet planted-'];
  await eventuallyPasses(async () => expect(await owners()).toEqual(expected), {
    ...WITHIN,
    what: `everything planted in ${namespace} has a Pod`,
  });
}

async function tryAgain(client: Client, namespace: string): Promise<void> {
  round += 1;
  for (const { type, again } of PLANTS)
    await client.mergePatch(type, { namespace, name: 'planted' }, { spec: again(round) });
  await comeDue(client, namespace);
}

/** The time of the CronJob comes; the Job that it made when it came before has gone. */
async function comeDue(client: Client, namespace: string): Promise<void> {
  const made = async () => {
    const { items } = await client.list(Jobs, { namespace });
    return items.filter(({ metadata }) => OF_CRON_JOB.name.test(metadata?.name ?? ''));
  };
  for (const { metadata } of await made())
    await client.delete(Jobs, { namespace, name: metadata?.name ?? '' }, { propagationPolicy: 'Background' });
  await eventually(async () => (await made()).length === 0, {
    ...WITHIN,
    what: `the CronJob of ${namespace} has no Job`,
  });
  const status = { lastScheduleTime: `${new Date(Date.now() - LONG_AGO_MS).toISOString().slice(0, 19)}Z` };
  await client.mergePatch(CronJobs, { namespace, name: 'planted' }, { status }, { subresource: 'status' });
}

type Refusals = readonly { readonly kind: string; readonly name: string; readonly count: number }[];

/** How often each controller was refused a Pod by pod security. */
async function refusals(client: Client, namespace: string): Promise<Refusals> {
  const { items } = await client.list(EventType, { namespace });
  return items
    .filter(({ reason, message = '' }) => reason === 'FailedCreate' && message.includes('violates PodSecurity'))
    .map(({ involvedObject: { kind = '', name = '' } = {}, count = 1 }) => ({ kind, name, count }));
}

const countOf = (all: Refusals, { kind, name }: { kind: string; name: RegExp }) =>
  all.filter(each => each.kind === kind && name.test(each.name)).reduce((sum, { count }) => sum + count, 0);

async function untilRefused(
  client: Client,
  namespace: string,
  expected: readonly { readonly kind: string; readonly name: RegExp }[],
  before: Refusals = [],
): Promise<void> {
  const missing = async () => {
    const now = await refusals(client, namespace);
    return expected
      .filter(each => countOf(now, each) <= countOf(before, each))
      .map(each => `${each.kind} ${each.name}`);
  };
  await eventuallyPasses(async () => expect(await missing()).toEqual([]), {
    ...WITHIN,
    what: `every controller is refused a Pod in ${namespace}`,
  });
}
