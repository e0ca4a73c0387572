import { describe, expect, test } from '@jest/globals';
import type { RoleTemplateBinding } from '#api';
import { aBindingOf } from '../../test/support/access-objects.ts';
import { type BindingStatusInput, bindingStatusOf } from './binding-status.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const OFFLINE = { reason: 'ClusterNotConnected', message: 'cluster edge-1 is not connected' };

function statusOf(binding: RoleTemplateBinding, rest: Partial<BindingStatusInput> = {}) {
  return bindingStatusOf({
    binding,
    clusters: ['edge-1'],
    pending: [],
    obstacle: undefined,
    paused: false,
    now: NOW,
    ...rest,
  });
}

/** The binding after this status was written. */
function written(binding: RoleTemplateBinding, rest: Partial<BindingStatusInput> = {}): RoleTemplateBinding {
  const status = statusOf(binding, rest);
  return status ? { ...binding, status } : binding;
}

const types = (status: ReturnType<typeof statusOf>) =>
  status?.conditions?.map(({ type, status: is }) => `${type}=${is}`);

test('a binding in force says so once', () => {
  const binding = aBindingOf(['anna']);
  const status = statusOf(binding);
  expect(types(status)).toEqual(['Ready=True']);
  expect(status?.clusters).toEqual({ total: 1, bound: 1, pending: [] });
  expect(statusOf(written(binding))).toBeUndefined();
});

describe('RevocationPending', () => {
  const isPending = (binding: RoleTemplateBinding) =>
    types(statusOf(binding, { pending: ['edge-1'], obstacle: OFFLINE }) ?? binding.status)?.includes(
      'RevocationPending=True',
    );

  test('is not said of a binding that was never in force', () => {
    expect(isPending(aBindingOf(['anna']))).toBe(false);
  });

  test('is not said of one that was confirmed as it is', () => {
    expect(isPending(written(aBindingOf(['anna'])))).toBe(false);
  });

  test('is said of one that changed since, and as long as it is not confirmed', () => {
    const confirmed = written(aBindingOf(['anna', 'bert']));
    const changed = { ...confirmed, metadata: { ...confirmed.metadata, generation: 2 } };
    expect(isPending(changed)).toBe(true);
    const told = written(changed, { pending: ['edge-1'], obstacle: OFFLINE });
    expect(isPending(told)).toBe(true);
    const condition = told.status?.conditions?.find(({ type }) => type === 'RevocationPending');
    expect(condition?.message).toContain('edge-1 has not confirmed');
    expect(types(statusOf(told))).toEqual(['Ready=True']);
  });

  test('is said of one that is being deleted', () => {
    const deleted = written(aBindingOf(['anna']));
    expect(
      isPending({ ...deleted, metadata: { ...deleted.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    ).toBe(true);
  });
});

test('of many clusters that are waited for some are named, a hundred in the list', () => {
  const clusters = Array.from({ length: 120 }, (_, index) => `site-${String(index).padStart(3, '0')}`);
  const status = statusOf(aBindingOf(['anna']), { clusters, pending: clusters.slice(0, 110) });
  expect(status?.clusters).toMatchObject({ total: 120, bound: 10 });
  expect(status?.clusters?.pending).toHaveLength(100);
  expect(status?.conditions?.[0]?.message).toContain('site-004 and 105 others');
});

test('an obstacle that only somebody can remove is Stalled', () => {
  const obstacle = { reason: 'RoleTemplateNotFound', message: 'RoleTemplate "reader" does not exist', stalled: true };
  expect(types(statusOf(aBindingOf(['anna']), { pending: ['edge-1'], obstacle }))).toEqual([
    'Ready=False',
    'Stalled=True',
  ]);
});
