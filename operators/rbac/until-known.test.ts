import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  ClusterAccessResource,
  ClusterResource,
  ProjectResource,
  projectNamespace,
  RoleTemplateBindingResource,
  RoleTemplateResource,
} from '#api';
import { Controller, silentLogger } from '#runtime';
import { World, within } from '../../test/conformance/world.ts';
import { eventually } from '../../test/support/eventually.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { agentSources } from './agent-sources.ts';
import { HubPeople } from './people.ts';
import { HubSays } from './says.ts';
import { UntilKnown } from './until-known.ts';

const HOME = projectNamespace('edge', 'shop');

const project = {
  apiVersion: 'paddock.dev/v1alpha1',
  kind: 'Project',
  metadata: { name: 'shop', namespace: 'c-edge' },
  status: { namespace: HOME },
};

let world: World;
let says: HubSays;
let people: HubPeople;

beforeEach(async () => {
  const kinds = [ProjectResource, RoleTemplateBindingResource, RoleTemplateResource, ClusterAccessResource];
  world = await World.start({ server: { kinds: [...kinds, ClusterResource] } });
  const sources = agentSources(world, 'edge', world.cache.informer(ClusterResource));
  says = new HubSays(sources);
  people = new HubPeople(sources, says);
  says.follow();
  people.follow();
  world.cache.start(world.client, world.signal);
  await eventually(() => people.known, within('the hub is known'));
});
afterEach(() => world.stop());

/** Keys as they are reconciled, by a controller whose clock stands still. */
function reconciled(hub: HubSays | HubPeople): { readonly controller: Controller; readonly keys: string[] } {
  const keys: string[] = [];
  const controller = new Controller({
    name: 'test',
    log: silentLogger,
    clock: new FakeClock(),
    reconcile: async key => {
      if (!hub.known) return until.wait(key);
      keys.push(key);
      return undefined;
    },
  });
  const until = new UntilKnown(hub, controller, world.signal);
  controller.start(world.signal);
  return { controller, keys };
}

test.each([
  ['what is said', () => says],
  ['who is there', () => people],
])('%s waits for no clock: only until the namespace of a new project is read', async (_what, of) => {
  const hold = world.server.faults.inject('hold', { namespace: HOME });
  world.server.store.create(project);
  await eventually(() => !of().known, within('the namespace is to be read'));
  const { controller, keys } = reconciled(of());
  controller.add('a');
  controller.add('b');
  await eventually(() => controller.queue.delayed === 2, within('both wait'));
  expect(keys).toEqual([]);

  hold.remove();

  await eventually(() => keys.length > 0 && controller.queue.delayed === 0, within('both were looked at'));
  expect(keys.sort()).toEqual(['a', 'b']);
});

test('a project that goes while its namespace can’t be read holds nobody up', async () => {
  world.server.faults.inject('forbidden', { namespace: HOME });
  world.server.store.create(project);
  await eventually(() => !says.known, within('the namespace is to be read'));
  const { controller, keys } = reconciled(says);
  controller.add('a');
  await eventually(() => controller.queue.delayed === 1, within('it waits'));

  world.server.store.delete(ProjectResource, { namespace: 'c-edge', name: 'shop' });

  await eventually(() => keys.length === 1, within('it was looked at'));
});

test('a kind that can’t be listed for a while holds up only as long', async () => {
  const fault = world.server.faults.inject('forbidden', { kind: 'RoleTemplate' });
  world.server.cutWatches();
  await eventually(() => !says.known, within('the refusal is noticed'));
  const { controller, keys } = reconciled(people);
  controller.add('a');
  await eventually(() => controller.queue.delayed === 1, within('it waits'));

  fault.remove();

  await eventually(() => keys.length === 1, within('it was looked at'));
});
