import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_OWNER, LABEL_PROJECT, ProjectResource, type ProjectSpec } from '#api';
import { Namespaces } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../../operators/engagement/policy-kinds.ts';
import { patch } from '../integration/agent-requests.ts';
import { dryRun, isRefused, NAMESPACES } from '../integration/policy-hub.ts';
import { AccessFleet, user } from '../support/access-fleet.ts';
import { eventuallyPasses } from '../support/eventually.ts';
import type { Person } from '../support/person.ts';
import { policiesOnEdge } from './guard.ts';

const WITHIN = { timeoutMs: 20_000 };
const LIMITED = {
  resourceQuota: { hard: { pods: '100' }, namespaceDefault: { pods: '3' } },
  containerDefaults: { limits: { cpu: '1' } },
  networkIsolation: { enabled: true },
} as const satisfies ProjectSpec;

let fleet: AccessFleet;
/** Owns project tight, and ghost, which is deleted while her binding there is not. */
let olga: Person;

beforeAll(async () => {
  fleet = await AccessFleet.start();
  await policiesOnEdge(fleet.fleet);
  olga = fleet.person('olga');
  await fleet.project('tight', [], LIMITED);
  await fleet.project('ghost');
  await fleet.bind('olga-tight', 'project-owner', [user('olga')], { project: 'tight' });
  const ghost = await fleet.bind('olga-ghost', 'project-owner', [user('olga')], { project: 'ghost' });
  await ghost.condition('Ready', 'True');
  await fleet.hub.delete(ProjectResource, { namespace: 'c-edge-1', name: 'ghost' });
  await ghost.condition('Ready', 'False', 'ProjectNotFound');
}, 120_000);

afterAll(() => fleet?.stop());

const limitsOf = async (namespace: string) => {
  const types = [LimitRanges, NetworkPolicies, ResourceQuotas];
  const found = await Promise.all(types.map(type => fleet.downstream.find(type, { namespace, name: 'paddock' })));
  return found.filter(limit => limit !== undefined).map(({ metadata }) => metadata?.labels?.[LABEL_OWNER]);
};
const TIGHT = ['project.tight', 'project.tight', 'project.tight'];

const MANAGES_GHOST = { verb: 'manage-namespaces', group: 'paddock.dev', resource: 'projects', name: 'ghost' };

test('nobody has rights on the name of a project that is not there, and they come back with it', async () => {
  await fleet.member('tight-0', 'tight');
  await fleet.until(true, olga, 'update namespaces', 'tight-0');

  await fleet.until(false, olga, MANAGES_GHOST);
  expect(await olga.may({ ...MANAGES_GHOST, verb: 'create-in-project' })).toBe(false);
  const move = patch(`${NAMESPACES}/tight-0`, { metadata: { labels: { [LABEL_PROJECT]: 'ghost' } } });
  isRefused(await olga.send(move), /manage-namespaces on projects.paddock.dev "ghost"/);

  await fleet.project('ghost');
  await fleet.until(true, olga, MANAGES_GHOST);
  expect((await olga.send(dryRun(move))).status).toBe(200);
  await fleet.hub.delete(ProjectResource, { namespace: 'c-edge-1', name: 'ghost' });
  await fleet.until(false, olga, MANAGES_GHOST);
});

// as who did it before her rights were taken
test('in a namespace that moved to a project that is not there nobody has rights, and its limits stay', async () => {
  await fleet.member('tight-1', 'tight');
  await fleet.until(true, olga, 'create pods', 'tight-1');
  await eventuallyPasses(async () => expect(await limitsOf('tight-1')).toEqual(TIGHT), {
    ...WITHIN,
    what: 'the limits are there',
  });

  const metadata = { labels: { [LABEL_PROJECT]: 'ghost' } };
  await fleet.downstream.mergePatch(Namespaces, { name: 'tight-1' }, { metadata });

  await fleet.until(false, olga, 'create pods', 'tight-1');
  // what is looked at later has been looked at
  await fleet.member('tight-2', 'tight');
  await eventuallyPasses(async () => expect(await limitsOf('tight-2')).toEqual(TIGHT), {
    ...WITHIN,
    what: 'the limits of another namespace are there',
  });
  expect(await limitsOf('tight-1')).toEqual(TIGHT);
  expect(await olga.may('create pods', 'tight-1')).toBe(false);
});
