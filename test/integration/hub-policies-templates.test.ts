import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Person } from '../support/person.ts';
import { apply, PADDOCK, paddock, patch, post } from './agent-requests.ts';
import {
  anObject,
  dryRun,
  isAccepted,
  isRefused,
  mayImpersonate,
  onPaddock,
  PolicyHub,
  type Rule,
  WAYS,
} from './policy-hub.ts';

const TEMPLATES = `${PADDOCK}/roletemplates`;
const PODS = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const aTemplate = (name: string, spec: object) => anObject('RoleTemplate', { name }, { context: 'Project', ...spec });

let hub: PolicyHub;
/** Writes RoleTemplates, and holds every right in the core group. */
let writer: Person;
/** May escalate besides. */
let author: Person;
/** May escalate one RoleTemplate only. */
let halfway: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  const writes = onPaddock(['roletemplates', 'roletemplates/status'], ['get', 'create', 'update', 'patch', 'delete']);
  const escalates = onPaddock(['roletemplates'], ['escalate']);
  [writer, author, halfway] = [hub.person('writer'), hub.person('author'), hub.person('halfway')];
  for (const person of [writer, author, halfway])
    await hub.grant(person, [writes, { apiGroups: [''], resources: ['*'], verbs: ['*'] }]);
  await hub.grant(writer, [onPaddock(['roletemplates/finalizers'], ['update'])]);
  await hub.grant(author, [escalates]);
  await hub.grant(halfway, [{ ...escalates, resourceNames: ['deployer'] }]);
  await hub.make(post(TEMPLATES, aTemplate('deployer', { rules: [PODS], hubRules: [PODS] })));
  await hub.make(post(TEMPLATES, aTemplate('heir', { inherits: ['project-read-only'] })));
  await hub.make(post(TEMPLATES, aTemplate('viewer', { clusterRoleRef: 'view' })));
  await hub.enforced(writer, post(TEMPLATES, aTemplate('x', {})));
}, 120_000);

afterAll(() => hub?.stop());

const REFUSED = 'only one who holds the verb escalate on roletemplates\\.paddock\\.dev';

describe('a RoleTemplate', () => {
  test.each([
    ['with rules that the writer holds', { rules: [PODS] }],
    ['with no rules', {}],
    ['with those of another', { inherits: ['project-owner'] }],
    ['with those of a ClusterRole', { clusterRoleRef: 'cluster-admin' }],
  ])('%s is made only by one who may escalate', async (_what, spec) => {
    const requests = [post(TEMPLATES, aTemplate('new', spec)), apply(`${TEMPLATES}/new`, aTemplate('new', spec))];
    for (const request of requests.map(dryRun)) {
      for (const person of [writer, halfway]) isRefused(await person.send(request), new RegExp(`spec: ${REFUSED}`));
      for (const person of [author, hub.admin]) isAccepted(await person.send(request));
    }
  });

  const wider: Rule = { ...PODS, resources: ['pods', 'secrets'] };
  describe.each<readonly [field: string, name: string, value: unknown]>([
    ['rules', 'deployer', [wider]],
    ['hubRules', 'deployer', [wider]],
    ['inherits', 'deployer', ['project-owner']],
    ['inherits', 'heir', ['project-owner']],
    ['clusterRoleRef', 'viewer', 'cluster-admin'],
    ['context', 'deployer', 'Cluster'],
    ['rules', 'project-read-only', [wider]],
    ['rules', 'deployer', []],
  ])('%s of %s', (field, name, value) => {
    test.each(WAYS)('(%s) is changed only by one who may escalate', async (_what, way) => {
      const path = `${TEMPLATES}/${name}`;
      const request = dryRun(way({ path, current: await hub.read(path), at: ['spec', field], value }));

      isRefused(await writer.send(request), new RegExp(`spec\\.${field}: ${REFUSED}.*"writer" does not`));
      isAccepted(await author.send(request));
    });
  });

  test.each(['rules', 'hubRules', 'inherits', 'clusterRoleRef'])(
    '%s are taken away only by one who may',
    async field => {
      const name = { rules: 'deployer', hubRules: 'deployer', inherits: 'heir', clusterRoleRef: 'viewer' }[field] ?? '';
      const request = dryRun(patch(`${TEMPLATES}/${name}`, { spec: { [field]: null } }));

      isRefused(await writer.send(request), new RegExp(`spec\\.${field}: ${REFUSED}`));
      isAccepted(await author.send(request));
    },
  );

  describe.each<readonly [what: string, at: readonly string[], value: unknown]>([
    ['its lock', ['spec', 'locked'], true],
    ['its name for people', ['spec', 'displayName'], 'Deployer'],
    ['its description', ['spec', 'description'], 'Deploys.'],
    ['its labels', ['metadata', 'labels'], { team: 'blue' }],
    // with the right to write them, too
    ['its finalizers', ['metadata', 'finalizers'], ['paddock.dev/rbac']],
    ['rules as they were', ['spec', 'rules'], [PODS]],
  ])('%s', (_field, at, value) => {
    test.each(WAYS)('(%s) takes no more than the right to write it', async (_what, way) => {
      const path = `${TEMPLATES}/deployer`;
      isAccepted(await writer.send(dryRun(way({ path, current: await hub.read(path), at, value }))));
    });
  });

  test('does not change its rules by way of the status', async () => {
    const path = `${TEMPLATES}/deployer`;
    isAccepted(await writer.send(patch(`${path}/status`, { spec: { rules: [wider] }, status: { bindings: 1 } })));

    expect((await hub.read(path)).spec).toMatchObject({ rules: [PODS] });
  });
});

