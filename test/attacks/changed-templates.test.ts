import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { RoleTemplateResource } from '#api';
import { RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';

jest.setTimeout(120_000);

const NODES = { verbs: ['list'], apiGroups: [''], resources: ['nodes'] };
const PODS = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };

let fleet: AccessFleet;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  await fleet.project('team', ['team-app']);
}, 120_000);
afterAll(() => fleet?.stop());

/** RoleTemplates that change after a binding of them was let in: what is given is what the template is now. */
test('a binding that was made before its RoleTemplate gives nothing in the wrong place', async () => {
  const [anna, bert] = [fleet.person('anna'), fleet.person('bert')];
  const early = await fleet.bind('early', 'later-cluster', [user('anna')], { project: 'team' });
  const wide = await fleet.bind('wide', 'later-project', [user('bert')]);

  await fleet.template('later-cluster', { context: 'Cluster', rules: [NODES, PODS] });
  await fleet.template('later-project', { context: 'Project', rules: [PODS] });

  expect(await early.condition('Stalled', 'True')).toMatchObject({ message: expect.stringContaining('later-cluster') });
  expect(await wide.condition('Stalled', 'True')).toMatchObject({ message: expect.stringContaining('later-project') });
  for (const person of [anna, bert])
    for (const namespace of ['team-app', 'kube-system']) expect(await person.may('list pods', namespace)).toBe(false);
  expect(await anna.may('list nodes')).toBe(false);
  for (const binding of [early, wide]) {
    await binding.delete();
    await binding.gone();
  }
});

test('a RoleTemplate that is made again for clusters takes from a project what its binding gave, and gives no more', async () => {
  const cora = fleet.person('cora');
  await fleet.template('turning', { context: 'Project', rules: [PODS] });
  const binding = await fleet.bind('turning', 'turning', [user('cora')], { project: 'team' });
  await fleet.until(true, cora, 'list pods', 'team-app');

  await fleet.hub.delete(RoleTemplateResource, { name: 'turning' });
  await eventually(async () => !(await fleet.hub.find(RoleTemplateResource, { name: 'turning' })), {
    timeoutMs: 30_000,
    what: 'the RoleTemplate is gone',
  });
  await fleet.template('turning', { context: 'Cluster', rules: [NODES, PODS] });

  await binding.condition('Stalled', 'True');
  await fleet.until(false, cora, 'list pods', 'team-app');
  expect(await cora.may('list nodes')).toBe(false);
  expect(await cora.may('list pods', 'kube-system')).toBe(false);
  await binding.delete();
  await binding.gone();
});

test('rights that a RoleTemplate loses and gets again while nobody works on the cluster are those of its last state', async () => {
  const dora = fleet.person('dora');
  await fleet.template('swapped', { context: 'Project', rules: [PODS] });
  const binding = await fleet.bind('swapped', 'swapped', [user('dora')], { project: 'team' });
  await fleet.until(true, dora, 'list pods', 'team-app');

  await fleet.whileDown(async () => {
    await fleet.hub.delete(RoleTemplateResource, { name: 'swapped' }, { propagationPolicy: 'Background' });
    await fleet.hub
      .mergePatch(RoleTemplateResource, { name: 'swapped' }, { metadata: { finalizers: null } })
      .catch(() => undefined);
    await eventually(async () => !(await fleet.hub.find(RoleTemplateResource, { name: 'swapped' })), {
      timeoutMs: 30_000,
      what: 'the RoleTemplate is gone',
    });
    await fleet.template('swapped', { context: 'Cluster', rules: [NODES] });
  });

  await binding.condition('Stalled', 'True');
  await fleet.until(false, dora, 'list pods', 'team-app');
  expect(await dora.may('list nodes')).toBe(false);
  await binding.delete();
  await binding.gone();
  const left = await fleet.downstream.list(RoleBindings, { namespace: 'team-app', labelSelector: 'paddock.dev/owner' });
  expect(left.items.map(({ metadata }) => metadata?.name)).toEqual([]);
});
