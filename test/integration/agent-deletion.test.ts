import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Cluster, ClusterResource } from '#api';
import { isForbidden, type KubeObject, Namespaces } from '#runtime';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { ClusterRoles } from '../../operators/engagement/rbac-kinds.ts';
import { givenTwoSources, twoSourcesPicture } from '../chaos/given.ts';
import { alike, type Picture, untilPicture } from '../chaos/picture.ts';
import { Stage } from '../chaos/stage.ts';
import { AgentFleet } from '../support/agent-fleet.ts';
import { agentKubeconfig, createAgentCluster, manifestOf } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { adminClient } from '../support/fleet.ts';
import { aConfigMap, aSecret, ContentTypes } from '../support/objects.ts';
import { agentGoneFromHub, contentsOf, INSTALLED, installed, untilInstalled } from './agent-installation.ts';
import { ClusterHistory } from './deleted-clusters.ts';

jest.setTimeout(240_000);

const COUNT = 2;
const WITHIN = { timeoutMs: 60_000 };
/** Members keep the label that their users gave them, and nothing of ours. */
const HANDED_BACK: Picture = { namespaces: alike(COUNT, { member: 'a', objects: [] }), projects: { a: 'gone' } };
const PART_OF = 'app.kubernetes.io/part-of';

let agents: AgentFleet;
let history: ClusterHistory;

beforeAll(async () => {
  agents = await AgentFleet.start();
  history = await ClusterHistory.start(agents.fleet);
}, 120_000);

afterAll(async () => {
  history?.stop();
  await agents?.stop();
}, 60_000);

interface Role extends KubeObject {
  readonly rules?: readonly { readonly verbs: readonly string[] }[];
}

async function given(id: string): Promise<Stage> {
  const stage = new Stage(agents.fleet, id);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  return stage;
}

const remove = (name = 'edge-1') => agents.fleet.hub.client.delete(ClusterResource, { name });
const claim = () => agents.edge.client.find(ConfigMaps, CLAIM);

/** Waits until the downstream's server refuses the agent deletions. */
async function untilRefused(): Promise<void> {
  const client = adminClient(agentKubeconfig(agents.edge));
  try {
    const attempt = () => client.delete(ContentTypes.Secret, { namespace: 'default', name: 'none' });
    await eventually(() => attempt().then(() => false, isForbidden), { ...WITHIN, what: 'the agent may not delete' });
  } finally {
    await client.transport.close();
  }
}

function seen(cluster: Cluster, reason: string) {
  const find = () => history.cleaned(cluster).find(condition => condition.reason === reason);
  return eventually(find, { ...WITHIN, what: `the condition Cleaned had reason ${reason}` });
}

test('Clean: the agent takes what is ours and nothing else, whatever it is refused at first, then itself, and ends', async () => {
  const { edge, fleet } = agents;
  const { cluster, agent } = await agents.join();
  const stage = await given('clean');
  await stage.changeProject('a', {
    deletionPolicy: 'Delete',
    resourceQuota: { hard: { pods: '50' }, namespaceDefault: { pods: '2' } },
    containerDefaults: { limits: { cpu: '1' } },
    networkIsolation: { enabled: true },
  });
  for (const type of [ResourceQuotas, LimitRanges, NetworkPolicies])
    await eventually(() => edge.client.find(type, { namespace: 'clean-1', name: 'paddock' }), {
      ...WITHIN,
      what: `${type.kind} paddock is there`,
    });
  await edge.client.create(Namespaces, {}, { metadata: { name: 'bystander', labels: { team: 'theirs' } } });
  const { metadata: marks } = await edge.client.get(ContentTypes.Secret, { namespace: 'clean-1', name: 'token' });
  const foreign = [
    aSecret('token'),
    aConfigMap('of-another-hub')
      .withLabels({ ...marks?.labels, 'paddock.dev/owner': 'project.theirs' })
      .withAnnotations({ ...marks?.annotations, 'paddock.dev/hub': 'another' }),
  ];
  const at = { namespace: 'bystander' };
  const created = await Promise.all(
    foreign.map(object => edge.client.create(ContentTypes[object.kind], at, object.build('bystander'))),
  );
  const role = await edge.client.get<Role>(ClusterRoles, { name: 'paddock-agent' });
  const rules = role.rules?.map(rule => ({ ...rule, verbs: rule.verbs.filter(verb => verb !== 'delete') }));
  await edge.client.mergePatch<Role>(ClusterRoles, { name: 'paddock-agent' }, { rules });
  await untilRefused();

  await remove();
  const { message } = await seen(cluster, 'CleanupFailed');
  await edge.client.mergePatch<Role>(ClusterRoles, { name: 'paddock-agent' }, { rules: role.rules });

  // what grants access comes first, and nothing else is tried before it is gone
  expect(message).toContain('cannot delete resource "clusterrolebindings"');
  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  await untilPicture(stage, HANDED_BACK, WITHIN);
  for (const [index, object] of foreign.entries())
    expect(await edge.client.find(ContentTypes[object.kind], { ...at, name: object.name })).toEqual(created[index]);
  expect((await edge.client.get(Namespaces, { name: 'bystander' })).metadata?.labels?.team).toBe('theirs');
  await agent.ended;
  await untilInstalled(edge, []);
  await agentGoneFromHub(fleet, 'edge-1');
  expect(await fleet.hub.client.find(Namespaces, { name: 'paddock-system' })).toBeDefined();
});

