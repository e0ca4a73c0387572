import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { get, jsonPatch, PADDOCK, patch, post, remove } from '../integration/agent-requests.ts';
import {
  aBinding,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  mayBind,
  onPaddock,
  WAYS,
} from '../integration/policy-hub.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { answerTo, asAdmin, enforced, failingClosed, isGuarded, isStopped } from './guard.ts';
import { BLUE, C, PeopledHub } from './peopled-hub.ts';

const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const ROLES = `${PADDOCK}/roletemplates`;

let hub: PeopledHub;
/** Owns edge-1. */
let cora: Person;
/** Owns project blue of edge-1. */
let olga: Person;
/** Writes bindings in edge-1, and may give project-member alone. */
let mona: Person;
/** A member of edge-1 who writes RoleTemplates. */
let gus: Person;

beforeAll(async () => {
  hub = await PeopledHub.start();
  const { policies } = hub;
  const person = (name: string) => policies.person(name);
  cora = await hub.bound(person('cora'), 'cluster-owner', 'create plans.paddock.dev');
  olga = await hub.bound(person('olga'), 'project-owner', 'create secrets', { project: 'blue' });
  gus = await hub.bound(person('gus'), 'cluster-member', 'create projects.paddock.dev');
  mona = person('mona');
  await policies.grant(mona, [onPaddock(['roletemplatebindings']), mayBind('project-member')], C);
  await policies.grant(gus, [onPaddock(['roletemplates'], ['get', 'create', 'update', 'patch'])]);
  await enforced({ who: mona, request: grab(mona) });
  await enforced({ who: gus, request: readSecrets });
  await enforced({ who: olga, request: post(bindingsIn(BLUE), inProject('edge-1', 'red')) });
}, 180_000);

afterAll(() => hub?.stop());

const named = (person: Person) => [{ kind: 'User', name: person.name }];
const grab = (person: Person, namespace = C) =>
  post(
    bindingsIn(namespace),
    aBinding(
      'cluster-owner',
      { cluster: { name: 'edge-1' } },
      { name: `grab-${person.name}`, subjects: named(person) },
    ),
  );
const inProject = (cluster: string, name: string) =>
  aBinding(
    'project-owner',
    { project: { cluster, name } },
    { name: `reach-${cluster}-${name}`, subjects: named(olga) },
  );
