import { RBAC_GROUP, type Subject } from '../engagement/rbac-kinds.ts';

/** Tells a subject from every other, and sorts by kind, namespace and name. */
export function subjectKey({ kind, namespace = '', name }: Pick<Subject, 'kind' | 'name' | 'namespace'>): string {
  return `${kind}/${namespace}/${name}`;
}

/** As RBAC stores it, so that what was read compares equal to what is wanted. */
export function rbacSubject({ kind, name, namespace }: Pick<Subject, 'kind' | 'name' | 'namespace'>): Subject {
  return kind === 'ServiceAccount' ? { kind, name, namespace: namespace ?? '' } : { kind, apiGroup: RBAC_GROUP, name };
}

/** Each once, in the order of {@link subjectKey}, so that one set of subjects is always one list. */
export function merged(subjects: Iterable<Pick<Subject, 'kind' | 'name' | 'namespace'>>): Subject[] {
  const byKey = new Map([...subjects].map(subject => [subjectKey(subject), subject]));
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subject]) => rbacSubject(subject));
}
