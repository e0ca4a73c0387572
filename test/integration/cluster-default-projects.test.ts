import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { ClusterResource, clusterNamespace, LABEL_PROJECT, type Project, ProjectResource } from '#api';
import { Events, findCondition, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { namespaceThat } from '../support/cluster-objects.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, type Site, startFleet } from '../support/fleet.ts';
import { aProject } from '../support/objects.ts';
import type { RunningOperators } from '../support/operators.ts';
import { ClusterHistory } from './deleted-clusters.ts';

jest.setTimeout(120_000);

const WITHIN = { timeoutMs: 30_000 };
interface EventObject extends KubeObject {
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly name?: string };
}
const AllEvents = Events as ResourceType<EventObject>;
/** What the settings name beside Kubernetes' own; a test takes one for each time that it has to wait. */
const TOOLS = ['tools-1', 'tools-2', 'tools-3', 'tools-4', 'tools-5', 'tools-6'];
const PROBES = Array.from({ length: 50 }, (_, index) => `probe-${index + 1}`);
const SYSTEM = ['mesh', 'tools-own', 'kube-flannel', ...TOOLS, ...PROBES];
/** Who labelled namespaces by default in earlier versions, by push. */
const MEMBERSHIP_MANAGER = 'paddock-project-membership';

let fleet: Fleet;
let one: Site;
let two: Site;
let clusterOperator: RunningOperators;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  [one, two] = [fleet.edge(1), fleet.edge(2)];
  clusterOperator = fleet.start(['cluster']);
  fleet.start(['project'], { systemNamespaces: SYSTEM });
  await fleet.importCluster(one, { spec: { defaultProjects: true } });
  await fleet.importCluster(two, { spec: { defaultProjects: false } });
  await Promise.all(['edge-1', 'edge-2'].map(name => fleet.connected(name)));
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
}, 60_000);

const find = (cluster: string, name: string) =>
  fleet.hub.client.find(ProjectResource, { namespace: clusterNamespace(cluster), name });

async function ready(cluster: string, name: string): Promise<Project> {
  return await eventually(
    async () => {
      const project = await find(cluster, name);
      return findCondition(project?.status?.conditions, 'Ready')?.status === 'True' ? project : undefined;
    },
    { ...WITHIN, what: `Project ${name} of ${cluster} is ready` },
  );
}

const inProject = ({ client }: Site, namespace: string, project: string | undefined) =>
  namespaceThat(client, namespace, ({ metadata }) => expect(metadata?.labels?.[LABEL_PROJECT]).toBe(project));

const label = ({ client }: Site, name: string, project: string | null) =>
  client.mergePatch(Namespaces, { name }, { metadata: { labels: { [LABEL_PROJECT]: project } } });

const create = ({ client }: Site, name: string, labels: Record<string, string> = {}) =>
  client.create(Namespaces, {}, { metadata: { name, labels } });

/** A namespace that is labelled because it is looked at: what came before it was looked at too. */
async function settle(site: Site, name: string): Promise<void> {
  await create(site, name);
  await inProject(site, name, 'system');
}

test('a cluster has the Projects default and system, and these have their namespaces', async () => {
  await Promise.all(['default', 'system'].map(name => ready('edge-1', name)));

  await inProject(one, 'default', 'default');
  for (const name of ['kube-system', 'kube-public', 'kube-node-lease']) await inProject(one, name, 'system');
});

test('namespaces that come later follow by their names, others and Paddock’s own do not', async () => {
  for (const name of ['mesh', 'mesh-2', 'app', 'paddock-x', 'kube-flannel', 'kube-evil', 'kube-system-2'])
    await create(one, name);

  await settle(one, 'tools-1');

  for (const name of ['mesh', 'kube-flannel']) await inProject(one, name, 'system');
  for (const name of ['mesh-2', 'app', 'paddock-x', 'paddock-system', 'kube-evil', 'kube-system-2'])
    await inProject(one, name, undefined);
});

// earlier versions labelled all kube-*, so whoever could make a namespace could make one of project system
test('one that an earlier version labelled by the beginning of its name leaves, and keeps its pod security', async () => {
  const level = { 'pod-security.kubernetes.io/enforce': 'baseline' };
  const applied = (name: string, labels: Record<string, string>, fieldManager: string) =>
    one.client.apply(Namespaces, { metadata: { name, labels } }, { fieldManager, force: true });
  const inSystem = { [LABEL_PROJECT]: 'system' };
  await applied('kube-planted', level, 'people');
  await applied('kube-planted', inSystem, MEMBERSHIP_MANAGER);
  await applied('kube-planted-by-agent', inSystem, 'paddock-agent-project-membership');
  await applied('kube-meant', inSystem, 'people');
  await applied('kube-both', inSystem, 'people'); // before the operator could take it out
  await applied('kube-both', inSystem, MEMBERSHIP_MANAGER);
  await applied('kube-flannel', inSystem, MEMBERSHIP_MANAGER);

  for (const name of ['kube-planted', 'kube-planted-by-agent']) await inProject(one, name, undefined);
  const { metadata } = await one.client.get(Namespaces, { name: 'kube-planted' });
  expect(metadata?.labels).toMatchObject(level);
  await settle(one, 'tools-4');
  for (const name of ['kube-meant', 'kube-both', 'kube-flannel']) await inProject(one, name, 'system');
  for (const [name, reason] of [
    ['kube-planted', 'LeavesProject'],
    ['kube-both', 'StaysInProject'],
  ] as const) {
    const named = async () => {
      const { items } = await one.client.list(AllEvents, { namespace: 'default' });
      return items.find(event => event.regarding.name === name && event.reason === reason)?.note;
    };
    const note = await eventually(named, { ...WITHIN, what: `an event names ${name}` });
    expect(note).toMatch(/was put into project system by the beginning of its name.*--system-namespaces/);
  }
});

