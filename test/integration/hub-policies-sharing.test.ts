import { afterAll, beforeAll, describe, test } from '@jest/globals';
import type { Person } from '../support/person.ts';
import { core, post } from './agent-requests.ts';
import { dryRun, isAccepted, isRefused, mayBind, PolicyHub, WAYS } from './policy-hub.ts';

const C = 'c-edge-1';
const P = 'p-edge-1--payments';
const SYSTEM = 'p-edge-1--system';
const writesContent = { apiGroups: [''], resources: ['secrets', 'configmaps'], verbs: ['*'] };
const label = { 'paddock.dev/shared': 'true' };
const content = (labels: object, name = 'shared-here') => ({ metadata: { name, labels } });

let hub: PolicyHub;
/** Writes Secrets and ConfigMaps, and may give every role in the home of project system, but none in c-. */
let sharer: Person;
/** May give cluster-owner in c-. */
let owner: Person;

beforeAll(async () => {
  hub = await PolicyHub.start();
  await hub.cluster('edge-1');
  for (const project of ['payments', 'system']) await hub.home('edge-1', project);
  [sharer, owner] = [hub.person('sharer'), hub.person('owner')];
  for (const person of [sharer, owner]) await hub.grant(person, [writesContent]);
  await hub.grant(sharer, [mayBind()], SYSTEM);
  await hub.grant(owner, [mayBind('cluster-owner')], C);
  await hub.enforced(sharer, post(core(SYSTEM, 'secrets'), content(label)));
}, 120_000);

afterAll(() => hub?.stop());

describe.each(['secrets', 'configmaps'])('%s of project system', resource => {
  beforeAll(async () => {
    for (const namespace of [SYSTEM, P]) {
      await hub.make(post(core(namespace, resource), content(label)));
      await hub.make(post(core(namespace, resource), content({}, 'private')));
    }
  });

  const refused = /metadata\.labels\[paddock\.dev\/shared\] "true": .*"cluster-owner" in namespace "c-edge-1"/;

  test('are shared only by one who may bind cluster-owner', async () => {
    const create = dryRun(post(core(SYSTEM, resource), content(label, 'new')));

    isRefused(await sharer.send(create), refused);
    isAccepted(await owner.send(create));
    isAccepted(await sharer.send(dryRun(post(core(P, resource), content(label, 'new')))));
    isAccepted(await sharer.send(dryRun(post(core(SYSTEM, resource), content({}, 'new')))));
    isAccepted(await sharer.send(dryRun(post(core(SYSTEM, resource), content({ 'paddock.dev/shared': 'no' }, 'new')))));
  });

  test.each(WAYS)('(%s) change content, or become shared, only by one who may', async (_what, way) => {
    for (const [name, at, value] of [
      ['shared-here', ['data'], { a: 'Yg==' }],
      ['private', ['metadata', 'labels'], label],
    ] as const) {
      const path = `${core(SYSTEM, resource)}/${name}`;
      const request = dryRun(way({ path, current: await hub.read(path), at, value }));
      isRefused(await sharer.send(request), refused);
      isAccepted(await owner.send(request));
    }
    const path = `${core(SYSTEM, resource)}/shared-here`;
    const unshared = {
      path,
      current: await hub.read(path),
      at: ['metadata', 'labels', 'paddock.dev/shared'],
      value: '',
    };
    isAccepted(await sharer.send(dryRun(way(unshared))));
  });
});

test('it is the policy that refuses', async () => {
  await hub.passesWithout('paddock-sharing-in-system', sharer, post(core(SYSTEM, 'secrets'), content(label, 'new')));
});
