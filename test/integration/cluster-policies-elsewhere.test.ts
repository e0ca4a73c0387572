import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Cluster, LABEL_PROJECT } from '#api';
import { Namespaces, Transport } from '#runtime';
import { Policies, PolicyBindings } from '../../operators/cluster/policies/kinds.ts';
import { AgentFleet } from '../support/agent-fleet.ts';
import { agentKubeconfig } from '../support/agents.ts';
import { namespaceThat } from '../support/cluster-objects.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { credentialsOf } from '../support/operators.ts';
import { sendOver, type UserRequest } from '../support/token-user.ts';
import { apply, get, patch, post, remove } from './agent-requests.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { ClusterHistory } from './deleted-clusters.ts';
import { GuardedCluster, INSTALLED, MEMBERSHIP } from './guarded-cluster.ts';
import { dryRun } from './policy-hub.ts';

jest.setTimeout(180_000);

describe('the hub as its own cluster', () => {
  let fleet: Fleet;
  let guarded: GuardedCluster;
  let history: ClusterHistory;

  beforeEach(async () => {
    fleet = await startFleet({ downstreams: 0 });
    guarded = await GuardedCluster.of(fleet.hub);
  }, 120_000);

  afterEach(async () => {
    history?.stop();
    await guarded?.close();
    await fleet?.stop();
  }, 60_000);

  test('has them beside its own while it has a Cluster; operators label namespaces there all the same', async () => {
    const own = await guarded.installed();
    for (const policy of INSTALLED) expect(own).not.toContain(policy);
    const clusters = new ClusterFixture(fleet.hub);
    fleet.start(['cluster']);
    fleet.start(['project']);
    await guarded.open();

    const local = await fleet.importLocal({ spec: { defaultProjects: true } });

    await clusters.becomes('local', 'Ready', { status: 'True' });
    await guarded.guarded();
    await guarded.restored(local, fleet.hub);
    const { client } = fleet.hub;
    const inDefault = (project: string | undefined) =>
      namespaceThat(client, 'default', ({ metadata }) => expect(metadata?.labels?.[LABEL_PROJECT]).toBe(project));
    await inDefault('default');
    await client.mergePatch(Namespaces, { name: 'default' }, { metadata: { labels: { [LABEL_PROJECT]: null } } });
    await inDefault('default');

    history = await ClusterHistory.start(fleet);
    await clusters.remove('local');

    expect(await history.gone(local)).toMatchObject({ status: 'True', reason: 'Cleaned' });
    expect(await guarded.installed()).toEqual(own);
    await inDefault(undefined);
  });
});

describe('a cluster by agent', () => {
  let agents: AgentFleet;
  let guarded: GuardedCluster;
  let history: ClusterHistory;
  let cluster: Cluster;

  afterAll(async () => {
    history?.stop();
    await guarded?.close();
    await agents?.stop();
  }, 60_000);

  test('has them from its agent when it is Ready', async () => {
    agents = await AgentFleet.start();
    history = await ClusterHistory.start(agents.fleet);
    guarded = await GuardedCluster.of(agents.edge);

    ({ cluster } = await agents.join());

    expect(await guarded.installed()).toEqual(INSTALLED);
    await guarded.restored(cluster, agents.fleet.hub);
    await guarded.guarded();
  });

  test('what somebody does to them is undone', async () => {
    await agents.edge.client.delete(PolicyBindings, MEMBERSHIP);
    await agents.edge.client.mergePatch(Policies, MEMBERSHIP, { spec: { validations: [{ expression: 'true' }] } });

    await guarded.restored(cluster, agents.fleet.hub);
    await guarded.guarded();
  });

  const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
  const policy = (name: string) => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Audit'] },
  });

  test.each<readonly [what: string, request: UserRequest, status: number]>([
    [
      'apply one of them',
      apply(`${ADMISSION}/validatingadmissionpolicybindings/paddock-membership`, policy('paddock-membership')),
      200,
    ],
    ['delete one of them', remove(`${ADMISSION}/validatingadmissionpolicies/paddock-membership`), 200],
    ['find those it has to delete', get(`${ADMISSION}/validatingadmissionpolicies`), 200],
    ['apply another', apply(`${ADMISSION}/validatingadmissionpolicybindings/other`, policy('other')), 403],
    ['create one by a POST', post(`${ADMISSION}/validatingadmissionpolicybindings`, policy('paddock-membership')), 403],
    ['delete another', remove(`${ADMISSION}/validatingadmissionpolicies/other`), 403],
    ['patch another', patch(`${ADMISSION}/validatingadmissionpolicies/other`, {}), 403],
    ['delete all', remove(`${ADMISSION}/validatingadmissionpolicies`), 403],
    ['register a webhook', post(`${ADMISSION}/validatingwebhookconfigurations`, { metadata: { name: 'x' } }), 403],
    ['watch them', get(`${ADMISSION}/validatingadmissionpolicies?watch=true&timeoutSeconds=1`), 403],
  ])('its agent’s rights: %s', async (_what, request, status) => {
    const transport = new Transport({ credentials: credentialsOf(agentKubeconfig(agents.edge)) });
    try {
      const asked = request.method === 'GET' ? request : dryRun(request);
      expect(await sendOver(transport, asked)).toMatchObject({ status });
    } finally {
      await transport.close();
    }
  });

  test('handed back, it has none of them', async () => {
    await new ClusterFixture(agents.fleet.hub).remove('edge-1');

    expect(await history.gone(cluster)).toMatchObject({ status: 'True', reason: 'Cleaned' });
    expect(await guarded.installed()).toEqual([]);
    await guarded.open();
  });
});
