import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Person } from '../support/person.ts';
import { apply, patch, post } from './agent-requests.ts';
import {
  ALICE,
  aBinding,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  mayBind,
  mayImpersonate,
  onPaddock,
  PolicyHub,
  type Rule,
  WAYS,
} from './policy-hub.ts';

const C = 'c-edge-1';
const P = 'p-edge-1--payments';
const SYSTEM = 'p-edge-1--system';
const inCluster = { cluster: { name: 'edge-1' } };
const inProject = (name: string) => ({ project: { cluster: 'edge-1', name } });
const writesBindings = onPaddock(['roletemplatebindings', 'roletemplatebindings/status']);
const subject = (kind: 'User' | 'Group', name: string) => ({ kind, name });

let hub: PolicyHub;
/** Writes bindings wherever a test looks, and may give nothing. */
let writer: Person;
/** May give project-member in p- alone. */
let bob: Person;
/** Owns the cluster. */
let cara: Person;
/** May give project templates in c-, but not cluster-owner. */
let carl: Person;
/** May give everything everywhere. */
let giver: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  for (const project of ['payments', 'system']) await hub.home('edge-1', project);
  writer = hub.person('writer');
  bob = hub.person('bob');
  cara = hub.person('cara');
  carl = hub.person('carl');
  giver = hub.person('giver');
  await hub.grant(writer, [writesBindings, onPaddock(['roletemplatebindings/finalizers'], ['update'])]);
  await hub.grant(bob, [writesBindings]);
  await hub.grant(bob, [mayBind('project-member')], P);
  await hub.grant(cara, [writesBindings, mayBind()], C);
  await hub.grant(carl, [writesBindings, mayBind('project-owner', 'project-member')], C);
  await hub.grant(giver, [writesBindings, mayBind()]);
  await hub.enforced(writer, post(bindingsIn(P), aBinding('project-member', inProject('payments'))));
}, 120_000);

afterAll(() => hub?.stop());

describe('a role is given', () => {
  test('by one who may bind it in the binding’s namespace', async () => {
    isAccepted(await bob.send(dryRun(post(bindingsIn(P), aBinding('project-member', inProject('payments'))))));
    isAccepted(await cara.send(dryRun(post(bindingsIn(C), aBinding('cluster-owner', inCluster)))));
    isAccepted(await cara.send(dryRun(post(bindingsIn(C), aBinding('project-owner', inProject('payments'))))));
  });

  test.each<readonly [what: string, who: () => Person, namespace: string, template: string]>([
    ['who may bind another one', () => bob, P, 'project-owner'],
    ['who may bind it in another namespace', () => bob, C, 'project-member'],
    ['who may write bindings only', () => writer, P, 'project-member'],
    ['who may bind some, not this one', () => carl, C, 'project-read-only'],
  ])('not by one %s', async (_what, who, namespace, template) => {
    const body = aBinding(template, inProject('payments'));
    const message = new RegExp(
      `spec\\.roleTemplateName "${template}": only one who holds the verb bind on .*"${template}" in namespace ` +
        `"${namespace}".*"${who().name}" does not`,
    );

    isRefused(await who().send(dryRun(post(bindingsIn(namespace), body))), message);
    isRefused(await who().send(dryRun(apply(`${bindingsIn(namespace)}/given`, body))), message);
    isRefused(await who().send(dryRun(post(bindingsIn(namespace), withGeneratedName(body)))), message);
  });

  test('of a RoleTemplate that does not exist: the operator reports it', async () => {
    isAccepted(await giver.send(dryRun(post(bindingsIn(P), aBinding('missing', inProject('payments'))))));
    isRefused(await bob.send(dryRun(post(bindingsIn(P), aBinding('missing', inProject('payments'))))), /the verb bind/);
  });
});

function withGeneratedName({ metadata: _, ...rest }: Record<string, unknown>): object {
  return { ...rest, metadata: { generateName: 'given-' } };
}

describe('a binding that is there', () => {
  const path = `${bindingsIn(P)}/mine`;
  const at = ['spec', 'subjects'];
  const more = [ALICE, subject('User', 'mallory')];

  beforeAll(async () => {
    const body = aBinding('project-member', inProject('payments'), { name: 'mine' });
    await hub.make(post(bindingsIn(P), body));
  });

  test.each(WAYS)('(%s) is given to more people only by one who may bind', async (_what, way) => {
    const request = dryRun(way({ path, current: await hub.read(path), at, value: more }));

    isRefused(await writer.send(request), /spec\.roleTemplateName "project-member": only one who holds the verb bind/);
    isAccepted(await bob.send(request));
  });

  test.each(WAYS)('(%s) keeps its finalizers, labels and status to whoever writes them', async (_what, way) => {
    const current = await hub.read(path);

    for (const change of [
      { path, at: ['metadata', 'finalizers'], value: ['paddock.dev/rbac'] },
      { path, at: ['metadata', 'labels'], value: { team: 'blue' } },
      { path, at, value: [ALICE] },
      { path: `${path}/status`, at: ['status'], value: { observedGeneration: 1 } },
    ])
      isAccepted(await writer.send(dryRun(way({ ...change, current }))));
  });

  test('does not change its spec by way of the status', async () => {
    isAccepted(await writer.send(patch(`${path}/status`, { spec: { subjects: more }, status: {} })));

    expect((await hub.read(path)).spec).toMatchObject({ subjects: [ALICE] });
  });

  test.each([
    ['another role', { roleTemplateName: 'project-owner' }, 'spec.roleTemplateName'],
    ['another project', { scope: inProject('system') }, 'spec.scope'],
  ])('can’t become one of %s', async (_what, spec, field) => {
    expect(await giver.send(dryRun(patch(path, { spec })))).toMatchObject({
      status: 422,
      body: expect.stringContaining(field),
    });
  });
});

