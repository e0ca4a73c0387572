import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventually } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { post } from './agent-requests.ts';
import { ClusterFixture } from './cluster-fixture.ts';
import { isAccepted, isRefused, NAMESPACES } from './policy-hub.ts';

let fleet: AccessFleet;
let alice: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await new ClusterFixture(fleet.fleet.hub).becomes('edge-1', 'Ready', { status: 'True' });
  await fleet.project('blue');
  await fleet.project('red');
  alice = fleet.person('alice');
  const binding = await fleet.bind('members', 'project-member', [user('alice')], { project: 'blue' });
  await binding.condition('Ready', 'True');
  await fleet.until(true, alice, 'create namespaces');
}, 120_000);

afterAll(() => fleet?.stop(), 60_000);

const create = (name: string, labels: Record<string, string>) =>
  alice.send(post(NAMESPACES, { metadata: { name, labels } }));

test('a member of a project creates a namespace in it, and works in it right away', async () => {
  isAccepted(await create('alice-1', { [LABEL_PROJECT]: 'blue' }));

  await eventually(() => alice.may('create deployments.apps', 'alice-1'), {
    timeoutMs: 5_000, // 50 ms on a machine that is idle
    what: 'alice may work in her namespace',
  });
});

test('but none in another’s project, none in no project, and takes none of her own elsewhere', async () => {
  isRefused(await create('alice-2', { [LABEL_PROJECT]: 'red' }), /project\] "red": .*"alice" does not/);
  isRefused(await create('alice-2', {}), /is missing: "alice" may create namespaces in projects only/);
  isRefused(await create('alice-2', { [LABEL_PROJECT]: 'any' }), /project\] "any"/);
  expect(await alice.may('update namespaces alice-1')).toBe(false);
});
