import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { API_VERSION } from '#api';
import { apply, core, get, ONLY, paddock, patch, post, remove } from '../integration/agent-requests.ts';
import {
  aBinding,
  anObject,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  NAMESPACES,
  WAYS,
} from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { asAdmin, enforced, isGuarded, isStopped } from './guard.ts';
import { BLUE, C, PeopledHub } from './peopled-hub.ts';

const HOLD = { finalizers: ['a.example/hold'] };
const NOBODY = {
  apiVersion: API_VERSION,
  kind: 'Cluster',
  name: 'never-was',
  uid: '00000000-0000-0000-0000-000000000000',
};
const GARBAGE = { ownerReferences: [NOBODY] };
const DELETE = { deletionPolicy: 'Delete' };

const projects = paddock(C, 'projects');
const project = (name: string, metadata: object, spec: object = {}) => anObject('Project', { name, ...metadata }, spec);

let hub: PeopledHub;
/** Is a member of edge-1: creates Projects and deletes none. */
let mick: Person;
/** Patches Projects of edge-1, by a role that an administrator made. */
let pat: Person;
/** Owns edge-1. */
let cora: Person;
/** Owns project blue of edge-1. */
let olga: Person;

beforeAll(async () => {
  hub = await PeopledHub.start();
  const { policies } = hub;
  mick = await hub.bound(policies.person('mick'), 'cluster-member', 'create projects.paddock.dev');
  cora = await hub.bound(policies.person('cora'), 'cluster-owner', 'delete projects.paddock.dev');
  olga = await hub.bound(policies.person('olga'), 'project-owner', 'create configmaps', { project: 'blue' });
  pat = policies.person('pat');
  const verbs = ['get', 'create', 'update', 'patch'];
  await policies.grant(
    pat,
    [{ apiGroups: ['paddock.dev'], resources: ['projects', 'roletemplatebindings'], verbs }],
    C,
  );
  await policies.grant(pat, [{ apiGroups: ['paddock.dev'], resources: ['clusters'], verbs }]);
  await enforced({ who: mick, request: post(projects, project('probe', GARBAGE, DELETE)) });
  await enforced({ who: mick, request: post(projects, project('probe', HOLD)) });
  await enforced({ who: olga, request: post(core(BLUE, 'configmaps'), { metadata: { name: 'probe', ...HOLD } }) });
}, 180_000);

afterAll(() => hub?.stop());

describe('an object that is made to be garbage', () => {
  const GUARD = ['paddock-cascading-deletion'];

  test('is a Project that takes the namespaces of others along', async () => {
    const request = post(projects, project('ghost', GARBAGE, DELETE));
    await isGuarded(hub.site, { who: mick, request, guards: GUARD });
    isRefused(
      await pat.send(apply(`${projects}/ghost`, request.body ?? {})),
      /spec\.deletionPolicy "Delete": only one/,
    );
  });

  test('takes the right to delete already by its deletionPolicy', async () => {
    await isGuarded(hub.site, { who: mick, request: post(projects, project('ghost', {}, DELETE)), guards: GUARD });
    isAccepted(await mick.send(post(projects, project('keeps', GARBAGE, { deletionPolicy: 'Retain' }))));
    isAccepted(await cora.send(post(projects, project('takes', {}, DELETE))));
    await isGuarded(
      hub.site,
      { who: pat, request: patch(`${projects}/red`, { spec: DELETE }), guards: GUARD },
      async () => {
        await asAdmin(hub.site, patch(`${projects}/red`, { spec: { deletionPolicy: 'Retain' } }));
      },
    );
  });

  test.each(WAYS)('is made of one that takes namespaces along by %s', async (_way, request) => {
    await hub.policies.make(apply(`${projects}/owned`, project('owned', {}, DELETE)));
    const current = await hub.policies.read(`${projects}/owned`);
    const change = request({
      path: `${projects}/owned`,
      current,
      at: ['metadata', 'ownerReferences'],
      value: GARBAGE.ownerReferences,
    });
    const whole = change.contentType?.includes('apply')
      ? { ...change, body: { ...change.body, spec: DELETE } }
      : change;
    await isGuarded(hub.site, { who: pat, request: whole, guards: GUARD });
  });

  test('stays one, whatever else of it is changed', async () => {
    await asAdmin(hub.site, post(projects, project('taking', GARBAGE, DELETE)), 409);
    isAccepted(await pat.send(patch(`${projects}/takes`, { metadata: { labels: { team: 'blue' } } })));
    isAccepted(await pat.send(patch(`${projects}/takes`, { metadata: { ownerReferences: null } })));
  });

  test('is a Cluster', async () => {
    const request = patch('/apis/paddock.dev/v1alpha1/clusters/edge-1', { metadata: GARBAGE });
    await isGuarded(hub.site, { who: pat, request, guards: GUARD });
    const born = anObject('Cluster', { name: 'born', ...GARBAGE }, { connection: { agent: {} } });
    await isStopped({ who: pat, request: post('/apis/paddock.dev/v1alpha1/clusters', born), guards: GUARD });
  });
});