const SECRETS = [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list'] }];
const readSecrets = patch(`${ROLES}/cluster-member`, { spec: { hubRules: SECRETS } });

describe('who may give roles', () => {
  // Rancher let whoever edited the bindings of a project name a role of the whole cluster in one of them.
  test('CVE-2019-14436: a project owner gives themselves the cluster', async () => {
    await isGuarded(hub.site, {
      who: olga,
      request: grab(olga, BLUE),
      guards: ['paddock-binding', 'paddock-binding-scope'],
    });
  });

  // The same, by one who may write bindings where those of the cluster are.
  test('CVE-2019-14436: one who writes bindings gives themselves more than they may give', async () => {
    expect(await mona.may('create plans.paddock.dev', C)).toBe(false);
    isAccepted(await mona.send(dryRun(post(bindingsIn(C), memberOfBlue()))));

    await isGuarded(hub.site, { who: mona, request: grab(mona), guards: ['paddock-binding'] }, async () => {
      await hub.until(true, mona, 'create plans.paddock.dev', C);
      await asAdmin(hub.site, remove(`${bindingsIn(C)}/grab-mona`));
      await hub.until(false, mona, 'create plans.paddock.dev', C);
    });
  });

  const memberOfBlue = () =>
    aBinding(
      'project-member',
      { project: { cluster: 'edge-1', name: 'blue' } },
      { name: 'fair', subjects: named(mona) },
    );

  // An owner of one project, or one cluster, could write a binding that named another and became its owner, too.
  test.each<readonly [whose: string, who: () => Person, namespace: string, body: () => object]>([
    ['project of the cluster', () => olga, BLUE, () => inProject('edge-1', 'red')],
    ['cluster’s project', () => olga, BLUE, () => inProject('edge-2', 'blue')],
    ['cluster', () => cora, C, () => aBinding('cluster-owner', { cluster: { name: 'edge-2' } }, { name: 'reach' })],
  ])('CVE-2022-31247: an owner reaches another %s by the scope of a binding', async (_whose, who, namespace, body) => {
    const request = post(bindingsIn(namespace), body());
    await isGuarded(hub.site, { who: who(), request, guards: ['paddock-binding-scope'] });
  });

  // What is behind the policy: the operator gives nothing for a binding that reaches further than its namespace.
  test('CVE-2022-31247: a binding that was made while the policy was away gives nothing', async () => {
    const request = post(bindingsIn(BLUE), inProject('edge-1', 'red'));
    await isGuarded(hub.site, { who: olga, request, guards: ['paddock-binding-scope'] }, async () => {
      const path = `${bindingsIn(BLUE)}/reach-edge-1-red`;
      await eventually(async () => JSON.stringify((await asAdmin(hub.site, get(path))).status)?.includes('Misplaced'), {
        timeoutMs: 30_000,
        what: 'the binding says that it is misplaced',
      });
      expect(await olga.may('create secrets', 'p-edge-1--red')).toBe(false);
      await asAdmin(hub.site, remove(path));
    });
  });

  // The scope of a binding that one may have is turned to what one may not.
  test.each(WAYS)('CVE-2022-31247: a binding is moved to another project by %s', async (way, request) => {
    const name = `moved-${way.replaceAll(' ', '-').toLowerCase()}`;
    const body = aBinding(
      'project-owner',
      { project: { cluster: 'edge-1', name: 'blue' } },
      { name, subjects: named(olga) },
    );
    const path = `${bindingsIn(BLUE)}/${name}`;
    isAccepted(await olga.send(post(bindingsIn(BLUE), body)));

    const { status, body: answer } = await answerTo(olga, async () => {
      const current = await asAdmin(hub.site, get(path));
      return request({ path, current, at: ['spec', 'scope', 'project', 'name'], value: 'red' });
    });

    expect({ status, answer }).toEqual({ status: 422, answer: expect.stringContaining("can't be changed") });
    expect(await olga.may('create secrets', 'p-edge-1--red')).toBe(false);
  });

  // Rancher’s proxy looked at the name of a resource and not at its API group.
  test('CVE-2021-25318: the verb bind on roletemplates of another API group gives none of ours', async () => {
    const hal = hub.policies.person('hal');
    await hub.policies.grant(hal, [onPaddock(['roletemplatebindings'])], C);
    await hub.policies.grant(hal, [{ apiGroups: ['example.dev'], resources: ['roletemplates'], verbs: ['bind'] }]);
    const attack = { who: hal, request: grab(hal), guards: ['paddock-binding'] };
    await isGuarded(hub.site, attack);

    await hub.policies.grant(hal, [mayBind('cluster-owner')], C);
    isAccepted(await hal.send(dryRun(attack.request)));
  });
});

describe('who may write what roles allow', () => {
  // Who could write roles, and was less than an admin, wrote themselves more rights than they had.
  test.each(WAYS)('CVE-2021-36784: a writer of roles widens the one they have by %s', async (_way, request) => {
    const path = `${ROLES}/cluster-member`;
    const answer = await answerTo(gus, async () => {
      const current = await asAdmin(hub.site, get(path));
      return request({ path, current, at: ['spec', 'hubRules'], value: SECRETS });
    });
    isRefused(answer, /spec\.hubRules: only one who holds the verb escalate/);
    expect(await gus.may('list secrets', C)).toBe(false);
  });

  test('CVE-2021-36784: without the policy the writer of roles reads the credentials of the cluster', async () => {
    const { spec } = await asAdmin(hub.site, get(`${ROLES}/cluster-member`));
    const { hubRules } = spec as { hubRules: object[] };
    const guards = ['paddock-role-template-rules'];
    await isGuarded(hub.site, { who: gus, request: readSecrets, guards }, async () => {
      await hub.until(true, gus, 'list secrets', C);
      await asAdmin(hub.site, patch(`${ROLES}/cluster-member`, { spec: { hubRules } }));
      await hub.until(false, gus, 'list secrets', C);
    });
  });
});

describe('CVE-2023-22651', () => {
  // An update left Rancher’s webhook without its configuration, and what it should have refused was let through.
  test('CVE-2023-22651: every policy fails closed, denies, and needs nothing of ours to run', async () => {
    expect((await failingClosed(hub.site)).length).toBeGreaterThan(10);
    const hooks = await asAdmin(hub.site, get(`${ADMISSION}/validatingwebhookconfigurations`));
    expect(hooks.items).toEqual([]);
  });

  // The same, where a policy can’t tell what it should.
  test('CVE-2023-22651: a policy that can’t be evaluated refuses', async () => {
    const path = `${ADMISSION}/validatingadmissionpolicies/paddock-binding`;
    const { spec } = (await asAdmin(hub.site, get(path))) as unknown as {
      spec: { variables: { expression: string }[] };
    };
    const variable = (value: unknown) => ({ op: 'replace', path: '/spec/variables/0/expression', value });
    const failure = (value: string) => ({ op: 'replace', path: '/spec/failurePolicy', value });
    // of another name than one that was made and may not be gone yet
    const scope = { cluster: { name: 'edge-1' } };
    const again = post(bindingsIn(C), aBinding('cluster-owner', scope, { name: 'again', subjects: named(mona) }));
    const attack = { who: mona, request: again, guards: ['paddock-binding'] };
    const fair = dryRun(
      post(bindingsIn(C), aBinding('project-member', { project: { cluster: 'edge-1', name: 'blue' } })),
    );
    isAccepted(await mona.send(fair));

    await asAdmin(hub.site, jsonPatch(path, [variable("object.spec.subjects[99].name == 'x'")]));
    await enforced({ who: mona, request: fair });
    await isStopped(attack);

    await asAdmin(hub.site, jsonPatch(path, [failure('Ignore')]));
    await hub.policies.eventuallyAccepted(mona, dryRun(attack.request));
    await asAdmin(hub.site, jsonPatch(path, [failure('Fail'), variable(spec.variables[0]?.expression)]));
    await enforced(attack);
    await hub.policies.eventuallyAccepted(mona, fair);
  });
});
