import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  LABEL_CLUSTER,
  LABEL_PROJECT,
  LABEL_PROJECT_HOME,
  LABEL_SHARED,
  RoleTemplateBindingResource,
  RoleTemplateResource,
} from '#api';
import { type Condition, findCondition } from '#runtime';
import { RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { apply, core, get, patch, post, remove } from '../integration/agent-requests.ts';
import { dryRun, isAccepted, isRefused, NAMESPACES, PUT, type Stored, WAYS } from '../integration/policy-hub.ts';
import { user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import { SecretType, type Site } from '../support/fleet.ts';
import { aSecret, base64 } from '../support/objects.ts';
import type { Person } from '../support/person.ts';
import { answerTo, asAdmin, isGuarded } from './guard.ts';
import { giveEverywhere, moveBack, type PeopledCluster, startPeopledCluster } from './peopled-cluster.ts';

const WITHIN = { timeoutMs: 20_000 };
const PATHS = ['', '/status', '/finalize'];
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const BINDINGS = `${RBAC}/namespaces/blue-1/rolebindings`;

let cluster: PeopledCluster;
let edge: Site;
/** Writes roles and bindings downstream by plain RBAC, and may bind any. */
let eve: Person;
/** A member of project blue. */
let mia: Person;

beforeAll(async () => {
  cluster = await startPeopledCluster();
  const { fleet } = cluster;
  edge = fleet.fleet.edge();
  [eve, mia] = [fleet.person('eve'), fleet.person('mia')];
  await fleet.bind('mia', 'project-member', [user('mia')], { project: 'blue' });
  const kinds = ['rolebindings', 'roles', 'clusterroles'];
  await giveEverywhere(fleet, eve, [
    { apiGroups: ['rbac.authorization.k8s.io'], resources: kinds, verbs: ['get', 'create', 'update', 'patch'] },
    { apiGroups: ['rbac.authorization.k8s.io'], resources: kinds, verbs: ['bind'] },
  ]);
  await fleet.until(true, mia, 'create secrets', 'blue-1');
  await fleet.until(true, eve, 'bind roles.rbac.authorization.k8s.io');
}, 180_000);

afterAll(() => cluster?.fleet.stop());

const current = async (path: string) => await asAdmin(edge, get(path));
/** Taken over, since the operators write to it, too. */
const fresh = ({ metadata: { resourceVersion: _, managedFields: __, ...metadata }, ...rest }: Stored): Stored => ({
  ...rest,
  metadata,
});

describe('a namespace that says whose it is', () => {
  describe.each(PATHS)('by namespaces%s', path => {
    test.each(path === '/finalize' ? [PUT] : WAYS)('that it is of another project, by %s', async (_way, request) => {
      const at = ['metadata', 'labels', LABEL_PROJECT];
      const change = async () =>
        request({
          path: `${NAMESPACES}/red-1${path}`,
          current: await current(`${NAMESPACES}/red-1`),
          at,
          value: 'blue',
        });
      isRefused(await answerTo(cluster.nell, change), /takes a namespace out of that project/);
    });
  });

  test('that it is of a project, when it is made', async () => {
    const metadata = { name: 'new', labels: { [LABEL_PROJECT]: 'red' } };
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata };
    for (const request of [post(NAMESPACES, body), apply(`${NAMESPACES}/new`, body)])
      isRefused(await cluster.nell.send(request), /creates namespaces in that project/);
  });

  test('that it is Paddock’s own, downstream, where nobody looks for it', async () => {
    const labels = { [LABEL_CLUSTER]: 'edge-1', [LABEL_PROJECT_HOME]: 'red' };
    const { fleet, nell } = cluster;
    isAccepted(await nell.send(post(NAMESPACES, { metadata: { name: 'p-edge-1--red', labels } })));
    isAccepted(await nell.send(patch(`${NAMESPACES}/blue-1`, { metadata: { labels } })));
    const planted = aSecret('planted').shared();
    for (const home of ['p-edge-1--red', 'blue-1'])
      await fleet.downstream.create(SecretType, { namespace: home }, planted.build(home));
    await fleet.hub.create(SecretType, { namespace: 'p-edge-1--red' }, aSecret('true').shared().build('p-edge-1--red'));
    const copy = () => fleet.downstream.find(SecretType, { namespace: 'red-1', name: 'true' });
    await eventually(copy, { ...WITHIN, what: 'what the hub shares is copied' });
    expect(await fleet.downstream.find(SecretType, { namespace: 'red-1', name: 'planted' })).toBeUndefined();
  });
});

describe('a binding that bears our marks', () => {
  const isHers = (may: boolean) => cluster.fleet.until(may, eve, 'get secrets', 'blue-1');
  const HERS = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'eve' }];
  const forged = async (name: string, template: string) => {
    const { metadata, roleRef } = await current(`${BINDINGS}/paddock:project-member`);
    const labels = { ...(metadata.labels as object), 'paddock.dev/owner': `RoleTemplate.${template}` };
    const { annotations } = metadata;
    return {
      apiVersion: `rbac.authorization.k8s.io/v1`,
      kind: 'RoleBinding',
      metadata: { name, labels, annotations },
      roleRef,
    };
  };

  test.each(WAYS)('and names one more, by %s, is put right', async (_way, request) => {
    const path = `${BINDINGS}/paddock:project-member`;
    const before = (
      await cluster.fleet.downstream.get(RoleBindings, { namespace: 'blue-1', name: 'paddock:project-member' })
    ).subjects;
    const change = { path, current: fresh(await current(path)), at: ['subjects'], value: [...(before ?? []), ...HERS] };
    isAccepted(await eve.send(request(change)));
    const isRight = async () => JSON.stringify((await current(path)).subjects) === JSON.stringify(before);
    await eventually(isRight, { ...WITHIN, what: 'the binding is as it was' });
    await isHers(false);
  });

  test.each([
    ['of a role that nobody has here', 'paddock:project-read-only', 'project-read-only'],
    ['of a second part that is not needed', 'paddock:project-member:2', 'project-member'],
    ['of a role that does not exist', 'paddock:ghost', 'ghost'],
  ])('is made, %s, and goes', async (_what, name, template) => {
    const body = { ...(await forged(name, template)), subjects: HERS };
    isAccepted(await eve.send(post(BINDINGS, body)));
    const isGone = async () => (await edge.client.find(RoleBindings, { namespace: 'blue-1', name })) === undefined;
    await eventually(isGone, { ...WITHIN, what: 'the forged binding goes' });
    await isHers(false);
    isAccepted(await eve.send(apply(`${BINDINGS}/${name}`, body)));
    await eventually(isGone, { ...WITHIN, what: 'one that was applied goes, too' });
    await isHers(false);
  });

  test('stays while the operator is away, and goes when it is back', async () => {
    const body = { ...(await forged('paddock:project-member:2', 'project-member')), subjects: HERS };
    await cluster.fleet.whileDown(async () => {
      isAccepted(await eve.send(post(BINDINGS, body)));
      await isHers(true);
    });
    await isHers(false);
  });
});