test('a label of people’s stays; without one the namespace is labelled again', async () => {
  await create(one, 'tools-own', { [LABEL_PROJECT]: 'payments' });
  await label(one, 'default', 'payments');

  await settle(one, 'tools-2');

  await inProject(one, 'default', 'payments');
  await inProject(one, 'tools-own', 'payments');
  await label(one, 'default', null);
  await inProject(one, 'default', 'default');
});

test('one that is deleted is not made again, and its namespaces are in none', async () => {
  await fleet.hub.client.delete(ProjectResource, { namespace: 'c-edge-1', name: 'default' });
  await eventually(async () => !(await find('edge-1', 'default')), { ...WITHIN, what: 'it is gone' });
  await clusterOperator.stop();
  clusterOperator = fleet.start(['cluster']);

  // what makes the operator look at the Cluster's namespace again is seen by what it repairs
  const key = { name: 'c-edge-1' };
  await fleet.hub.client.mergePatch(Namespaces, key, { metadata: { labels: { 'paddock.dev/owner': null } } });
  await eventually(async () => (await fleet.hub.client.get(Namespaces, key)).metadata?.labels?.['paddock.dev/owner'], {
    ...WITHIN,
    what: 'the namespace was looked at',
  });
  await settle(one, 'tools-3');

  expect(await find('edge-1', 'default')).toBeUndefined();
  expect(await find('edge-1', 'system')).toBeDefined();
  await inProject(one, 'default', undefined);
});

test('defaultProjects: false makes none and labels nothing, also where people made such a Project', async () => {
  const own = aProject({ name: 'default', cluster: 'edge-2', spec: { displayName: 'Ours' } });
  await fleet.hub.client.create(ProjectResource, { namespace: 'c-edge-2' }, own);
  await ready('edge-2', 'default');
  await create(two, 'app', { [LABEL_PROJECT]: 'default' });
  await eventually(async () => (await find('edge-2', 'default'))?.status?.namespaces?.total === 1, {
    ...WITHIN,
    what: 'its member is seen',
  });

  expect(await find('edge-2', 'system')).toBeUndefined();
  await inProject(two, 'default', undefined);
  await inProject(two, 'kube-system', undefined);
});

test('turned on later they are made, without touching one that is there; turned off, what is there stays', async () => {
  const set = (defaultProjects: boolean) =>
    fleet.hub.client.mergePatch(ClusterResource, { name: 'edge-2' }, { spec: { defaultProjects } });

  await set(true);
  await ready('edge-2', 'system');
  await inProject(two, 'kube-system', 'system');
  await inProject(two, 'default', 'default');
  expect((await find('edge-2', 'default'))?.spec.displayName).toBe('Ours');

  await set(false);
  // seen by the project operator when it no longer labels
  let count = 0;
  await eventually(
    async () => {
      count += 1;
      const name = PROBES[count - 1] ?? '';
      await create(two, name);
      await create(two, `app-${count}`, { [LABEL_PROJECT]: 'default' });
      await eventually(
        async () => (await find('edge-2', 'default'))?.status?.namespaces?.names?.includes(`app-${count}`),
        {
          ...WITHIN,
          what: 'a namespace made after it is seen',
        },
      );
      const { metadata } = await two.client.get(Namespaces, { name });
      return metadata?.labels?.[LABEL_PROJECT] === undefined;
    },
    { ...WITHIN, what: 'nothing more is labelled' },
  );
  await inProject(two, 'kube-system', 'system');
  expect(await find('edge-2', 'system')).toBeDefined();
});

test('a cluster that is handed back keeps the labels that people set, and loses those that Paddock did', async () => {
  const history = await ClusterHistory.start(fleet);
  try {
    const cluster = await fleet.hub.client.get(ClusterResource, { name: 'edge-1' });
    await fleet.hub.client.delete(ClusterResource, { name: 'edge-1' });

    expect(await history.gone(cluster)).toMatchObject({ reason: 'Cleaned' });

    await inProject(one, 'tools-own', 'payments');
    for (const name of ['kube-system', 'mesh', 'tools-1']) await inProject(one, name, undefined);
  } finally {
    history.stop();
  }
});
