import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LABEL_SHARED } from '#api';
import { Namespaces } from '#runtime';
import { ClusterRoles } from '../../operators/engagement/rbac-kinds.ts';
import { core, get, PADDOCK, paddock, post } from '../integration/agent-requests.ts';
import { anObject } from '../integration/policy-hub.ts';
import { AccessFleet, group, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType } from '../support/fleet.ts';
import { aSecret } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import { asAdmin, enforced, givePlain, isGuarded, policiesOnEdge } from './guard.ts';

const WITHIN = { timeoutMs: 20_000 };

let fleet: AccessFleet;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  for (const project of ['blue', 'red']) await fleet.project(project, [`${project}-1`]);
}, 180_000);

afterAll(() => fleet?.stop());

describe('access that was taken', () => {
  /** What an owner of blue has by it, in the cluster and in the hub. */
  const OWNS = ['get secrets', 'patch namespaces blue-1'];
  const BY_NAME = ['manage-namespaces projects.paddock.dev blue', 'create namespaces'];
  const has = async (may: boolean, [here, inHub]: readonly [Person, Person]) => {
    for (const deed of OWNS) await fleet.until(may, here, deed, 'blue-1');
    for (const deed of BY_NAME) await fleet.until(may, here, deed);
    await fleet.until(may, inHub, 'create secrets', 'p-edge-1--blue');
  };

  // Who was taken out of a project kept what its roles had given them outside of its namespaces.
  test('CVE-2021-36775: a group that is taken out of a project keeps what its role gave it by name', async () => {
    const people = [fleet.person('gina', ['blues']), fleet.personInHub('gina', ['blues'])] as const;
    const binding = await fleet.bind('blues', 'project-owner', [group('blues')], { project: 'blue' });
    await has(true, people);

    await fleet.whileDown(async () => {
      await binding.delete();
      expect((await binding.read()).metadata.deletionTimestamp).toBeDefined();
      await has(true, people); // nobody else takes it
    });

    await binding.gone();
    await has(false, people);
  });

  // Members who were removed went on to have the project’s namespaces, those made later among them.
  test('CVE-2019-6287: a member who is removed has the project’s namespaces, and those made later', async () => {
    const [max, may] = [fleet.person('max'), fleet.person('may')];
    const binding = await fleet.bind('members', 'project-member', [user('max'), user('may')], { project: 'blue' });
    for (const person of [max, may]) await fleet.until(true, person, 'get secrets', 'blue-1');

    await fleet.whileDown(async () => {
      await binding.subjects(user('may'));
      await fleet.member('blue-later', 'blue');
      expect(await max.may('get secrets', 'blue-1')).toBe(true);
    });

    await fleet.until(true, may, 'get secrets', 'blue-later');
    for (const namespace of ['blue-1', 'blue-later']) await fleet.until(false, max, 'get secrets', namespace);
    await fleet.until(false, max, 'create namespaces');
    await binding.delete();
    await binding.gone();
  });
});

describe('what a role of a project gives', () => {
  const PROJECTS = { apiGroups: ['paddock.dev'], resources: ['projects'], verbs: ['manage-namespaces'] };

  // What a project’s role said about things outside of namespaces counted in all of the cluster.
  test('CVE-2022-43759: what a project’s role says about things of the cluster reaches beyond the project', async () => {
    const all = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    await fleet.template('blue-admin', { context: 'Project', rules: [all, PROJECTS] });
    const pat = fleet.person('pat');
    const binding = await fleet.bind('pat', 'blue-admin', [user('pat')], { project: 'blue' });
    await fleet.until(true, pat, 'delete secrets', 'blue-1');
    await fleet.until(true, pat, 'manage-namespaces projects.paddock.dev blue');
    const beyond = [
      'manage-namespaces projects.paddock.dev red',
      'delete nodes',
      'create clusterroles.rbac.authorization.k8s.io',
    ];
    for (const deed of beyond) expect([deed, await pat.may(deed)]).toEqual([deed, false]);
    expect(await pat.may('get secrets', 'red-1')).toBe(false);

    await fleet.whileDown(async () => {
      const key = { name: 'paddock:blue-admin:project:blue' };
      await fleet.downstream.mergePatch(ClusterRoles, key, { rules: [PROJECTS] });
      await fleet.until(true, pat, 'manage-namespaces projects.paddock.dev red');
    });
    await fleet.until(false, pat, 'manage-namespaces projects.paddock.dev red');
    await binding.delete();
    await binding.gone();
  });

  // A rule about things called namespaces, of whatever API group, gave the namespaces of Kubernetes.
  test.each(['CVE-2021-25318', 'CVE-2023-32194'])(
    '%s: a rule of another API group gives what is called alike',
    async cve => {
      const name = cve.toLowerCase();
      const rules = (...apiGroups: string[]) => [
        { apiGroups, resources: ['namespaces', 'projects', 'secrets'], verbs: ['get', 'delete', 'manage-namespaces'] },
      ];
      await fleet.template(name, { context: 'Project', rules: rules('example.dev') });
      const ona = fleet.person(`ona-${name}`);
      const binding = await fleet.bind(name, name, [user(ona.name)], { project: 'blue' });
      await fleet.until(true, ona, 'get secrets.example.dev', 'blue-1');
      const alike = async () => [
        await ona.may('get secrets', 'blue-1'),
        await ona.may('delete namespaces blue-1', 'blue-1'),
        await ona.may('manage-namespaces projects.paddock.dev blue'),
      ];
      expect(await alike()).toEqual([false, false, false]);

      await fleet.changeTemplate(name, { rules: rules('', 'paddock.dev') });
      const gained = async () => (await alike()).every(Boolean);
      await eventually(gained, { ...WITHIN, what: 'the rules of our groups give it' });
      await binding.delete();
      await binding.gone();
    },
  );

  // The rules of a role that only names another were not looked at when somebody wrote it.
  test('CVE-2023-32196: a writer of roles makes one that names cluster-admin', async () => {
    const { hub } = fleet.fleet;
    const rules = [{ apiGroups: ['paddock.dev'], resources: ['roletemplates'], verbs: ['create', 'update', 'delete'] }];
    await givePlain(fleet.fleet.hub, 'gus', rules);
    const [here, gus] = [fleet.person('gus'), fleet.personInHub('gus')];
    await fleet.until(true, gus, 'create roletemplates.paddock.dev');
    const body = anObject('RoleTemplate', { name: 'all' }, { context: 'Cluster', clusterRoleRef: 'cluster-admin' });
    const request = post(`${PADDOCK}/roletemplates`, body);
    await enforced({ who: gus, request });

    await isGuarded(hub, { who: gus, request, guards: ['paddock-role-template-rules'] }, async () => {
      const binding = await fleet.bind('gus', 'all', [user('gus')]);
      await fleet.until(true, here, 'delete nodes');
      await binding.delete();
      await binding.gone();
      await fleet.until(false, here, 'delete nodes');
    });
  });
});