describe('users and groups of Kubernetes itself', () => {
  /** May give everything, and impersonate: users, groups, or some of both, by name. */
  let halfway: readonly Person[];
  let impersonator: Person;
  const masters = subject('Group', 'system:masters');
  const bind = (...subjects: readonly object[]) =>
    dryRun(post(bindingsIn(C), aBinding('cluster-owner', inCluster, { subjects })));

  beforeAll(async () => {
    const named = (resource: string, name: string) => ({ ...mayImpersonate(resource), resourceNames: [name] });
    const granted = async (name: string, rules: readonly Rule[]) => {
      const person = hub.person(name);
      await hub.grant(person, [writesBindings, mayBind(), ...rules]);
      return person;
    };
    halfway = [
      await granted('of-users', [mayImpersonate('users')]),
      await granted('of-groups', [mayImpersonate('groups')]),
      await granted('of-some', [named('users', 'system:admin'), named('groups', 'system:masters')]),
    ];
    impersonator = await granted('of-both', [mayImpersonate('users'), mayImpersonate('groups')]);
    await hub.make(post(bindingsIn(C), aBinding('cluster-owner', inCluster, { name: 'owners' })));
  });

  test.each([
    ['system:masters', [masters]],
    ['system:authenticated, beside somebody else', [ALICE, subject('Group', 'system:authenticated')]],
    ['a service account as a user', [subject('User', 'system:serviceaccount:ci:robot')]],
  ])('(%s) are bound only by one who may impersonate users and groups', async (_what, subjects) => {
    const refused =
      /spec\.subjects: (User|Group) "system:.*" begins with "system:", which only one who may impersonate/;
    for (const person of [giver, ...halfway]) isRefused(await person.send(bind(...subjects)), refused);
    for (const person of [impersonator, hub.admin]) isAccepted(await person.send(bind(...subjects)));
  });

  test.each([
    ['a group that only sounds so', subject('Group', 'systems')],
    ['a ServiceAccount of the cluster', { kind: 'ServiceAccount', name: 'system', namespace: 'ci' }],
  ])('%s is none', async (_what, one) => {
    isAccepted(await giver.send(bind(one)));
  });

  test.each(WAYS)('(%s) are not added to a binding that is there', async (_what, way) => {
    const path = `${bindingsIn(C)}/owners`;
    const change = { path, current: await hub.read(path), at: ['spec', 'subjects'], value: [ALICE, masters] };

    isRefused(await cara.send(dryRun(way(change))), /spec\.subjects: Group "system:masters"/);
    isAccepted(await cara.send(dryRun(way({ ...change, value: [ALICE, subject('Group', 'masters')] }))));
  });

  test('are handed on by the operator that derives bindings from global ones', async () => {
    const operator = hub.operator('rbac');
    await hub.grant(operator, [writesBindings, mayBind()]);

    isAccepted(await operator.send(bind(masters)));
  });
});

describe('in project system, the namespaces of Kubernetes itself,', () => {
  test.each([
    ['in c-', C, () => carl],
    ['in its home', SYSTEM, () => giver],
  ])('a role is given (%s) only by one who may bind cluster-owner', async (_what, namespace, who) => {
    const request = dryRun(post(bindingsIn(namespace), aBinding('project-member', inProject('system'))));
    const near = dryRun(post(bindingsIn(C), aBinding('project-member', inProject('payments'))));
    const owner = hub.person(`owner-of-${namespace}`);
    await hub.grant(owner, [writesBindings, mayBind('project-member')], namespace);
    isRefused(
      await owner.send(request),
      /spec\.scope\.project\.name "system": .*"cluster-owner" in namespace "c-edge-1"/,
    );
    await hub.grant(owner, [mayBind('cluster-owner')], C);

    isAccepted(await owner.send(request));
    isAccepted(await who().send(near));
  });

  test('a binding that is there is changed only by one who may bind cluster-owner', async () => {
    const path = `${bindingsIn(C)}/in-system`;
    const body = aBinding('project-member', inProject('system'), { name: 'in-system' });
    await hub.make(post(bindingsIn(C), body));
    const change = dryRun(patch(path, { spec: { subjects: [ALICE, subject('User', 'carl')] } }));

    isRefused(await carl.send(change), /spec\.scope\.project\.name "system"/);
    isAccepted(await cara.send(change));
    isAccepted(await carl.send(dryRun(patch(path, { metadata: { labels: { team: 'blue' } } }))));
  });
});

test('the largest binding is within the cost limit, also when it changes', async () => {
  const path = `${bindingsIn(C)}/largest`;
  const all = (last: string) =>
    Array.from({ length: 500 }, (_, index) => subject('User', `${last}${index}`.padEnd(253, 'x')));
  const scope = inProject('system');
  isAccepted(
    await cara.send(post(bindingsIn(C), aBinding('project-member', scope, { name: 'largest', subjects: all('a') }))),
  );

  isAccepted(await cara.send(dryRun(patch(path, { spec: { subjects: all('b') } }))));
  isAccepted(await writer.send(dryRun(patch(path, { metadata: { labels: { team: 'blue' } } }))));
  isRefused(
    await cara.send(dryRun(patch(path, { spec: { subjects: all('system:') } }))),
    /User "system:0xx.*begins with/,
  );
  isRefused(await writer.send(dryRun(patch(path, { spec: { subjects: all('b') } }))), /the verb bind/);
});

test('it is the policy that refuses', async () => {
  const untouched = aBinding('project-member', inProject('payments'));
  await hub.passesWithout('paddock-binding', writer, post(bindingsIn(P), untouched));
});