test('the largest RoleTemplate is within the cost limit, also when it changes', async () => {
  const strings = (count: number, length: number, start: string) =>
    Array.from({ length: count }, (_, index) => `${start}${index}`.padEnd(length, 'b'));
  const rule = (start: string) => ({
    verbs: strings(32, 20, start),
    apiGroups: strings(32, 40, start),
    resources: strings(128, 40, start),
    resourceNames: strings(16, 40, start),
  });
  // the last one alone differs, so that all are compared
  const rules = (last: string) => [...Array(63).fill(rule('a')), rule(last)];
  const spec = (last: string) => ({
    rules: rules(last),
    hubRules: rules(last).slice(32),
    inherits: strings(32, 40, 'a'),
  });
  isAccepted(await author.send(post(TEMPLATES, aTemplate('largest', spec('a')))));

  isAccepted(await author.send(dryRun(patch(`${TEMPLATES}/largest`, { spec: spec('c') }))));
  isRefused(
    await writer.send(dryRun(patch(`${TEMPLATES}/largest`, { spec: spec('c') }))),
    /spec\.rules, spec\.hubRules: /,
  );
  isAccepted(await writer.send(dryRun(patch(`${TEMPLATES}/largest`, { spec: { ...spec('a'), locked: true } }))));
});

describe('a ClusterAccess', () => {
  const C = 'c-edge-1';
  const ask = (spec: object) =>
    dryRun(post(paddock(C, 'clusteraccesses'), anObject('ClusterAccess', { name: 'a' }, spec)));
  const others = { user: 'bob', groups: ['ops'] };
  let alice: Person;

  beforeAll(async () => {
    alice = hub.person('alice', ['dev', 'oncall']);
    await hub.grant(alice, [onPaddock(['clusteraccesses'])], C);
    await hub.enforced(alice, ask({ user: 'bob' }));
  });

  test.each([
    ['without groups', {}],
    ['with groups that one has', { groups: ['dev', 'oncall'] }],
    ['with some of them', { groups: ['oncall'] }],
  ])('is made for oneself, %s', async (_what, spec) => {
    isAccepted(await alice.send(ask({ user: 'alice', ...spec })));
  });

  test.each([
    ['for somebody else', { user: 'bob' }, /spec\.user "bob" must be "alice", who asks/],
    ['for somebody else, with one’s groups', { user: 'bob', groups: ['dev'] }, /spec\.user "bob" must be "alice"/],
    ['for one whose name begins alike', { user: 'alice2' }, /spec\.user "alice2" must be "alice"/],
    [
      'with a group that one has not',
      { user: 'alice', groups: ['ops'] },
      /spec\.groups "ops" must be a group of "alice"/,
    ],
    [
      'with one among others',
      { user: 'alice', groups: ['dev', 'ops'] },
      /spec\.groups "ops" must be a group of "alice"/,
    ],
  ])('is refused %s', async (_what, spec, message) => {
    isRefused(await alice.send(ask(spec)), message);
    const body = anObject('ClusterAccess', { name: 'a' }, spec);
    isRefused(await alice.send(dryRun(apply(`${paddock(C, 'clusteraccesses')}/a`, body))), message);
  });

  test.each<readonly [what: string, rules: readonly Rule[], may: boolean]>([
    ['users', [mayImpersonate('users')], false],
    ['groups', [mayImpersonate('groups')], false],
    [
      'that user and that group only',
      [
        { ...mayImpersonate('users'), resourceNames: ['bob'] },
        { ...mayImpersonate('groups'), resourceNames: ['ops'] },
      ],
      false,
    ],
    ['users and groups', [mayImpersonate('users'), mayImpersonate('groups')], true],
  ])('for others, by one who may impersonate %s', async (what, rules, may) => {
    const helpdesk = hub.person(`helpdesk-${what.replaceAll(' ', '-')}`);
    await hub.grant(helpdesk, [onPaddock(['clusteraccesses']), ...rules]);

    const answer = await helpdesk.send(ask(others));

    if (may) isAccepted(answer);
    else isRefused(answer, /spec\.user "bob".*\n?.*only one who may impersonate users and groups/);
  });

  test('one of many groups is within the cost limit', async () => {
    const groups = Array.from({ length: 200 }, (_, index) => `group-${index}`.padEnd(60, 'x'));
    const popular = hub.person('popular', groups);
    await hub.grant(popular, [onPaddock(['clusteraccesses'])], C);

    isAccepted(await popular.send(ask({ user: 'popular', groups: groups.slice(-32) })));
    isRefused(
      await popular.send(ask({ user: 'popular', groups: [...groups.slice(-31), 'ops'] })),
      /spec\.groups "ops"/,
    );
  });

  test('for others, by an admin', async () => {
    isAccepted(await hub.admin.send(ask(others)));
  });

  test('can’t be made somebody else’s later', async () => {
    const path = `${paddock(C, 'clusteraccesses')}/own`;
    await hub.make(post(paddock(C, 'clusteraccesses'), anObject('ClusterAccess', { name: 'own' }, { user: 'alice' })));

    expect(await alice.send(patch(path, { spec: { user: 'bob' } }))).toMatchObject({
      status: 422,
      body: expect.stringContaining('spec'),
    });
  });

  test('it is the policy that refuses', async () => {
    const request = post(paddock(C, 'clusteraccesses'), anObject('ClusterAccess', { name: 'a' }, others));
    await hub.passesWithout('paddock-cluster-access', alice, request);
  });
});

test('it is the policy that refuses changed rules', async () => {
  const request = patch(`${TEMPLATES}/project-read-only`, { spec: { rules: [PODS] } });
  await hub.passesWithout('paddock-role-template-rules', writer, request);
});