test('made again under its name it starts fresh; Orphan leaves what was derived, and takes claim and agent', async () => {
  const { edge, fleet } = agents;
  const { cluster, agent } = await agents.join({ deletionPolicy: 'Orphan' });
  expect((await claim())?.data).toMatchObject({ cluster: cluster.metadata.uid });
  const stage = await given('orphan');
  const before = await contentsOf(stage);

  await remove();

  expect(await history.gone(cluster)).toMatchObject({ status: 'False', reason: 'Orphaned' });
  await agent.ended;
  await untilInstalled(edge, ['Namespace']);
  await agentGoneFromHub(fleet, 'edge-1');
  expect(await contentsOf(stage)).toEqual(before);
});

test('Clean where paddock-system is a hub’s: the agent goes, and of the namespace only what it brought', async () => {
  const { edge, fleet } = agents;
  const { cluster, agent } = await agents.join();
  await edge.client.mergePatch(
    Namespaces,
    { name: 'paddock-system' },
    { metadata: { labels: { [PART_OF]: 'paddock' } } },
  );
  const theirs = await edge.client.create(
    ContentTypes.Secret,
    { namespace: 'paddock-system' },
    aSecret('theirs').build('paddock-system'),
  );

  await remove();

  expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
  await agent.ended;
  await untilInstalled(edge, ['Namespace']);
  expect(await edge.client.find(ContentTypes.Secret, { namespace: 'paddock-system', name: 'theirs' })).toEqual(theirs);
  await agentGoneFromHub(fleet, 'edge-1');
});

test('a cluster that is somebody else’s by its claim is not touched', async () => {
  const { edge, fleet } = agents;
  const { cluster } = await agents.join();
  const stage = await given('foreign');
  const before = await contentsOf(stage);
  await edge.client.mergePatch(ConfigMaps, CLAIM, { data: { hub: 'another', cluster: 'x', name: 'theirs' } });

  await remove();

  const last = await history.gone(cluster);
  expect(last).toMatchObject({ status: 'False', reason: 'AlreadyClaimed' });
  expect(last?.message).toContain('Cluster theirs of the hub');
  await agentGoneFromHub(fleet, 'edge-1');
  expect(await contentsOf(stage)).toEqual(before);
  expect(await installed(edge)).toEqual(INSTALLED);
  expect((await claim())?.data).toMatchObject({ name: 'theirs' });
});

test('a Cluster that no agent has joined goes at once', async () => {
  const { fleet } = agents;
  const never = await createAgentCluster(fleet, 'never');
  await manifestOf(fleet, 'never');

  await remove('never');

  expect(await history.gone(never)).toMatchObject({ status: 'True', reason: 'NothingDerived' });
  await agentGoneFromHub(fleet, 'never');
});