describe('a finalizer that keeps others from making an object again', () => {
  const binding = (name: string, metadata: object) => ({
    ...aBinding('project-member', { project: { cluster: 'edge-1', name: 'blue' } }, { name }),
    metadata: { name, ...metadata },
  });

  test.each([
    ['Project', () => mick, () => post(projects, project('held', HOLD)), 'paddock-finalizers'],
    ['RoleTemplateBinding', () => olga, () => post(bindingsIn(BLUE), binding('held', HOLD)), 'paddock-finalizers'],
    [
      'ClusterAccess',
      () => cora,
      () =>
        post(
          paddock(C, 'clusteraccesses'),
          anObject('ClusterAccess', { name: 'held', ...HOLD }, { user: 'cora', ttl: '1h' }),
        ),
      'paddock-finalizers',
    ],
    [
      'ConfigMap',
      () => olga,
      () => post(core(BLUE, 'configmaps'), { metadata: { name: 'held', ...HOLD } }),
      'paddock-content-finalizers',
    ],
    [
      'Secret',
      () => olga,
      () => post(core(BLUE, 'secrets'), { metadata: { name: 'held', ...HOLD } }),
      'paddock-content-finalizers',
    ],
  ])('is put on a %s', async (_kind, who, request, guard) => {
    await isGuarded(hub.site, { who: who(), request: request(), guards: [guard] });
  });

  test('is put on what is there', async () => {
    const request = patch(`${projects}/red`, { metadata: HOLD });
    await isGuarded(hub.site, { who: cora, request, guards: ['paddock-finalizers'] });
  });

  test('comes with a deletion in the foreground, which whoever may delete may ask for', async () => {
    isAccepted(await cora.send(post(projects, project('going', {}))));
    isAccepted(await cora.send(remove(`${projects}/going?propagationPolicy=Foreground`)));
    const isGone = async () => (await hub.policies.admin.send(get(`${projects}/going`))).status === 404;
    await eventually(isGone, { timeoutMs: 60_000, what: 'the Project is collected' });
  });
});

describe('what Paddock derives from a binding of all clusters', () => {
  const GUARD = ['paddock-derived-bindings'];
  const name = 'global.audit';
  const path = `${bindingsIn(C)}/${name}`;

  beforeAll(async () => {
    const scope = { global: { clusterSelector: {} } };
    const audit = aBinding('cluster-read-only', scope, { name: 'audit', subjects: [{ kind: 'User', name: 'ann' }] });
    await hub.policies.make(post(bindingsIn('paddock-system'), audit));
    await hub.until(true, hub.policies.person('ann'), 'list plans.paddock.dev', C);
  });

  test.each<[what: string, body: { readonly metadata?: object; readonly spec?: object }]>([
    ['a finalizer', { metadata: HOLD }],
    ['an owner', { metadata: GARBAGE }],
    ['a label', { metadata: { labels: { team: 'x' } } }],
    ['another who is named', { spec: { subjects: [{ kind: 'User', name: 'cora' }] } }],
  ])('is given %s', async (_what, body) => {
    const { metadata } = body;
    const finalizers = metadata && 'finalizers' in metadata ? ['paddock-finalizers'] : [];
    await isGuarded(hub.site, { who: cora, request: patch(path, body), guards: [...GUARD, ...finalizers] });
  });

  test('is deleted, alone and with all others', async () => {
    await isGuarded(hub.site, { who: cora, request: remove(path), guards: GUARD });
    await isStopped({ who: cora, request: remove(`${bindingsIn(C)}?${ONLY(name)}`), guards: GUARD });
    await isStopped({ who: hub.policies.admin, request: remove(path), guards: GUARD });
    expect((await hub.policies.read(path)).metadata).not.toHaveProperty('deletionTimestamp');
  });

  test('has its name taken before it is derived', async () => {
    const early = aBinding('cluster-member', { cluster: { name: 'edge-1' } }, { name: 'global.later' });
    await isGuarded(hub.site, { who: cora, request: post(bindingsIn(C), early), guards: GUARD });
    isRefused(
      await cora.send(apply(`${bindingsIn(C)}/global.later`, early)),
      /metadata\.name "global\.later": Paddock/,
    );
  });

  test('is its operator’s to write, and one in paddock-system may have such a name', async () => {
    const operator = hub.policies.operator('rbac');
    isAccepted(await operator.send(patch(`${path}?dryRun=All`, { metadata: { labels: { team: 'x' } } })));
    isAccepted(await operator.send(remove(`${path}?dryRun=All`)));
    const global = aBinding('cluster-member', { global: { clusterSelector: {} } }, { name: 'global.own' });
    isAccepted(await hub.policies.admin.send(post(`${bindingsIn('paddock-system')}?dryRun=All`, global)));
  });
});

