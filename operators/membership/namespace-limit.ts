import { ANNOTATION_PROJECT_UID, type Project } from '#api';
import type { KubeObject } from '#runtime';

/** What `spec.namespaceLimit` is where an API server of before does not fill it in. */
const DEFAULT_LIMIT = 100;

/** Most namespaces that a Project serves. */
export function namespaceLimitOf({ spec }: Pick<Project, 'spec'>): number {
  return spec.namespaceLimit ?? DEFAULT_LIMIT;
}

/**
 * The names of members beyond a Project's limit, in order of joining: first those that the project operator saw join,
 * which annotation `paddock.dev/project-uid` records, then the others; among them by creation, then by name. So a
 * namespace that joins never takes the place of another, however old it is.
 */
export function beyondLimit(
  members: readonly KubeObject[],
  project: Pick<Project, 'spec' | 'metadata'>,
): ReadonlySet<string> {
  const limit = namespaceLimitOf(project);
  if (members.length <= limit) return NONE;
  const { uid } = project.metadata;
  const order = (one: KubeObject, other: KubeObject) =>
    Number(hasJoined(other, uid)) - Number(hasJoined(one, uid)) ||
    compare(createdAt(one), createdAt(other)) ||
    compare(nameOf(one), nameOf(other));
  return new Set([...members].sort(order).slice(limit).map(nameOf));
}

const NONE: ReadonlySet<string> = new Set();

/** Whether the project operator saw the namespace join the Project of this uid. */
export function hasJoined({ metadata }: KubeObject, uid: string | undefined): boolean {
  return !!uid && metadata?.annotations?.[ANNOTATION_PROJECT_UID] === uid;
}

const nameOf = ({ metadata }: KubeObject): string => metadata?.name ?? '';
const createdAt = ({ metadata }: KubeObject): string => `${metadata?.creationTimestamp ?? ''}`;
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
