import type { ClusterAccess } from '#api';
import { findCondition } from '#runtime';
import { endOf } from './access-token.ts';

/** Valid ClusterAccesses that a person has on a cluster at most. */
export const MOST_VALID = 5;
/** How long a ClusterAccess that has expired, or is one too many, stays for its person to read why [ms]. */
const KEPT_MS = 600_000;

/** Whether there are as many valid accesses before this one, by creation and then name, as a person may have. */
export function isSurplus(access: ClusterAccess, valid: Iterable<ClusterAccess>): boolean {
  let before = 0;
  for (const other of valid) {
    if (other.metadata.uid === access.metadata.uid || !precedes(other, access)) continue;
    before += 1;
    if (before >= MOST_VALID) return true;
  }
  return false;
}

function precedes({ metadata: a }: ClusterAccess, { metadata: b }: ClusterAccess): boolean {
  const [left, right] = [a, b].map(({ creationTimestamp }) => Date.parse(String(creationTimestamp)));
  if (left !== right) return (left ?? 0) < (right ?? 0);
  return (a.name ?? '') < (b.name ?? '');
}

/** Refused, since its person has enough of them. */
export function isTooMany({ status }: ClusterAccess): boolean {
  return findCondition(status?.conditions, 'Ready')?.reason === 'TooMany';
}

/** When an access that is over is deleted [ms since 1970]; undefined of one that its person deletes. */
export function deletionDue(access: ClusterAccess): number | undefined {
  const ready = findCondition(access.status?.conditions, 'Ready');
  if (ready?.reason === 'TooMany') return Date.parse(ready.lastTransitionTime) + KEPT_MS;
  if (ready?.reason !== 'Expired') return undefined;
  // the status of one that was never issued has not changed when it expired
  return Math.max(Date.parse(ready.lastTransitionTime), endOf(access)) + KEPT_MS;
}
