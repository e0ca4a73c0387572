import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ClusterResource, USERS_NAMESPACE } from '#api';
import { ClusterReplacedError, findCondition, type KubeObject, Namespaces } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { eventually } from '../support/eventually.ts';
import { Fleet, SecretType, type Site, startSite } from '../support/fleet.ts';
import { ContentTypes } from '../support/objects.ts';
import { OperatorProcesses } from '../support/operator-process.ts';
import type { RunningOperators } from '../support/operators.ts';
import { backUp, makeHistory, reinstall, restore } from './backup.ts';
import { DeletionLog } from './deletions.ts';
import { givenConnectedFleet, givenTwoSources, TWO, twoSourcesPicture } from './given.ts';
import { alike, untilPicture } from './picture.ts';
import { Stage } from './stage.ts';

const COUNT = 3;
const WITHIN = { timeoutMs: 90_000 };

let fleet: Fleet;
let clusterOperator: RunningOperators;
let stage: Stage;
let deletions: DeletionLog;

beforeEach(async () => {
  ({ fleet, clusterOperator } = await givenConnectedFleet());
  // what is made for the proof of the policies, and what Kubernetes makes in it, is no matter of these tests
  await eventually(
    async () => {
      const { status } = await fleet.hub.client.get(ClusterResource, { name: 'edge-1' });
      const made = { namespace: USERS_NAMESPACE, name: 'kube-root-ca.crt' };
      return status?.policiesEnforced && (await fleet.edge().client.find(ContentTypes.ConfigMap, made));
    },
    { ...WITHIN, what: 'edge-1 is guarded' },
  );
  deletions = await DeletionLog.start(fleet.edge().client);
  stage = new Stage(fleet, 'given');
}, 120_000);

afterEach(async () => {
  deletions?.stop();
  await fleet?.stop();
}, 60_000);

/** `secrets given-1/token 4711` of all that Paddock could touch downstream: the same again means that nothing was written. */
async function versions({ client }: Site): Promise<string[]> {
  const lists = [Namespaces, ContentTypes.Secret, ContentTypes.ConfigMap].map(async type => {
    const { items } = await client.list<KubeObject>(type);
    return items.map(
      ({ metadata }) => `${type.plural} ${metadata?.namespace}/${metadata?.name} ${metadata?.resourceVersion}`,
    );
  });
  return (await Promise.all(lists)).flat().sort();
}

async function untilStalled(hub: Fleet, name: string, reason: string): Promise<string> {
  const what = `Cluster ${name} is stalled: ${reason}`;
  return await eventually(
    async () => {
      const { status } = await hub.hub.client.get(ClusterResource, { name });
      const stalled = findCondition(status?.conditions, 'Stalled');
      return stalled?.reason === reason && stalled.message;
    },
    { ...WITHIN, what },
  );
}

describe('a hub is restored empty under the same address', () => {
  test('the operators end, and when they are started again nothing is deleted either', async () => {
    const running = fleet.start(['project']);
    await givenTwoSources(stage, COUNT);
    await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
    const before = await versions(fleet.edge());

    await reinstall(fleet.hub);
    const processes = await OperatorProcesses.prepare();
    try {
      // without the operators' rights nobody knows who answers: it is refused everything, and waits
      const kubeconfig = fleet.operatorKubeconfig('project');
      const early = processes.start({ operators: ['project'], kubeconfig });
      await eventually(() => early.log().includes('is forbidden'), { ...WITHIN, what: 'it is refused' });
      // reinstalled, the hub is recognised as another one by its kube-system namespace
      await installManifests(fleet.hub.controlPlane);
      await expect(running.ended).rejects.toBeInstanceOf(ClusterReplacedError);
      await expect(clusterOperator.ended).rejects.toBeInstanceOf(ClusterReplacedError);

      // started again they find no Clusters, then a Cluster whose downstream is another hub's
      const restarted = processes.start({ operators: ['project'], kubeconfig });
      fleet.start(['cluster']);
      await fleet.importCluster(fleet.edge());
      expect(await untilStalled(fleet, 'edge-1', 'AlreadyClaimed')).toContain('kube-system uid');
      for (const process of [early, restarted]) {
        expect(process.running).toBe(true);
        expect(process.writes()).toEqual([]);
      }
    } finally {
      await processes.stop();
    }
    expect(deletions.seen).toEqual([]);
    expect(await versions(fleet.edge())).toEqual(before);
  }, 240_000);
});

test('a hub is restored from a backup: the operators end, and started again take nothing but what it does not know', async () => {
  const running = fleet.start(['project']);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  await backUp(fleet.hub);
  await stage.share('a', 'Secret', 'later', { value: '1' });
  const objects = [...TWO, 'Secret later=1 of a'].sort();
  const projects = { a: `ready: ${3 * COUNT} copies of 3 objects` };
  await untilPicture(stage, { namespaces: alike(COUNT, { member: 'a', team: 'a', objects }), projects }, WITHIN);

  await makeHistory(fleet.hub);
  await restore(fleet.hub);
  await expect(running.ended).rejects.toBeInstanceOf(ClusterReplacedError);
  expect(deletions.seen).toEqual([]);

  fleet.start(['cluster']);
  fleet.start(['project']);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  expect(deletions.seen.filter(name => !name.endsWith('/later'))).toEqual([]);
}, 240_000);

test('a second hub claims the same downstream: refused, nothing written, the first undisturbed', async () => {
  fleet.start(['project']);
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  const before = await versions(fleet.edge());

  const second = new Fleet(await startSite('second-hub'), []);
  try {
    await installManifests(second.hub.controlPlane);
    await second.start(['cluster']);
    await second.start(['project']);
    await second.importCluster(fleet.edge(), { name: 'mine' });
    const message = await untilStalled(second, 'mine', 'AlreadyClaimed');
    const { metadata } = await fleet.hub.client.get(Namespaces, { name: 'kube-system' });
    expect(message).toContain(`Cluster edge-1`);
    expect(message).toContain(metadata?.uid);

    // a project of the same name with a Secret of the same name, as in a hub made by the same GitOps
    const theirs = new Stage(new Fleet(second.hub, [{ ...fleet.edge(), name: 'mine' }]), 'given');
    await theirs.createProject('a');
    await eventually(async () => (await theirs.findProject('a'))?.status?.conditions, {
      ...WITHIN,
      what: 'it is seen',
    });
    await theirs.share('a', 'Secret', 'token', { value: 'theirs' });
    const seen = await eventually(async () => (await theirs.findProject('a'))?.status, { ...WITHIN, what: 'status' });
    expect(findCondition(seen.conditions, 'Ready')?.reason).toBe('ClusterNotConnected');
    expect(await versions(fleet.edge())).toEqual(before);

    await stage.change('a', 'Secret', 'token', { value: '2' });
    const objects = ['ConfigMap settings=1 of a', 'Secret token=2 of a'];
    const namespaces = alike(COUNT, { member: 'a', team: 'a', objects });
    await untilPicture(stage, { ...twoSourcesPicture(COUNT), namespaces }, WITHIN);
    expect(deletions.seen).toEqual([]);
  } finally {
    await second.stop();
  }
}, 240_000);

test('the same hub names the downstream twice: the second Cluster is refused', async () => {
  await fleet.importCluster(fleet.edge(), { name: 'twin' });
  const message = await untilStalled(fleet, 'twin', 'AlreadyClaimed');
  expect(message).toContain('Cluster edge-1');
  expect(message).toContain('of this hub');
  expect(await fleet.hub.client.find(SecretType, { namespace: 'c-twin', name: 'twin' })).toBeDefined();
}, 120_000);
