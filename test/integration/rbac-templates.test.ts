import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RoleTemplateResource, type RoleTemplateSpec } from '#api';
import { findCondition } from '#runtime';
import { ClusterRoles } from '../../operators/engagement/rbac-kinds.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually, untilStill } from '../support/eventually.ts';

const read = (resource: string) => ({ verbs: ['list'], apiGroups: [''], resources: [resource] });
const clusterTemplate = (...rest: Partial<RoleTemplateSpec>[]): RoleTemplateSpec =>
  Object.assign({ context: 'Cluster' as const }, ...rest);

let fleet: AccessFleet;
beforeAll(async () => {
  fleet = await AccessFleet.start();
}, 120_000);
afterAll(async () => {
  await fleet?.stop();
});

async function templateSays(name: string, type: string, reason?: string) {
  return await eventually(
    async () => {
      const template = await fleet.hub.get(RoleTemplateResource, { name });
      const found = findCondition(template.status?.conditions, type);
      return found?.status === 'True' && (reason === undefined || found.reason === reason) ? found : undefined;
    },
    { timeoutMs: 20_000, what: `RoleTemplate ${name} has ${type} ${reason ?? ''}` },
  );
}

describe('a chain of four templates', () => {
  test('gives what each of them allows; a link changed, cut and mended shows', async () => {
    await fleet.template('link-4', clusterTemplate({ rules: [read('nodes')] }));
    await fleet.template('link-3', clusterTemplate({ rules: [read('pods')], inherits: ['link-4'] }));
    await fleet.template('link-2', clusterTemplate({ inherits: ['link-3'] }));
    await fleet.template('link-1', clusterTemplate({ rules: [read('services')], inherits: ['link-2'] }));
    const person = fleet.person('nora');
    await fleet.bind('chain', 'link-1', [user('nora')]);
    for (const deed of ['list nodes', 'list pods', 'list services']) await fleet.until(true, person, deed);

    await fleet.changeTemplate('link-4', { rules: [read('persistentvolumes')] });
    await fleet.until(true, person, 'list persistentvolumes');
    await fleet.until(false, person, 'list nodes');

    await fleet.changeTemplate('link-3', { inherits: [] });
    await fleet.until(false, person, 'list persistentvolumes');
    expect(await person.may('list pods')).toBe(true);

    await fleet.changeTemplate('link-2', { inherits: ['link-3', 'link-4'] });
    await fleet.until(true, person, 'list persistentvolumes');
  });

  test('costs one write a cluster for a change of rules', async () => {
    const isRole = ({ path }: { path: string }) => path.includes('/clusterroles');
    const before = fleet.writes.filter(isRole).length;
    await fleet.changeTemplate('link-4', { rules: [read('configmaps')] });
    await fleet.until(true, fleet.person('nora'), 'list configmaps');
    await untilStill(() => fleet.writes.length); // what was written may be seen before it is answered
    expect(fleet.writes.filter(isRole).slice(before)).toEqual([
      expect.objectContaining({
        method: 'PATCH',
        path: expect.stringMatching(/clusterroles\/paddock%3Alink-4%3Arules$/),
      }),
    ]);
  });

  test('loses what a link allowed that somebody deleted', async () => {
    await fleet.hub.delete(RoleTemplateResource, { name: 'link-4' });
    await fleet.until(false, fleet.person('nora'), 'list configmaps');
    const stalled = await templateSays('link-1', 'Stalled', 'InheritsUnknown');
    expect(stalled.message).toContain('"link-4"');
    expect(await fleet.person('nora').may('list pods')).toBe(true);
  });
});

describe('a cycle', () => {
  test('is told of; what is in force stays, nobody is bound newly, others are unaffected', async () => {
    await fleet.template('egg', clusterTemplate({ rules: [read('pods')] }));
    await fleet.template('hen', clusterTemplate({ rules: [read('nodes')], inherits: ['egg'] }));
    await fleet.template('fox', clusterTemplate({ rules: [read('secrets')] }));
    const before = await fleet.bind('hens', 'hen', [user('olaf'), user('otto')]);
    await before.condition('Ready', 'True');
    await fleet.changeTemplate('egg', { inherits: ['hen'] });

    const stalled = await templateSays('hen', 'Stalled', 'InheritanceCycle');
    expect(stalled.message).toContain('egg → hen');
    const late = await fleet.bind('late-hens', 'hen', [user('paul')]);
    await late.condition('Stalled', 'True', 'InheritanceCycle');
    await fleet.bind('foxes', 'fox', [user('paul')]);
    await fleet.until(true, fleet.person('paul'), 'list secrets');
    expect(await fleet.person('paul').may('list nodes')).toBe(false);
    expect(await fleet.person('olaf').may('list pods')).toBe(true);

    await before.subjects(user('otto'));
    await fleet.until(false, fleet.person('olaf'), 'list nodes');
    await fleet.changeTemplate('egg', { inherits: [] });
    await fleet.until(true, fleet.person('paul'), 'list pods');
    await late.condition('Ready', 'True');
  });
});