describe('the namespaces of a cluster', () => {
  test('go before what is given is taken back', async () => {
    const nell = hub.policies.person('nell');
    await hub.policies.grant(nell, [
      { apiGroups: [''], resources: ['namespaces', 'namespaces/finalize'], verbs: ['*'] },
    ]);
    for (const name of [C, BLUE])
      await isGuarded(hub.site, {
        who: nell,
        request: remove(`${NAMESPACES}/${name}`),
        guards: ['paddock-namespace-deletion'],
      });
  });

  test('lose the label that keeps them, or what empties them', async () => {
    const nell = hub.policies.person('nell');
    const request = patch(`${NAMESPACES}/${C}`, { metadata: { labels: { 'paddock.dev/in-use': null } } });
    await isGuarded(hub.site, { who: nell, request, guards: ['paddock-namespaces'] });
    const namespace = await hub.policies.read(`${NAMESPACES}/${C}`);
    const finalize = {
      method: 'PUT' as const,
      path: `${NAMESPACES}/${C}/finalize`,
      body: { ...namespace, spec: { finalizers: ['kubernetes', 'a.example/hold'] } },
    };
    await isGuarded(hub.site, { who: nell, request: finalize, guards: ['paddock-namespaces'] });
  });
});

describe('a RoleTemplate that is locked', () => {
  const templates = '/apis/paddock.dev/v1alpha1/roletemplates';
  const parameters = core('paddock-system', 'configmaps/role-template.retired');
  const request = post(bindingsIn(C), aBinding('retired', { cluster: { name: 'edge-1' } }, { name: 'late' }));

  test('is bound anew, by what the operator keeps of it for the policy', async () => {
    const body = anObject('RoleTemplate', { name: 'retired' }, { context: 'Cluster', locked: true });
    await hub.policies.make(post(templates, body));
    await enforced({ who: cora, request });
    await hub.policies.make(patch(parameters, { data: { locked: 'false', more: 'x' } }));
    const isRestored = async () => {
      expect((await hub.policies.read(parameters)).data).toEqual({
        name: 'retired',
        context: 'Cluster',
        locked: 'true',
      });
      return true;
    };
    await eventually(isRestored, { timeoutMs: 30_000, what: 'what was edited is restored' });
    await hub.policies.make(remove(parameters));
    await eventually(isRestored, { timeoutMs: 30_000, what: 'what was deleted is made again' });

    await hub.policies.make(patch(`${templates}/retired`, { spec: { locked: false } }));
    await hub.policies.eventuallyAccepted(cora, dryRun(request));
    await hub.policies.make(patch(`${templates}/retired`, { spec: { locked: true } }));
    await enforced({ who: cora, request });
    // last: an API server may go on with the parameters it knew when a policy's only binding comes back
    await isGuarded(hub.site, { who: cora, request, guards: ['paddock-binding-template'] });
    await hub.policies.make(remove(`${templates}/retired`));
    const isGone = async () => (await hub.policies.admin.send(get(parameters))).status === 404;
    await eventually(isGone, { timeoutMs: 30_000, what: 'what was kept of it goes with it' });
  });
});
