import { ANNOTATION_PROJECT_UID, type Project } from '#api';
import { isProtectedNamespace, type MemberNamespace, membershipOf } from '../engagement/membership.ts';
import { hasJoined } from '../membership/namespace-limit.ts';

/**
 * What a deleted Project with deletionPolicy Delete does with a member: `delete` it, or detach it as `protected`, or
 * detach it as `inDoubt`. The label alone proves nothing: it may have named the Project before there was one, and then
 * whoever makes a Project of that name would have others' namespaces deleted.
 */
export type Fate = 'delete' | 'protected' | 'inDoubt';

export function fateOf({ metadata: project }: Project, namespace: MemberNamespace): Fate {
  const { name = '', creationTimestamp } = namespace.metadata ?? {};
  if (isProtectedNamespace(name)) return 'protected';
  if (hasJoined(namespace, project.uid)) return 'delete';
  return isAfter(creationTimestamp, project.creationTimestamp) ? 'delete' : 'inDoubt';
}

/** The annotation, where a namespace has it of this Project. */
export function joinedNote(
  { metadata: project }: Project,
  namespace: MemberNamespace,
): Readonly<Record<string, string>> {
  const { uid = '' } = project;
  return hasJoined(namespace, uid) ? { [ANNOTATION_PROJECT_UID]: uid } : {};
}

/** By the stamps of two servers, in whole seconds: the same second is not after. */
function isAfter(stamp: unknown, other: unknown): boolean {
  if (typeof stamp !== 'string' || typeof other !== 'string') return false;
  return Date.parse(stamp) > Date.parse(other);
}

/**
 * The namespaces of a cluster that joined a Project before the operator's eyes, until the annotation on them says so.
 * What was a member already when the cluster was read, or when the Project came, was not seen to join it.
 */
export class SeenJoining {
  readonly #projects = new Map<string, string>();

  /** Takes a change of a namespace; `project` is the one that it names now, as the hub has it at this moment. */
  observe(
    now: MemberNamespace,
    old: MemberNamespace | undefined,
    { initial, project }: { readonly initial: boolean; readonly project: Project | undefined },
  ): void {
    const { uid = '' } = now.metadata ?? {};
    const isSame = old?.metadata?.uid === now.metadata?.uid && membershipOf(old) === membershipOf(now);
    if (!initial && !isSame && project?.metadata.uid && !project.metadata.deletionTimestamp)
      this.#projects.set(uid, project.metadata.uid);
    else if (!isSame || now.metadata?.annotations?.[ANNOTATION_PROJECT_UID] === this.#projects.get(uid))
      this.#projects.delete(uid);
  }

  forget({ metadata }: MemberNamespace): void {
    this.#projects.delete(metadata?.uid ?? '');
  }

  /** The annotation that a member is to have: the one that it has of this Project, or one that it earned by joining. */
  annotations(project: Project, namespace: MemberNamespace): Readonly<Record<string, string>> {
    const { uid = '' } = project.metadata;
    const joined = uid !== '' && this.#projects.get(namespace.metadata?.uid ?? '') === uid;
    return joined ? { [ANNOTATION_PROJECT_UID]: uid } : joinedNote(project, namespace);
  }
}
