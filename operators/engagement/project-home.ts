import type { Project } from '#api';
import { findCondition } from '#runtime';

/** Of the condition Ready, where the namespace is not the project's own: an agent may not read there, and nobody binds there. */
const HOMELESS = ['NamespacePending', 'NamespaceConflict'];

/** The hub has said that the project's namespace is not its own, and nobody has said anything since. */
export function isHomeless({ status }: Project): boolean {
  return HOMELESS.includes(findCondition(status?.conditions, 'Ready')?.reason ?? '');
}

/**
 * The hub has made the project's namespace, and so is about to let the cluster's agent read there. Before that, while one
 * of that name is on its way out for instance, the agent would be refused again and again, and ask ever later.
 */
export function hasHome(project: Project): boolean {
  return project.status?.namespace !== undefined && !isHomeless(project);
}