describe('a role that says it is part of a template', () => {
  const AGGREGATE = { 'aggregate.paddock.dev/project-member': 'true' };
  const roles = `${RBAC}/clusterroles`;
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }];
  const body = { metadata: { name: 'forged', labels: AGGREGATE }, rules };

  // What is aggregated is Kubernetes’ affair: it lets nobody put rules there that they do not hold.
  test('adds no rules to it that its writer does not hold', async () => {
    expect((await eve.send(post(roles, body))).status).toBe(403);
    for (const role of ['cluster-admin', 'admin'])
      expect((await eve.send(patch(`${roles}/${role}`, { metadata: { labels: AGGREGATE } }))).status).toBe(403);
    for (const role of ['paddock:project-owner', 'paddock:project-owner:rules'])
      expect((await eve.send(patch(`${roles}/${role}`, { metadata: { labels: AGGREGATE } }))).status).toBe(403);

    const { fleet } = cluster;
    const ella = fleet.person('ella');
    const verbs = ['create', 'escalate'];
    await giveEverywhere(fleet, ella, [
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs },
    ]);
    await fleet.until(true, ella, 'escalate clusterroles.rbac.authorization.k8s.io');
    isAccepted(await ella.send(post(roles, body)));
    const seen = async (
      read: () => Promise<{ readonly conditions?: readonly Condition[] } | undefined>,
      type: string,
    ) => {
      const message = async () => findCondition((await read())?.conditions, type)?.message ?? '';
      await eventually(async () => (await message()).includes('ClusterRole forged bears label'), {
        ...WITHIN,
        what: `condition ${type} names the ClusterRole`,
      });
    };
    const binding = { namespace: 'c-edge-1', name: 'mia' };
    await seen(async () => (await fleet.hub.get(RoleTemplateBindingResource, binding)).status, 'ForeignRules');
    const template = { name: 'project-member' };
    await seen(async () => (await fleet.hub.get(RoleTemplateResource, template)).status, 'Ready');
    expect(JSON.stringify((await current(`${roles}/paddock:project-member`)).rules)).not.toContain('"nodes"');
    expect(await mia.may('get nodes')).toBe(false);

    await asAdmin(edge, remove(`${roles}/forged`));
    const isOver = async () => {
      const { conditions } = (await fleet.hub.get(RoleTemplateBindingResource, binding)).status ?? {};
      return findCondition(conditions, 'ForeignRules') === undefined;
    };
    await eventually(isOver, { ...WITHIN, what: 'the binding names none any more' });
  });

  const HELD = [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['get'] }];
  const guards = ['paddock-aggregation'];

  test('is made by nobody who does not hold escalate, though they hold its rules', async () => {
    const request = post(roles, { metadata: { name: 'hers', labels: AGGREGATE }, rules: HELD });
    await isGuarded(edge, { who: eve, request, guards });
  });

  test('is not labelled later, and does not get the marks later that it lacks', async () => {
    const plain = { metadata: { name: 'plain' }, rules: HELD };
    isAccepted(await eve.send(post(roles, plain)));
    await isGuarded(edge, { who: eve, request: patch(`${roles}/plain`, { metadata: { labels: AGGREGATE } }), guards });
    await asAdmin(edge, patch(`${roles}/plain`, { metadata: { labels: AGGREGATE } }));
    const { labels } = (await current(`${roles}/paddock:project-member:rules`)).metadata;
    for (const label of ['app.kubernetes.io/managed-by', 'paddock.dev/cluster', 'paddock.dev/owner']) {
      const value = (labels as Record<string, string>)[label];
      await isGuarded(edge, {
        who: eve,
        request: patch(`${roles}/plain`, { metadata: { labels: { [label]: value } } }),
        guards,
      });
    }
    isAccepted(await eve.send(patch(`${roles}/plain`, { metadata: { labels: { team: 'blue' } } })));
    await asAdmin(edge, remove(`${roles}/plain`));
  });

  test('of before the selector asked for marks is left out by itself', async () => {
    const selector = { matchLabels: AGGREGATE };
    const aggregationRule = { clusterRoleSelectors: [selector] };
    await asAdmin(edge, post(roles, { metadata: { name: 'old', labels: AGGREGATE }, rules }));
    await asAdmin(edge, patch(`${roles}/paddock:project-member`, { aggregationRule }));
    const isLeftOut = async () => {
      const role = JSON.stringify(await current(`${roles}/paddock:project-member`));
      return role.includes('"Exists"') && !role.includes('"nodes"');
    };
    await eventually(isLeftOut, { ...WITHIN, what: 'the selector is right again' });
    await asAdmin(edge, remove(`${roles}/old`));
  });
});

