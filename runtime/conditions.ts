import { printable } from './printable.ts';

/** Of a message as much as is written, in UTF-16 units; the API takes 32,768 characters. */
const LONGEST_MESSAGE = 8_192;

/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  /** A sentence that says what to do. */
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** A condition as its writer knows it; time and generation are filled in by {@link mergeConditions}. */
export type ConditionIntent = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions to write: `lastTransitionTime` is kept where the status did not change, so that an
 * unchanged condition is written as it was. Conditions not named in `wanted` are left out. Messages are made printable and
 * bounded: of names that others chose, one that is refused would keep the whole status from being written.
 */
export function mergeConditions(
  current: readonly Condition[] | undefined,
  wanted: readonly ConditionIntent[],
  options: { readonly now: number; readonly observedGeneration?: number },
): Condition[] {
  const generation = options.observedGeneration === undefined ? {} : { observedGeneration: options.observedGeneration };
  return wanted.map(intent => {
    const before = findCondition(current, intent.type);
    const kept = before?.status === intent.status ? before.lastTransitionTime : timestamp(options.now);
    const message = printable(intent.message, LONGEST_MESSAGE);
    return { ...intent, message, lastTransitionTime: kept, ...generation };
  });
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find(condition => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** RFC 3339 with seconds, as metav1.Time. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as metav1.MicroTime. */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}

/** By their types: where several writers have a part in the list each, the server keeps no order. */
export function byType(conditions: readonly Condition[]): Condition[] {
  return conditions.toSorted((a, b) => (a.type < b.type ? -1 : 1));
}
