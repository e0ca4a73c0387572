import { parseProjectNamespace, type RoleTemplateBinding } from '#api';
import type { Watched } from '#runtime';

/**
 * Subjects that the bindings in one `p-<cluster>--<project>` name together at most. Each user is an account and two objects
 * of RBAC on the cluster, which its API server looks through at every request, and people of the project write bindings
 * there.
 */
export const MOST_SUBJECTS = 5_000;

const BY_HOME = 'home';

/** Which bindings name more subjects than fit, the oldest first, then by name; each whole or not at all. */
export class SubjectBounds {
  readonly #bindings: Watched<RoleTemplateBinding>;
  /** By namespace: of what it was computed, and the outcome. */
  readonly #known = new Map<string, { readonly of: readonly RoleTemplateBinding[]; readonly beyond: Beyond }>();

  constructor(bindings: Watched<RoleTemplateBinding>) {
    this.#bindings = bindings;
    bindings.addIndex(BY_HOME, binding => homeOf(binding));
  }

  isBeyond(binding: RoleTemplateBinding): boolean {
    const [home] = homeOf(binding);
    if (home === undefined) return false;
    const of = this.#bindings.byIndex(BY_HOME, home);
    const known = this.#known.get(home);
    const isSame = known?.of.length === of.length && known.of.every((each, index) => each === of[index]);
    const beyond = isSame ? known.beyond : beyondBounds(of);
    if (!isSame) this.#known.set(home, { of, beyond });
    return beyond.has(keyIn(binding));
  }

  /** Whether others may fit now that did not, or the other way round. */
  concernsOthers(binding: RoleTemplateBinding, old = binding): boolean {
    const [home] = homeOf(binding);
    if (home === undefined) return false;
    const all = this.#bindings.byIndex(BY_HOME, home);
    const total = all.reduce((sum, { spec }) => sum + spec.subjects.length, 0);
    return total + Math.max(binding.spec.subjects.length, old.spec.subjects.length) > MOST_SUBJECTS;
  }
}

/** Names of bindings of one namespace. */
type Beyond = ReadonlySet<string>;

export function beyondBounds(bindings: readonly RoleTemplateBinding[]): Beyond {
  const beyond = new Set<string>();
  let count = 0;
  for (const binding of [...bindings].sort(byAge)) {
    const more = binding.spec.subjects.length;
    if (count + more <= MOST_SUBJECTS) count += more;
    else beyond.add(keyIn(binding));
  }
  return beyond;
}

export function tooManySubjects({ metadata }: RoleTemplateBinding) {
  return {
    reason: 'TooManySubjects',
    message: `the bindings in namespace ${metadata.namespace} name more than ${MOST_SUBJECTS} subjects, and this one is beyond that, the oldest first: name a group instead, or delete others`,
  };
}

function homeOf({ metadata: { namespace = '' } }: RoleTemplateBinding): string[] {
  return parseProjectNamespace(namespace) ? [namespace] : [];
}

function byAge(a: RoleTemplateBinding, b: RoleTemplateBinding): number {
  return compare(createdAt(a), createdAt(b)) || compare(keyIn(a), keyIn(b));
}

const keyIn = ({ metadata }: RoleTemplateBinding): string => metadata.name ?? '';
/** RFC 3339 in UTC and seconds, as the API server writes it: in order of time. */
const createdAt = ({ metadata }: RoleTemplateBinding): string => `${metadata.creationTimestamp ?? ''}`;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