describe('a copy', () => {
  test('that a member writes, or that bears the marks of another project, gives them nothing', async () => {
    const { fleet } = cluster;
    await fleet.hub.create(SecretType, { namespace: 'p-edge-1--blue' }, aSecret('db').shared().build('p-edge-1--blue'));
    const find = (namespace: string, name: string) => fleet.downstream.find(SecretType, { namespace, name });
    const ours = await eventually(() => find('blue-1', 'db'), { ...WITHIN, what: 'the copy is there' });
    const red = await eventually(() => find('red-1', 'true'), {
      ...WITHIN,
      what: 'the copy of the other project is there',
    });

    isAccepted(await mia.send(patch(core('blue-1', 'secrets/db'), { data: { password: base64('mine') } })));
    const restored = async () => (await find('blue-1', 'db'))?.data?.password === ours.data?.password;
    await eventually(restored, { ...WITHIN, what: 'the copy is as it was' });

    const { labels, annotations } = red.metadata ?? {};
    const metadata = { name: 'true', labels: { ...labels, [LABEL_SHARED]: 'true' }, annotations };
    isAccepted(await mia.send(post(core('blue-1', 'secrets'), { metadata, data: { password: base64('mine') } })));
    await fleet.member('red-2', 'red');
    const next = await eventually(() => find('red-2', 'true'), { ...WITHIN, what: 'the next copy is there' });
    for (const secret of [next, await find('red-1', 'true')]) expect(secret?.data).toEqual(red.data);
    expect(await mia.may('get secrets', 'red-1')).toBe(false);
    expect((await find('blue-1', 'true'))?.data).not.toEqual(red.data);
    await moveBack(fleet, 'red-2', null);
  });
});

test('a namespace takes itself a larger share of the quota, by every way', async () => {
  await asAdmin(edge, patch(`${NAMESPACES}/blue-1`, { metadata: { annotations: { team: 'blue' } } }));
  const at = ['metadata', 'annotations', 'paddock.dev/quota'];
  for (const [, request] of WAYS) {
    const change = async () => {
      const namespace = await current(`${NAMESPACES}/blue-1`);
      return dryRun(request({ path: `${NAMESPACES}/blue-1`, current: namespace, at, value: '{"pods":"99"}' }));
    };
    isRefused(await answerTo(cluster.nell, change), /quota\]: /);
    isAccepted(await answerTo(cluster.olga, change));
  }
});
