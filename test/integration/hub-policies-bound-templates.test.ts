import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import type { UserRequest } from '../support/token-user.ts';
import { patch, post, remove } from './agent-requests.ts';
import {
  aBinding,
  bindingsIn,
  dryRun,
  isAccepted,
  isRefused,
  mayBind,
  NAMESPACES,
  onPaddock,
  PolicyHub,
} from './policy-hub.ts';

const C = 'c-edge-1';
const P = 'p-edge-1--payments';
const inCluster = { cluster: { name: 'edge-1' } };
const inProject = (name: string) => ({ project: { cluster: 'edge-1', name } });

let hub: PolicyHub;
/** Writes bindings, and may give nothing. */
let writer: Person;
/** May give everything everywhere. */
let giver: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  await hub.home('edge-1', 'payments');
  [writer, giver] = [hub.person('writer'), hub.person('giver')];
  await hub.grant(writer, [onPaddock(['roletemplatebindings'])]);
  await hub.grant(giver, [onPaddock(['roletemplatebindings']), mayBind()]);
  for (const [name, context, locked] of [
    ['closed', 'Project', true],
    ['open', 'Project', false],
    ['wide', 'Cluster', false],
  ] as const)
    await hub.template(name, { context, locked });
  await hub.parameters('cluster-owner', { context: 'Cluster' });
  await hub.enforced(writer, post(bindingsIn(P), aBinding('open', inProject('payments'))));
  await hub.enforced(giver, post(bindingsIn(P), aBinding('closed', inProject('payments'))));
}, 120_000);

afterAll(() => hub?.stop());

describe('a new binding takes a RoleTemplate', () => {
  const scopes = {
    cluster: [C, inCluster],
    project: [P, inProject('payments')],
    global: ['paddock-system', { global: { clusterSelector: {} } }],
  } as const;
  const bind = (template: string, scope: keyof typeof scopes) =>
    dryRun(post(bindingsIn(scopes[scope][0]), aBinding(template, scopes[scope][1])));

  test('that is not locked', async () => {
    for (const person of [giver, hub.admin])
      isRefused(await person.send(bind('closed', 'project')), /spec\.roleTemplateName "closed" must not be locked/);
    isAccepted(await giver.send(bind('open', 'project')));
  });

  test.each([
    ['wide', 'project', /"wide" must be of context Project, as spec\.scope is; it is of context Cluster/],
    ['open', 'cluster', /"open" must be of context Cluster, as spec\.scope is; it is of context Project/],
    ['open', 'global', /"open" must be of context Cluster/],
    ['cluster-owner', 'project', /spec\.roleTemplateName "cluster-owner" must be of context Project/],
  ] as const)('of the scope’s context: %s in a %s is refused', async (template, scope, message) => {
    for (const person of [giver, hub.admin]) isRefused(await person.send(bind(template, scope)), message);
  });

  test('of the scope’s context', async () => {
    for (const scope of ['cluster', 'global'] as const) isAccepted(await giver.send(bind('wide', scope)));
  });

  test('bindings that exist stay when it is locked, and are changed by one who may bind', async () => {
    const path = `${bindingsIn(P)}/early`;
    const body = aBinding('open', inProject('payments'), { name: 'early' });
    await hub.make(post(bindingsIn(P), body));
    await hub.parameters('open', { context: 'Project', locked: true });
    await hub.enforced(giver, post(bindingsIn(P), aBinding('open', inProject('payments'))));
    const change = dryRun(patch(path, { spec: { subjects: [{ kind: 'User', name: 'erin' }] } }));

    isAccepted(await giver.send(change));
    isRefused(await writer.send(change), /the verb bind/);
  });
});

test('what is derived from a global binding takes one that is locked, and none of another context', async () => {
  const operator = hub.operator('rbac');
  await hub.grant(operator, [onPaddock(['roletemplatebindings']), mayBind()]);
  await hub.template('retired', { context: 'Cluster', locked: true });
  await hub.enforced(giver, post(bindingsIn(C), aBinding('retired', inCluster)));

  isAccepted(await operator.send(dryRun(post(bindingsIn(C), aBinding('retired', inCluster)))));
  isRefused(
    await operator.send(dryRun(post(bindingsIn(C), aBinding('open', inCluster)))),
    /must be of context Cluster/,
  );
});

test('many RoleTemplates are within the cost limit', async () => {
  for (let index = 0; index < 300; index++) {
    await hub.parameters(`many-${index}`, { context: 'Project' });
  }

  isAccepted(await giver.send(dryRun(post(bindingsIn(P), aBinding('many-299', inProject('payments'))))));
  isRefused(
    await giver.send(dryRun(post(bindingsIn(P), aBinding('closed', inProject('payments'))))),
    /must not be locked/,
  );
});

test('an API server that has just started judges as before', async () => {
  const { controlPlane } = hub.fleet.hub;
  const ask = (person: Person, request: UserRequest) =>
    eventually(() => person.send(dryRun(request)), { timeoutMs: 30_000, what: 'the server answers' });
  for (let restart = 0; restart < 3; restart++) {
    await controlPlane.stopApiServer();
    await controlPlane.startApiServer();
    const locked = post(bindingsIn(P), aBinding('closed', inProject('payments')));
    isRefused(await ask(giver, locked), /must not be locked/);
    isAccepted(await ask(giver, post(bindingsIn(C), aBinding('wide', inCluster))));
    isRefused(await ask(hub.admin, remove(`${NAMESPACES}/${C}`)), /while Cluster "edge-1" uses it/);
    isAccepted(await ask(hub.operator('cluster'), remove(`${NAMESPACES}/${P}`)));
  }
}, 180_000);

test('it is the policy that refuses', async () => {
  const locked = aBinding('closed', inProject('payments'));
  await hub.passesWithout('paddock-binding-template', giver, post(bindingsIn(P), locked));
});
