import { beforeEach, expect, test } from '@jest/globals';
import type { Project } from '#api';
import type { Informer, InformerHandler } from '#runtime';
import { aProject, aSecret } from '../../test/support/objects.ts';
import { Plans } from './plans.ts';
import type { SharedObjects } from './shared.ts';

const KEY = 'c-edge-1/payments';
let handlers: InformerHandler<Project>[];
let changed: (projectKey: string) => void;
let plans: Plans;

/** The Project as it is read anew, with this uid and status. */
const read = (uid: string, status: Project['status'] = {}): Project => {
  const project = aProject({ name: 'payments', cluster: 'edge-1' });
  return { ...project, metadata: { ...project.metadata, uid }, status };
};

beforeEach(() => {
  handlers = [];
  const projects = { subscribe: (handler: InformerHandler<Project>) => handlers.push(handler) };
  const shared: SharedObjects = {
    of: () => [{ kind: 'Secret', source: aSecret('db').build('p-edge-1--payments') }],
    homeState: () => 'ours',
    isKnown: () => true,
    whenSynced: async () => undefined,
    subscribe: listener => {
      changed = listener;
    },
  };
  plans = new Plans({ projects: projects as unknown as Informer<Project>, shared, hub: () => 'hub-uid' });
});

test('a project that is read anew shares the very same templates: copies known to equal them are not compared again', () => {
  const before = plans.get(read('uid-1'));
  const project = read('uid-1', { shared: { objects: 1, copies: 7, pending: 0, conflicts: [] } });

  const after = plans.get(project);

  expect(before.templates).toHaveLength(1);
  expect(after.templates).toBe(before.templates);
  expect(after.project).toBe(project);
});

test('what it shares is computed anew when one of the objects has changed', () => {
  const before = plans.get(read('uid-1'));
  changed(KEY);
  expect(plans.get(read('uid-1')).templates).not.toBe(before.templates);
});

test('another project of the same name gives its own owner mark', () => {
  const [before, after] = [plans.get(read('uid-1')), plans.get(read('uid-2'))];
  const uidOf = (plan: typeof before) => JSON.stringify(plan.templates).match(/uid-\d/)?.[0];
  expect([uidOf(before), uidOf(after)]).toEqual(['uid-1', 'uid-2']);
});

test('a project that is gone is forgotten', () => {
  const project = read('uid-1');
  const before = plans.get(project);
  for (const handler of handlers) handler.deleted(project);
  expect(plans.get(project).templates).not.toBe(before.templates);
});