describe('a clusterRoleRef', () => {
  test('is bound as it is, and another one in its place when it changes', async () => {
    await fleet.template('viewer', { context: 'Project', clusterRoleRef: 'view' });
    await fleet.project('views', ['views-1']);
    const person = fleet.person('quin');
    await fleet.bind('viewers', 'viewer', [user('quin')], { project: 'views' });
    await fleet.until(true, person, 'list pods', 'views-1');
    expect(await person.may('delete pods', 'views-1')).toBe(false);

    await fleet.changeTemplate('viewer', { clusterRoleRef: 'edit' });

    await fleet.until(true, person, 'delete pods', 'views-1');
  });
});

describe('a template of the wrong kind', () => {
  test('that was bound elsewhere or does not exist gives nothing and says why', async () => {
    const missing = await fleet.bind('nothing', 'no-such', [user('rosa')]);
    const ready = await missing.condition('Stalled', 'True', 'RoleTemplateNotFound');
    expect(ready.message).toContain('"no-such"');
    await fleet.template('no-such', clusterTemplate({ rules: [read('nodes')] }));
    await fleet.until(true, fleet.person('rosa'), 'list nodes');
    await missing.condition('Ready', 'True');
  });

  test('that somebody deletes leaves nobody anything', async () => {
    await fleet.hub.delete(RoleTemplateResource, { name: 'no-such' });
    await fleet.until(false, fleet.person('rosa'), 'list nodes');
  });
});

describe('what a project’s template says about projects', () => {
  test('holds for that project', async () => {
    const rules = [
      { verbs: ['manage-namespaces', 'create-in-project'], apiGroups: ['paddock.dev'], resources: ['projects'] },
    ];
    await fleet.template('manager', { context: 'Project', rules });
    await fleet.project('managed', ['managed-1']);
    await fleet.project('unmanaged', ['unmanaged-1']);
    const person = fleet.person('sven');
    const binding = await fleet.bind('managers', 'manager', [user('sven')], { project: 'managed' });

    await fleet.until(true, person, 'manage-namespaces projects.paddock.dev managed');
    await fleet.until(true, person, 'create namespaces');
    expect(await person.may('create-in-project projects.paddock.dev managed')).toBe(true);
    expect(await person.may('create-in-project projects.paddock.dev any')).toBe(true);
    expect(await person.may('manage-namespaces projects.paddock.dev unmanaged')).toBe(false);
    expect(await person.may('manage-namespaces projects.paddock.dev')).toBe(false);
    await binding.delete();
    await binding.gone();
    expect(await person.may('create namespaces')).toBe(false);
  });
});

test('a ClusterRole that claims to be part of a template by its label is not, and is named as long as it is there', async () => {
  await fleet.template('claimed', clusterTemplate({ rules: [read('nodes')] }));
  const person = fleet.person('cleo');
  const binding = await fleet.bind('claimed', 'claimed', [user('cleo')]);
  await fleet.until(true, person, 'list nodes');
  const foreign = { metadata: { name: 'foreign', labels: { 'aggregate.paddock.dev/claimed': 'true' } } };
  await fleet.downstream.create(ClusterRoles, {}, { ...foreign, rules: [read('secrets')] });

  const { message } = await binding.condition('ForeignRules', 'True', 'NotSelected');
  expect(message).toContain('cluster edge-1: ClusterRole foreign bears label aggregate.paddock.dev/claimed');
  const isNamed = async () => (await templateSays('claimed', 'Ready', 'Valid')).message.includes('ClusterRole foreign');
  await eventually(isNamed, { timeoutMs: 20_000, what: 'the RoleTemplate names it' });
  await binding.condition('Ready', 'True', 'Bound');
  expect(await person.may('list secrets')).toBe(false);

  await fleet.downstream.delete(ClusterRoles, { name: 'foreign' });
  await eventually(async () => !(await isNamed()), { timeoutMs: 20_000, what: 'the RoleTemplate names none' });
});
