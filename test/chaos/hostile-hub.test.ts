import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Namespaces } from '#runtime';
import { installManifests } from '../../hack/dev/hub-objects.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import type { Fleet } from '../support/fleet.ts';
import { ContentTypes } from '../support/objects.ts';
import { OperatorProcesses } from '../support/operator-process.ts';
import type { RunningOperators } from '../support/operators.ts';
import { DeletionLog } from './deletions.ts';
import { givenConnectedFleet, givenTwoSources, TWO, twoSourcesPicture } from './given.ts';
import { alike, type NamespacePicture, takePicture, untilPicture } from './picture.ts';
import { allowSecretsIn, revoke } from './rights.ts';
import { Stage } from './stage.ts';

const COUNT = 3;
/** Watches that failed are opened again after at most 30 s. */
const WITHIN = { timeoutMs: 90_000 };
const MEMBER = { member: 'a', team: 'a' };

let fleet: Fleet;
let processes: OperatorProcesses;
let deletions: DeletionLog;
let running: RunningOperators;

beforeAll(async () => {
  [{ fleet }, processes] = await Promise.all([givenConnectedFleet(), OperatorProcesses.prepare()]);
}, 120_000);

beforeEach(async () => {
  deletions = await DeletionLog.start(fleet.edge().client);
  running = fleet.start(['project']);
});

afterEach(async () => {
  deletions.stop();
  await running.stop();
});

afterAll(async () => {
  await processes?.stop();
  await fleet?.stop();
});

async function untilNamespaces(stage: Stage, namespaces: readonly NamespacePicture[]): Promise<void> {
  await eventuallyPasses(async () => expect((await takePicture(stage, ['a'])).namespaces).toEqual(namespaces), {
    ...WITHIN,
    what: `the namespaces of stage ${stage.id} look as they should`,
  });
}

async function restart(): Promise<void> {
  await running.stop();
  running = fleet.start(['project']);
}

describe('the Project CRD is deleted and put back, with its Projects', () => {
  test.each([
    ['the operator keeps running', async () => undefined],
    ['the operator is restarted meanwhile', restart],
  ])(
    '%s: nothing is deleted, the copies are adopted',
    async (name, meanwhile) => {
      const stage = new Stage(fleet, name.endsWith('meanwhile') ? 'crd-restart' : 'crd');
      await givenTwoSources(stage, COUNT);
      await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);

      const { controlPlane } = fleet.hub;
      // waits until every Project is gone, finalizers and all
      const { code, stderr } = await controlPlane.kubectl(['delete', 'crd', 'projects.paddock.dev', '--timeout=60s']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.anything() });
      await meanwhile();
      await installManifests(controlPlane);
      await stage.createProject('a', { namespaceLabels: { team: 'a' } });

      await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
      expect(deletions.seen).toEqual([]);
    },
    240_000,
  );
});

// A right to the Secrets of single namespaces only is the same to the operator, which watches all of them at once.
describe('the shared Secrets of the hub can not be read (403), and one is deleted meanwhile', () => {
  beforeAll(() => allowSecretsIn(fleet.hub.client, 'c-edge-1'));

  test('while the operator runs: its copies stay until the hub can be read', async () => {
    const stage = new Stage(fleet, 'forbidden');
    await givenTwoSources(stage, COUNT);
    await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);

    const restore = await revoke(fleet.hub.client, 'secrets');
    await fleet.hub.controlPlane.restartApiServer(); // watches that are open are not asked again for their rights
    await stage.unshare('a', 'Secret', 'token');
    await stage.change('a', 'ConfigMap', 'settings', { value: '2' });

    // what can be read still arrives, so the operator has looked at every namespace
    await untilNamespaces(stage, alike(COUNT, { ...MEMBER, objects: ['ConfigMap settings=2 of a', TWO[1] ?? ''] }));
    expect(deletions.seen).toEqual([]);

    await restore();
    await untilNamespaces(stage, alike(COUNT, { ...MEMBER, objects: ['ConfigMap settings=2 of a'] }));
  }, 240_000);

  test('when the operator starts: it touches nothing until the hub can be read', async () => {
    const stage = new Stage(fleet, 'forbidden-start');
    await givenTwoSources(stage, COUNT);
    await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
    await running.stop();

    const restore = await revoke(fleet.hub.client, 'secrets');
    await stage.unshare('a', 'Secret', 'token');
    const process = processes.start({ operators: ['project'], kubeconfig: fleet.operatorKubeconfig('project') });
    const refusals = () => process.log().match(/secrets is forbidden/g)?.length ?? 0;
    const engaged = () => process.log().includes('"msg":"engaged"');
    await eventually(() => engaged() && refusals() >= 3, { ...WITHIN, what: 'the operator is engaged and refused' });
    await untilNamespaces(stage, alike(COUNT, { ...MEMBER, objects: TWO }));
    expect(process.writes()).toEqual([]);
    expect(deletions.seen).toEqual([]);

    await restore();
    await untilNamespaces(stage, alike(COUNT, { ...MEMBER, objects: [TWO[0] ?? ''] }));
    await process.stop();
  }, 240_000);
});

test('a project’s namespace is deleted with its shared objects: no copy goes while it is not there', async () => {
  const stage = new Stage(fleet, 'home');
  await givenTwoSources(stage, COUNT);
  await untilPicture(stage, twoSourcesPicture(COUNT), WITHIN);
  const home = { name: stage.home('a') };
  const inHome = { namespace: stage.home('a') };
  const guard = { metadata: { name: 'guard', finalizers: ['example.com/guard'] } };
  await fleet.hub.client.create(ContentTypes.ConfigMap, inHome, guard); // keeps the namespace terminating

  await fleet.deleteHubNamespace(home.name);
  await eventually(async () => (await fleet.hub.client.list(ContentTypes.Secret, inHome)).items.length === 0, {
    ...WITHIN,
    what: 'the shared objects are gone',
  });
  await stage.changeProject('a', { namespaceLabels: { team: 'blue' } });
  await untilNamespaces(stage, alike(COUNT, { member: 'a', team: 'blue', objects: TWO }));
  expect(deletions.seen).toEqual([]);

  const finalizers = { metadata: { finalizers: null } };
  await fleet.hub.client.mergePatch(ContentTypes.ConfigMap, { ...inHome, name: 'guard' }, finalizers);
  const isBack = async () => {
    const found = await fleet.hub.client.find(Namespaces, home);
    return found && !found.metadata?.deletionTimestamp;
  };
  await eventually(isBack, { ...WITHIN, what: 'the namespace is there again' });
  await stage.share('a', 'Secret', 'token', { value: '2' });
  await untilNamespaces(stage, alike(COUNT, { member: 'a', team: 'blue', objects: ['Secret token=2 of a'] }));
}, 240_000);
