import type { Project } from '#api';
import { type Controller, parseKey } from '#runtime';
import type { Plans } from './plans.ts';

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

/** One millisecond for each copy that its last status says there should be, within bounds. */
export function statusAfterMs(project: Project | undefined): number {
  const { namespaces, shared } = project?.status ?? {};
  return Math.min(LONGEST_MS, Math.max(STATUS_MS, (namespaces?.total ?? 0) * (shared?.objects ?? 0)));
}
