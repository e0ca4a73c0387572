import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { ANNOTATION_OWN_POD_SECURITY, ClusterResource, LABEL_OWNER, LABEL_PROJECT, ProjectResource } from '#api';
import { type KubeObject, Namespaces, type ResourceType, type WatchEvent, Watcher } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { patch } from '../integration/agent-requests.ts';
import { NAMESPACES } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { aNode, NodeType } from '../support/nodes.ts';
import type { Person } from '../support/person.ts';
import { ENFORCE } from './peopled-cluster.ts';
import { plant, yieldsNothing } from './planted.ts';

jest.setTimeout(120_000);

const WITHIN = { timeoutMs: 30_000 };
const SECURITY = { enforce: 'baseline', audit: 'restricted', version: 'v1.30' } as const;
const IN_FORCE = {
  [ENFORCE]: 'baseline',
  [`${ENFORCE}-version`]: 'v1.30',
  'pod-security.kubernetes.io/audit': 'restricted',
  'pod-security.kubernetes.io/audit-version': 'v1.30',
};
const TIGHT = {
  podSecurity: SECURITY,
  namespaceLabels: { team: 'tight' },
  resourceQuota: { hard: { pods: '1000' }, namespaceDefault: { pods: '20' } },
  containerDefaults: { limits: { cpu: '1' } },
  networkIsolation: { enabled: true },
} as const;
const LIMITS = [LimitRanges, NetworkPolicies, ResourceQuotas];

let fleet: AccessFleet;
/** Owns the cluster. */
let cora: Person;
/** Owns every project named tight-…. */
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  cora = fleet.person('cora');
  olga = fleet.person('olga');
  await fleet.downstream.create(NodeType, {}, aNode('node-1')); // so that a DaemonSet makes a Pod
  await fleet.bind('cora', 'cluster-owner', [user('cora')]);
  await fleet.project('weak', [], { networkIsolation: { enabled: true }, resourceQuota: TIGHT.resourceQuota });
  await fleet.until(true, cora, 'patch namespaces');
}, 120_000);

afterAll(() => fleet?.stop());

const relabel = (namespace: string, project: string | null) =>
  fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels: { [LABEL_PROJECT]: project } } });
const projectKey = (name: string) => ({ namespace: 'c-edge-1', name });

/** Whose limits are in a namespace. */
async function limitsIn(namespace: string): Promise<(string | undefined)[]> {
  const found = await Promise.all(LIMITS.map(type => fleet.downstream.find(type, { namespace, name: 'paddock' })));
  return found.flatMap(each => (each ? [each.metadata?.labels?.[LABEL_OWNER]] : []));
}

/** A project with all limits that olga owns, and a namespace in it where she has planted what is refused so far. */
async function given(id: string): Promise<{ readonly project: string; readonly namespace: string }> {
  const [project, namespace] = [`tight-${id}`, `planted-${id}`];
  await fleet.project(project, [namespace], TIGHT);
  await fleet.bind(project, 'project-owner', [user('olga')], { project });
  await fleet.until(true, olga, 'create deployments.apps', namespace);
  await eventually(async () => (await limitsIn(namespace)).length === 3, { ...WITHIN, what: 'the limits are there' });
  await plant(olga.client, namespace);
  return { project, namespace };
}

/** Nothing of ours is left but the levels that were in force, as the namespace's own, and what was planted gets no Pod. */
async function isLeftSafe(namespace: string): Promise<void> {
  await namespaceThat(fleet.downstream, namespace, ({ metadata }) => {
    expect(metadata?.labels?.team).toBeUndefined();
    expect(metadata?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toBeUndefined();
    expect(metadata?.labels).toMatchObject(IN_FORCE);
  });
  await eventuallyPasses(async () => expect(await limitsIn(namespace)).toEqual([]), {
    ...WITHIN,
    what: `the limits of ${namespace} are gone`,
  });
  await fleet.until(false, olga, 'create pods', namespace);
  await yieldsNothing(fleet.downstream, namespace);
}

type Leaving = (given: { readonly project: string; readonly namespace: string }) => Promise<unknown>;

test.each<[string, Leaving]>([
  ['removed', async ({ namespace }) => void (await relabel(namespace, null))],
  ['emptied', async ({ namespace }) => void (await relabel(namespace, ''))],
  [
    'owner',
    async ({ namespace }) => {
      const metadata = { labels: { [LABEL_PROJECT]: null } };
      expect(await cora.send(patch(`${NAMESPACES}/${namespace}`, { metadata }))).toMatchObject({ status: 200 });
    },
  ],
  ['retained', ({ project }) => fleet.hub.delete(ProjectResource, projectKey(project))],
  [
    'orphaned',
    ({ project }) => fleet.hub.delete(ProjectResource, projectKey(project), { propagationPolicy: 'Orphan' }),
  ],
  [
    'paused',
    async ({ project, namespace }) => {
      const metadata = { annotations: { 'paddock.dev/paused': 'true' } };
      await fleet.hub.mergePatch(ProjectResource, projectKey(project), { metadata });
      await relabel(namespace, null);
    },
  ],
  [
    'absent', // as after a restore of the hub
    async ({ project, namespace }) => {
      await fleet.whileProjectsDown(async () => {
        await fleet.hub.delete(ProjectResource, projectKey(project));
        await fleet.hub.mergePatch(ProjectResource, projectKey(project), { metadata: { finalizers: null } });
      });
      await relabel(namespace, null);
    },
  ],
  ['away', ({ namespace }) => fleet.whileProjectsDown(async () => void (await relabel(namespace, null)))],
  [
    'unmanaged', // managedFields reset
    async ({ namespace }) => {
      await fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { managedFields: [{}] } });
      await relabel(namespace, null);
      // whose label it is, nobody can tell any more
      await fleet.downstream.mergePatch(Namespaces, { name: namespace }, { metadata: { labels: { team: null } } });
    },
  ],
])('a namespace that leaves by its label or its project: %s', async (id, leave) => {
  const planted = await given(id);
  await leave(planted);
  await isLeftSafe(planted.namespace);
});

