import { describe, expect, test } from '@jest/globals';
import { findCondition, isConditionTrue, mergeConditions, microTimestamp, timestamp } from './conditions.ts';

const ready = { type: 'Ready', status: 'True', reason: 'Done', message: 'All is well.' } as const;
const failed = { type: 'Ready', status: 'False', reason: 'Broken', message: 'Repair it.' } as const;
const NOON = Date.UTC(2026, 0, 1, 12);
const LATER = NOON + 90_500;

describe('mergeConditions', () => {
  test('a new condition changed now', () => {
    expect(mergeConditions(undefined, [ready], { now: NOON, observedGeneration: 3 })).toEqual([
      { ...ready, lastTransitionTime: '2026-01-01T12:00:00Z', observedGeneration: 3 },
    ]);
  });

  test('the time stays while the status does, whatever else changes', () => {
    const before = mergeConditions([], [ready], { now: NOON });
    const after = mergeConditions(before, [{ ...ready, reason: 'StillDone' }], { now: LATER, observedGeneration: 4 });
    expect(after).toEqual([
      { ...ready, reason: 'StillDone', lastTransitionTime: '2026-01-01T12:00:00Z', observedGeneration: 4 },
    ]);
    expect(mergeConditions(before, [ready], { now: LATER })).toEqual(before);
  });

  test('the time moves with the status', () => {
    const before = mergeConditions([], [ready], { now: NOON });
    const [after] = mergeConditions(before, [failed], { now: LATER });
    expect(after?.lastTransitionTime).toBe('2026-01-01T12:01:30Z');
  });

  test('only what is wanted is written, in that order', () => {
    const before = mergeConditions([], [ready, { ...ready, type: 'Stalled' }], { now: NOON });
    const wanted = [{ ...ready, type: 'Paused' }, ready];
    expect(mergeConditions(before, wanted, { now: LATER }).map(({ type }) => type)).toEqual(['Paused', 'Ready']);
  });
});

test('conditions are found by type', () => {
  const conditions = mergeConditions([], [ready, { ...failed, type: 'Other' }], { now: NOON });
  expect(findCondition(conditions, 'Other')?.reason).toBe('Broken');
  expect(findCondition(undefined, 'Other')).toBeUndefined();
  expect(isConditionTrue(conditions, 'Ready')).toBe(true);
  expect(isConditionTrue(conditions, 'Other')).toBe(false);
  expect(isConditionTrue(undefined, 'Ready')).toBe(false);
});

test('times are those of metav1.Time and metav1.MicroTime', () => {
  expect(timestamp(LATER)).toBe('2026-01-01T12:01:30Z');
  expect(microTimestamp(LATER)).toBe('2026-01-01T12:01:30.500000Z');
});
