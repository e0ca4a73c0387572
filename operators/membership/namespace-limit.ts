import { ANNOTATION_PROJECT_UID, type Project } from '#api';
import type { KubeObject } from '#runtime';
import { JoiningOrder } from './joining-order.ts';

/** What `spec.namespaceLimit` is where an API server of before does not fill it in. */
const DEFAULT_LIMIT = 100;

/** Most namespaces that a Project serves. */
export function namespaceLimitOf({ spec }: Pick<Project, 'spec'>): number {
  return spec.namespaceLimit ?? DEFAULT_LIMIT;
}

/**
 * The members of a Project in order of joining, of which its limit serves the first: those that the project operator saw
 * join, which annotation `paddock.dev/project-uid` records, then the others; among them by creation, then by name. So a
 * namespace that joins never takes the place of another, however old it is. Without a Project nobody is beyond a limit.
 */
export function orderOfJoining(
  members: readonly KubeObject[],
  project: Pick<Project, 'spec' | 'metadata'> | undefined,
): JoiningOrder<KubeObject> {
  const rank = (member: KubeObject) => rankOf(member, project?.metadata.uid);
  return new JoiningOrder({ limit: project ? namespaceLimitOf(project) : Number.POSITIVE_INFINITY, rank }, members);
}

/** The names of members beyond a Project's limit. */
export function beyondLimit(
  members: readonly KubeObject[],
  project: Pick<Project, 'spec' | 'metadata'>,
): ReadonlySet<string> {
  return orderOfJoining(members, project).beyond;
}

/** Whether the project operator saw the namespace join the Project of this uid. */
export function hasJoined({ metadata }: KubeObject, uid: string | undefined): boolean {
  return !!uid && metadata?.annotations?.[ANNOTATION_PROJECT_UID] === uid;
}

function rankOf(member: KubeObject, uid: string | undefined) {
  const { name = '', creationTimestamp } = member.metadata ?? {};
  return { name, first: hasJoined(member, uid), since: `${creationTimestamp ?? ''}` };
}
