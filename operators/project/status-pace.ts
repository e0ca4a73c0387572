import type { Project } from '#api';
import { type Controller, findCondition, parseKey } from '#runtime';
import type { Plans } from './plans.ts';
import type { Facts } from './status.ts';

/** From a change to the status that shows it, and so between two of them, milliseconds at least. */
export const STATUS_MS = 250;
const LONGEST_MS = 1_000;

/**
 * Has the controller look at a project's status soon. A status counts every copy, so while they come in, those of a
 * project with many are written less often.
 */
export function statusChanges(controller: () => Controller, plans: Plans): (projectKey: string) => void {
  return key => controller().add(key, { afterMs: statusAfterMs(plans.projects.get(parseKey(key))) });
}

/**
 * How long the first status of a new project may wait for all to be in place, ms since the Project was made. While its
 * cluster is written to, as when hundreds come at once, nothing hinders it, and a status in between delays the others.
 */
const FIRST_MS = { idle: 2_000, busy: 10_000 };

/**
 * How soon to look again, instead of writing the first status of a project that is about to be complete; undefined when
 * it is to be written now. Told by the Project's age: of one from the future, by a clock that is wrong, it is written.
 */
export function firstStatusAfterMs(
  { metadata, status }: Project,
  facts: Facts,
  { isBusy }: { readonly isBusy: boolean },
  now: number,
): number | undefined {
  if (findCondition(status?.conditions, 'Ready')) return undefined;
  const isComplete = facts.pending + facts.unruled.length + (facts.quota?.pending.length ?? 0) === 0;
  const age = now - Date.parse(`${metadata.creationTimestamp}`);
  return !isComplete && age >= 0 && age < FIRST_MS[isBusy ? 'busy' : 'idle'] ? STATUS_MS : undefined;
}

/** One millisecond for each copy that its last status says there should be, within bounds. */
export function statusAfterMs(project: Project | undefined): number {
  const { namespaces, shared } = project?.status ?? {};
  return Math.min(LONGEST_MS, Math.max(STATUS_MS, (namespaces?.total ?? 0) * (shared?.objects ?? 0)));
}
