import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource, type RoleTemplateBinding, RoleTemplateBindingResource } from '#api';
import { PolicyBindings } from '../../operators/cluster/policies/kinds.ts';
import { AccessFleet, Binding, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';

const PAUSED = { 'paddock.dev/paused': 'true' };

let fleet: AccessFleet;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  // the operator holds to what it derives without the policy, too, of which test/attacks/hub-objects has the proof
  await fleet.hub.delete(PolicyBindings, { name: 'paddock-derived-bindings' });
  const rules = [{ verbs: ['list'], apiGroups: [''], resources: ['nodes'] }];
  await fleet.template('nodes', { context: 'Cluster', rules });
  const other = [{ verbs: ['list'], apiGroups: [''], resources: ['persistentvolumes'] }];
  await fleet.template('volumes', { context: 'Cluster', rules: other });
  await fleet.fleet.importLocal();
  await fleet.fleet.connected('local');
  await stage('local', 'test');
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
});

async function stage(name: string, value: string | null): Promise<void> {
  await fleet.hub.mergePatch(ClusterResource, { name }, { metadata: { labels: { stage: value } } });
}

async function everywhere(name: string, matchLabels: Record<string, string>, ...names: string[]): Promise<Binding> {
  return await everywhereWith({ name }, matchLabels, names);
}

async function everywhereWith(
  metadata: { readonly name: string; readonly annotations?: Record<string, string> },
  matchLabels: Record<string, string>,
  names: readonly string[],
): Promise<Binding> {
  const spec = {
    roleTemplateName: 'nodes',
    subjects: names.map(user),
    scope: { global: { clusterSelector: { matchLabels } } },
  };
  const body: RoleTemplateBinding = { apiVersion: 'paddock.dev/v1alpha1', kind: 'RoleTemplateBinding', metadata, spec };
  await fleet.hub.create(RoleTemplateBindingResource, { namespace: 'paddock-system' }, body);
  return new Binding(fleet, { namespace: 'paddock-system', name: metadata.name });
}

const inCluster = (cluster: string, name: string) =>
  new Binding(fleet, { namespace: `c-${cluster}`, name: `global.${name}` });

test('a global binding follows the labels of clusters, its subjects and its end', async () => {
  const [here, there] = [fleet.person('anna'), fleet.personInHub('anna')];
  const binding = await everywhere('watchers', { stage: 'production' }, 'anna');
  await binding.condition('Ready', 'True', 'NoClusters');
  expect(await here.may('list nodes')).toBe(false);

  await stage('edge-1', 'production');
  await fleet.until(true, here, 'list nodes');
  await binding.status(({ clusters }) => expect(clusters).toEqual({ total: 1, bound: 1, pending: [] }));
  expect(await there.may('list nodes')).toBe(false);

  await stage('local', 'production');
  await fleet.until(true, there, 'list nodes');
  await binding.status(({ clusters }) => expect(clusters).toEqual({ total: 2, bound: 2, pending: [] }));

  await binding.subjects(user('bert'));
  await fleet.until(true, fleet.person('bert'), 'list nodes');
  await fleet.until(false, there, 'list nodes');
  expect(await here.may('list nodes')).toBe(false);

  await stage('edge-1', null);
  await inCluster('edge-1', 'watchers').gone();
  expect(await fleet.person('bert').may('list nodes')).toBe(false);
  expect(await fleet.personInHub('bert').may('list nodes')).toBe(true);

  await binding.delete();
  await binding.gone();
  await inCluster('local', 'watchers').gone();
  expect(await fleet.personInHub('bert').may('list nodes')).toBe(false);
  await stage('local', null);
}, 60_000);

