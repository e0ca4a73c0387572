import { expect, test } from '@jest/globals';
import type { ProjectStatus } from '#api';
import { aProject } from '../../test/support/objects.ts';
import type { Facts } from './status.ts';
import { firstStatusAfterMs, statusAfterMs } from './status-pace.ts';

test.each([
  ['no project', undefined, 250],
  ['no status', {}, 250],
  ['few copies', { namespaces: { total: 20, names: [] }, shared: { objects: 3 } }, 250],
  ['hundreds of copies', { namespaces: { total: 200, names: [] }, shared: { objects: 3 } }, 600],
  ['thousands of copies', { namespaces: { total: 5_000, names: [] }, shared: { objects: 3 } }, 1_000],
])('%s: the status waits', (_, status, ms) => {
  const project = status && { ...aProject({ name: 'payments', cluster: 'edge-1' }), status };
  expect(statusAfterMs(project)).toBe(ms);
});

const facts: Facts = {
  names: ['web'],
  beyond: { names: [], limit: 100 },
  objects: 1,
  copies: 0,
  pending: 1,
  conflicts: [],
  quota: undefined,
  policyConflicts: [],
  unruled: [],
};
const complete = { ...facts, copies: 1, pending: 0 };
const AT = Date.parse('2026-01-01T12:00:00Z');
const ready = { type: 'Ready', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T12:00:00Z' };

test.each<[string, number, Facts, boolean, Partial<ProjectStatus>, number | undefined]>([
  ['of an incomplete project waits', 1_900, facts, false, {}, 250],
  ['of a complete one does not', 0, complete, true, {}, undefined],
  ['is written after 2 s where nothing more is about to be done', 2_000, facts, false, {}, undefined],
  ['waits longer while the cluster is written to', 9_900, facts, true, {}, 250],
  ['but not for ever', 10_000, facts, true, {}, undefined],
  ['of a project from the future does not wait', -1, facts, true, {}, undefined],
  [
    'is the first, so the next ones do not wait',
    0,
    facts,
    true,
    { conditions: [{ ...ready, status: 'False' }] },
    undefined,
  ],
  ['is still the first where only the ledger was written', 0, facts, true, { quota: { hard: {} } }, 250],
])('the first status %s', (_, age, seen, isBusy, status, ms) => {
  const project = aProject({ name: 'payments', cluster: 'edge-1' });
  const made = { ...project, metadata: { ...project.metadata, creationTimestamp: '2026-01-01T12:00:00Z' }, status };
  expect(firstStatusAfterMs(made, seen, { isBusy }, AT + age)).toBe(ms);
});
