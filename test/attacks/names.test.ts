import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RoleTemplateBindingResource } from '#api';
import { get, post, remove } from '../integration/agent-requests.ts';
import {
  aBinding,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  mayImpersonate,
  RBAC,
  WAYS,
} from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import type { Person } from '../support/person.ts';
import { TokenUser } from '../support/token-user.ts';
import { answerTo, asAdmin, enforced, givePlain, isGuarded, policiesOnEdge } from './guard.ts';
import { answers, as, kubeconfigUser, letAccount } from './kubeconfigs.ts';

const ROLES = get(`${RBAC}/clusterroles`);
const BLUE = 'p-edge-1--blue';

/** The name that would be every name in a pattern. */
const STAR = '*';
/** Names that are taken for one another by those who cut, fold, escape or match. */
const NAMES = [
  'oidc:carla@example.com',
  'carla@example.com',
  'Carla@example.com',
  'Zo\u00eb',
  'Zoe\u0308',
  'Jörg Müller 山田',
  'x'.repeat(252),
  'x'.repeat(253),
  STAR,
  'carla,carl',
  `carl"' # {as: root}`,
];

let fleet: AccessFleet;
/** Owns project blue. */
let olga: Person;
beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  const rules = [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['list'] }];
  await fleet.template('roles', { context: 'Cluster', rules });
  await fleet.project('blue', ['blue-1']);
  await fleet.bind('olga', 'project-owner', [user('olga')], { project: 'blue' });
  olga = fleet.personInHub('olga');
  await fleet.until(true, olga, 'create roletemplatebindings.paddock.dev', BLUE);
}, 180_000);
afterAll(() => fleet?.stop());

describe('people whose names are odd', () => {
  const holders = new Map<string, TokenUser>();
  afterAll(() => Promise.all([...holders.values()].map(each => each.close())));
  const holder = (name: string) => {
    const found = holders.get(name);
    if (!found) throw new Error(`nobody holds a token of ${name}`);
    return found;
  };

  /** As whom these of them act, by the kubeconfig of each: a row for each, of those whom it may be. */
  const whoIsWho = async (names: readonly string[]) =>
    await Promise.all(
      names.map(async name => {
        const sent = NAMES.map(async other =>
          (await holder(name).send(as(other, ROLES))).status === 200 ? [other] : [],
        );
        return (await Promise.all(sent)).flat();
      }),
    );

  test('CVE-2021-36776: each tries to be every other', async () => {
    await fleet.bind('odd', 'roles', NAMES.map(user));
    for (const [index, name] of NAMES.entries()) await fleet.access(`odd-${index}`, { user: name });
    for (const [index, name] of NAMES.entries()) {
      const { token, as: who } = await kubeconfigUser(fleet, `odd-${index}`);
      expect(who).toBe(name);
      holders.set(name, new TokenUser(fleet.fleet.edge(), token));
    }
    expect(await whoIsWho(NAMES)).toEqual(NAMES.map(name => [name]));

    await fleet.whileDown(async () => {
      await letAccount(fleet, STAR, [{ apiGroups: [''], resources: ['users'], verbs: ['impersonate'] }]);
      await answers(holder(STAR), as('carla@example.com', ROLES), 200);
      expect(await whoIsWho([STAR])).toEqual([[...NAMES]]);
    });
    await answers(holder(STAR), as('carla@example.com', ROLES), 403);
    expect(await whoIsWho([STAR])).toEqual([[STAR]]);
  });

  test('a name that is longer is refused', async () => {
    const scope = { cluster: { name: 'edge-1' } };
    const naming = (name: string) =>
      dryRun(post(bindingsIn('c-edge-1'), aBinding('roles', scope, { subjects: [{ kind: 'User', name }] })));
    await asAdmin(fleet.fleet.hub, naming('山'.repeat(253)));
    await expect(asAdmin(fleet.fleet.hub, naming('山'.repeat(254)))).rejects.toThrow('may not be more than 253');
  });
});

describe('names of Kubernetes itself', () => {
  const inBlue = (name: string, subjects: readonly object[]) =>
    post(
      bindingsIn(BLUE),
      aBinding('project-owner', { project: { cluster: 'edge-1', name: 'blue' } }, { name, subjects }),
    );
  const EVERYBODY = [{ kind: 'Group', name: 'system:authenticated' }];
  const GUARDS = ['paddock-binding'];

  // Who may give a role gives it to those whom nobody named.
  test('CVE-2022-31247: a project owner gives the project to everybody', async () => {
    const request = inBlue('everybody', EVERYBODY);
    await enforced({ who: olga, request });
    await isGuarded(fleet.fleet.hub, { who: olga, request, guards: GUARDS }, async () => {
      const [here, inHub] = [fleet.person('nobody'), fleet.personInHub('nobody')];
      await fleet.until(true, here, 'get secrets', 'blue-1');
      await fleet.until(true, inHub, 'create secrets', BLUE);
      await asAdmin(fleet.fleet.hub, remove(`${bindingsIn(BLUE)}/everybody`));
      await fleet.until(false, here, 'get secrets', 'blue-1');
    });
  });

  test.each([
    ['Group', 'system:masters'],
    ['Group', 'system:serviceaccounts:paddock-users'],
    ['User', 'system:kube-controller-manager'],
    ['User', 'system:serviceaccount:paddock-users:u-1'],
  ])('CVE-2022-31247: a project owner gives it to %s %s', async (kind, name) => {
    await isGuarded(fleet.fleet.hub, { who: olga, request: inBlue('system', [{ kind, name }]), guards: GUARDS });
  });

  test.each(WAYS)('CVE-2022-31247: a project owner adds everybody by %s', async (way, request) => {
    const name = `mine-${way.replaceAll(' ', '-').toLowerCase()}`;
    isAccepted(await olga.send(inBlue(name, [{ kind: 'User', name: 'pia' }])));
    const path = `${bindingsIn(BLUE)}/${name}`;
    const change = async () => {
      const { metadata, ...rest } = await asAdmin(fleet.fleet.hub, get(path));
      const { managedFields: _, ...kept } = metadata;
      return dryRun(
        request({ path, current: { ...rest, metadata: kept }, at: ['spec', 'subjects'], value: EVERYBODY }),
      );
    };
    isRefused(await answerTo(olga, change), /"system:authenticated" begins with "system:"/);
    await fleet.hub.delete(RoleTemplateBindingResource, { namespace: BLUE, name });
  });

  test('CVE-2022-31247: who may impersonate users and groups gives it to them', async () => {
    await givePlain(fleet.fleet.hub, 'olga', [mayImpersonate('users', 'groups')]);
    await fleet.until(true, olga, 'impersonate groups');
    isAccepted(await olga.send(dryRun(inBlue('by-right', EVERYBODY))));
  });
});