test('what is derived from it is put right when somebody changes or deletes it', async () => {
  await stage('edge-1', 'edited');
  const binding = await everywhere('edited', { stage: 'edited' }, 'cora');
  const [cora, dora] = [fleet.person('cora'), fleet.person('dora')];
  await fleet.until(true, cora, 'list nodes');
  const derived = inCluster('edge-1', 'edited');

  await derived.subjects(user('cora'), user('dora'));
  await eventually(async () => (await derived.read()).spec.subjects.length === 1, {
    timeoutMs: 20_000,
    what: 'the derived binding is as it was',
  });
  await fleet.until(false, dora, 'list nodes');
  const { metadata } = await derived.read();
  await derived.delete();
  await eventually(
    async () => {
      const found = await fleet.hub.find(RoleTemplateBindingResource, derived.key);
      return found !== undefined && found.metadata.uid !== metadata.uid && !found.metadata.deletionTimestamp;
    },
    { timeoutMs: 20_000, what: 'the derived binding is made again' },
  );
  await fleet.until(true, cora, 'list nodes');
  await binding.delete();
  await binding.gone();
}, 60_000);

test('another binding of that name is left alone and named', async () => {
  await stage('edge-1', 'taken');
  const own = await fleet.bind('global.taken', 'nodes', [user('emil')]);
  await fleet.until(true, fleet.person('emil'), 'list nodes');
  const binding = await everywhere('taken', { stage: 'taken' }, 'fay');
  const ready = await binding.condition('Ready', 'False', 'Conflict');
  expect(ready.message).toContain('c-edge-1/global.taken');
  expect(await fleet.person('emil').may('list nodes')).toBe(true);
  await own.delete();
  await fleet.until(true, fleet.person('fay'), 'list nodes');
  await binding.condition('Ready', 'True');
}, 60_000);

test('one in its place that gives another role is replaced', async () => {
  await stage('edge-1', 'wrong');
  const gil = fleet.person('gil');
  const binding = await everywhereWith({ name: 'wrong', annotations: PAUSED }, { stage: 'wrong' }, ['gil']);
  await binding.condition('Paused', 'True');
  const { metadata } = await binding.read();
  const wrong = await fleet.bind('global.wrong', 'volumes', [user('gil')]);
  await fleet.until(true, gil, 'list persistentvolumes');
  const { metadata: before } = await wrong.read();

  await fleet.whileDown(async () => {
    await wrong.annotate({ 'paddock.dev/owner-uid': metadata.uid ?? null });
    await binding.annotate({ 'paddock.dev/paused': null });
  });

  await fleet.until(true, gil, 'list nodes');
  await fleet.until(false, gil, 'list persistentvolumes');
  const { metadata: after, spec } = await inCluster('edge-1', 'wrong').read();
  expect(spec.roleTemplateName).toBe('nodes');
  expect(after.uid).not.toBe(before.uid);
  await binding.condition('Ready', 'True', 'Bound');
  await binding.delete();
  await binding.gone();
}, 60_000);

test('one that is paused gives nobody anything, and takes from whom it no longer names', async () => {
  await stage('edge-1', 'paused');
  const [hal, ida, jan] = ['hal', 'ida', 'jan'].map(name => fleet.person(name));
  if (!hal || !ida || !jan) throw new Error('three people were made');
  const binding = await everywhere('paused', { stage: 'paused' }, 'hal', 'ida');
  await fleet.until(true, hal, 'list nodes');
  await fleet.until(true, ida, 'list nodes');
  await binding.annotate(PAUSED);

  await binding.subjects(user('ida'), user('jan'));
  await fleet.until(false, hal, 'list nodes');
  expect([await ida.may('list nodes'), await jan.may('list nodes')]).toEqual([true, false]);

  await binding.subjects(user('jan'));
  await inCluster('edge-1', 'paused').gone();
  expect([await ida.may('list nodes'), await jan.may('list nodes')]).toEqual([false, false]);

  await binding.annotate({ 'paddock.dev/paused': null });
  await fleet.until(true, jan, 'list nodes');
  await binding.delete();
  await binding.gone();
}, 60_000);
