import type { Conflict } from './conflicts.ts';

/** What a condition's message has room for here; Kubernetes takes 32,768. */
export const MESSAGE_LENGTH = 1_000;

/** The first of several troubles, in words, and how many more there are. `where` says where to read of those. */
export function firstOf<T>(items: readonly [T, ...T[]], describe: (item: T) => string, where = ''): string {
  const more = items.length - 1;
  return `${describe(items[0])}${more > 0 ? ` (and ${more} more${where})` : ''}`.slice(0, MESSAGE_LENGTH);
}

export function isSome<T>(items: readonly T[]): items is readonly [T, ...T[]] {
  return items.length > 0;
}

export function describeConflict({ kind, namespace, name, message }: Conflict): string {
  return `${kind} ${namespace}/${name}: ${message}`;
}