describe('credentials', () => {
  // Tokens and keys stood in the fields of objects that more people could read than Secrets.
  test.each(['CVE-2021-36782', 'CVE-2022-43757', 'CVE-2022-45157', 'CVE-2024-22032'])(
    '%s: who reads all that is kept for a cluster reads a credential',
    async cve => {
      const name = `rob-${cve.toLowerCase()}`;
      const rob = fleet.personInHub(name);
      const binding = await fleet.bind(name, 'cluster-read-only', [user(name)]);
      await fleet.until(true, rob, 'list roletemplatebindings.paddock.dev', 'c-edge-1');
      const admin = fleet.fleet.edge().controlPlane.adminKubeconfig;
      const [, key = ''] = /client-key-data: (\S+)/.exec(admin) ?? [];
      expect(key.length).toBeGreaterThan(100);
      const isIn = (body: string) =>
        body.includes(key) || body.includes(Buffer.from(key, 'base64').toString('base64url'));

      const kinds = ['projects', 'roletemplatebindings', 'clusteraccesses'].map(kind => get(paddock('c-edge-1', kind)));
      for (const request of kinds) expect(isIn((await rob.send(request)).body)).toBe(false);
      expect(isIn(JSON.stringify(await asAdmin(fleet.fleet.hub, get(`${PADDOCK}/clusters/edge-1`))))).toBe(false);
      const secret = get(core('c-edge-1', 'secrets/edge-1'));
      expect((await rob.send(secret)).status).toBe(403);

      await givePlain(fleet.fleet.hub, name, [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }], 'c-edge-1');
      await fleet.until(true, rob, 'get secrets edge-1', 'c-edge-1');
      const { data } = JSON.parse((await rob.send(secret)).body) as { data: { kubeconfig: string } };
      expect(isIn(Buffer.from(data.kubeconfig, 'base64').toString())).toBe(true);
      await binding.delete();
      await binding.gone();
    },
  );
});

describe('what is shared', () => {
  // Capsule’s controller, which may do everything, made for a tenant what the tenant might not make.
  test('CVE-2026-22872: what an owner of project system shares is written into kube-system by the operator', async () => {
    await fleet.project('system');
    const label = (project: string | null) => ({ metadata: { labels: { 'paddock.dev/project': project } } });
    await fleet.downstream.mergePatch(Namespaces, { name: 'kube-system' }, label('system'));
    await fleet.bind('sam', 'project-owner', [user('sam')], { project: 'system' });
    const sam = fleet.personInHub('sam');
    const home = 'p-edge-1--system';
    await fleet.until(true, sam, 'create secrets', home);
    const request = post(core(home, 'secrets'), aSecret('planted').shared().build(home));
    await enforced({ who: sam, request });

    await isGuarded(fleet.fleet.hub, { who: sam, request, guards: ['paddock-sharing-in-system'] }, async () => {
      const planted = () => fleet.downstream.find(SecretType, { namespace: 'kube-system', name: 'planted' });
      await eventually(planted, { ...WITHIN, what: 'the copy is in kube-system' });
      await fleet.hub.delete(SecretType, { namespace: home, name: 'planted' });
      await eventually(async () => !(await planted()), { ...WITHIN, what: 'the copy is gone' });
    });
    await fleet.downstream.mergePatch(Namespaces, { name: 'kube-system' }, label(null));
  });

  // The mend of that looked at one way in and not at the other.
  test('CVE-2026-65835: a Secret of project system is shared later, by a label', async () => {
    const home = 'p-edge-1--system';
    const sam = fleet.personInHub('sam');
    await asAdmin(fleet.fleet.hub, post(core(home, 'secrets'), aSecret('quiet').build(home)));
    const path = core(home, 'secrets/quiet');
    const body = { metadata: { labels: { [LABEL_SHARED]: 'true' } } };
    const request = { method: 'PATCH', path, body } as const;
    await isGuarded(fleet.fleet.hub, { who: sam, request, guards: ['paddock-sharing-in-system'] });
  });
});