test('a namespace that moves to a project that does not exist keeps its levels, also when that comes', async () => {
  const { namespace } = await given('ahead');
  await relabel(namespace, 'later');
  await fleet.until(false, olga, 'create pods', namespace);
  // there is nothing yet that would take the place of these
  expect(await limitsIn(namespace)).toEqual(LIMITS.map(() => 'project.tight-ahead'));
  await fleet.project('later', [], { podSecurity: { enforce: 'privileged' } });
  await namespaceThat(fleet.downstream, namespace, ({ metadata }) => {
    expect(metadata?.labels?.team).toBeUndefined();
    expect(metadata?.labels).toMatchObject(IN_FORCE);
  });
  await eventuallyPasses(async () => expect(await limitsIn(namespace)).toEqual([]), {
    ...WITHIN,
    what: `the limits of ${namespace} are gone`,
  });
  await yieldsNothing(fleet.downstream, namespace);
});

test('a namespace that moves to a weaker project keeps its levels, and is limited at any moment', async () => {
  const { namespace } = await given('moves');
  const seen: string[] = [];
  const stop = new AbortController();
  const watches = [Namespaces, NetworkPolicies, ResourceQuotas].map(async type => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const emit = (event: WatchEvent<KubeObject>) => {
      if (event.type === 'InitDone') resolve();
      else if ('object' in event) note(seen, type, namespace, event);
    };
    void new Watcher({ type, emit }).run(fleet.downstream, stop.signal);
    await promise;
  });
  await Promise.all(watches);

  await relabel(namespace, 'weak');

  // the LimitRange, which the new project does not have, goes last
  await eventuallyPasses(async () => expect(await limitsIn(namespace)).toEqual(['project.weak', 'project.weak']), {
    ...WITHIN,
    what: `${namespace} has the limits of weak`,
  });
  await fleet.until(false, olga, 'create pods', namespace);
  await yieldsNothing(fleet.downstream, namespace);
  stop.abort();
  expect(seen).toContain('ResourceQuota of project.weak');
  expect(seen).toContain('NetworkPolicy of project.weak');
  expect(seen.filter(each => /gone|without/.test(each))).toEqual([]);

  // and keeps them when it leaves that
  await relabel(namespace, null);
  await isLeftSafe(namespace);
});

function note(seen: string[], { kind }: ResourceType, namespace: string, event: WatchEvent<KubeObject>): void {
  if (!('object' in event)) return;
  const { metadata } = event.object;
  if (kind === 'Namespace') {
    if (metadata?.name === namespace) seen.push(`Namespace ${metadata.labels?.[ENFORCE] ?? 'without a level'}`);
  } else if (metadata?.namespace === namespace && metadata.name === 'paddock')
    seen.push(`${kind} ${event.type === 'Delete' ? 'gone' : `of ${metadata.labels?.[LABEL_OWNER]}`}`);
}

test('a stricter label that people set on a member is its own from then on; a looser one is put back', async () => {
  await fleet.project('drift', ['drift-1'], { podSecurity: { enforce: 'baseline' } });
  const labelled = (level: string) =>
    namespaceThat(fleet.downstream, 'drift-1', ({ metadata }) => expect(metadata?.labels?.[ENFORCE]).toBe(level));
  const set = (level: string | null) =>
    fleet.downstream.mergePatch(Namespaces, { name: 'drift-1' }, { metadata: { labels: { [ENFORCE]: level } } });
  await labelled('baseline');
  await set('privileged');
  await labelled('baseline');
  await set('restricted');
  await namespaceThat(fleet.downstream, 'drift-1', ({ metadata }) =>
    expect(metadata?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toContain('{"enforce":"restricted"'),
  );
  await set(null);
  await labelled('restricted');
  await fleet.hub.mergePatch(ProjectResource, projectKey('drift'), { spec: { podSecurity: null } });
  await set('baseline');
  await labelled('restricted');
  for (const garbage of ['', '{}', '{"enforce":"privileged"}', `"${'x'.repeat(2_000)}"`]) {
    const metadata = { annotations: { [ANNOTATION_OWN_POD_SECURITY]: garbage } };
    await fleet.downstream.mergePatch(Namespaces, { name: 'drift-1' }, { metadata });
    await namespaceThat(fleet.downstream, 'drift-1', ({ metadata: now }) => {
      expect(now?.annotations?.[ANNOTATION_OWN_POD_SECURITY]).toContain('{"enforce":"restricted"');
      expect(now?.labels?.[ENFORCE]).toBe('restricted');
    });
  }
});

// the last one: the cluster is gone from the hub then
test('a namespace of a cluster that is handed back keeps its levels', async () => {
  const { namespace } = await given('cleaned');
  await fleet.hub.delete(ClusterResource, { name: 'edge-1' });
  await eventually(async () => (await fleet.hub.find(ClusterResource, { name: 'edge-1' })) === undefined, {
    timeoutMs: 60_000,
    what: 'the Cluster is gone',
  });
  await isLeftSafe(namespace);
});
