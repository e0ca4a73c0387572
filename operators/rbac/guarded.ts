import { jsonEqual } from '#runtime';
import type { PolicyRule } from '../engagement/rbac-kinds.ts';
import type { TemplateBook } from './templates.ts';

/** Verbs that the policies on namespaces are asked about. */
const GUARDED_VERBS = ['create', 'update', 'patch', '*'];
const UNGUARDED_VERBS_OF_ALL = ['get', 'list', 'watch'];
const GUARDED_RESOURCES = ['namespaces', 'namespaces/status', 'namespaces/finalize', '*', '*/status', '*/finalize'];
/** Who holds these on every project is refused nothing by the policies on namespaces. */
const VERBS_OF_ALL_PROJECTS = ['manage-namespaces', 'update-pod-security'];

/**
 * Of rules what may be given on a cluster that was not seen to enforce its admission policies: writing namespaces is
 * left out, since without the policies it means every project and every level of pod security. A rule on all resources
 * is narrowed to reading. Rules that come with all projects are whole: the policies would refuse nothing.
 */
export function unguarded(rules: readonly PolicyRule[], context: string | undefined): PolicyRule[] {
  if (context === 'Cluster' && holdsAllProjects(rules)) return [...rules];
  return rules.flatMap(withoutGuarded);
}

/** Whether rules allow something that only the policies hold within bounds. */
export function isGuarded(rules: readonly PolicyRule[], context: string | undefined): boolean {
  return !jsonEqual(unguarded(rules, context), rules);
}

/**
 * The rules of a role while nothing guarded may be given: what of the wanted ones is guarded stays where it is already,
 * and comes nowhere. In the order of the wanted ones, so that what is right is not written again.
 */
export function withheldRules(
  wanted: readonly PolicyRule[],
  present: readonly PolicyRule[],
  context: string | undefined,
): PolicyRule[] {
  if (context === 'Cluster' && holdsAllProjects(wanted)) return [...wanted];
  return wanted.flatMap(rule => (present.some(other => jsonEqual(other, rule)) ? [rule] : withoutGuarded(rule)));
}

/** Of the present rules what the wanted ones allow as well. */
export function narrowedRules(present: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const subject = ({ verbs: _verbs, ...rest }: PolicyRule) => rest;
  return present.flatMap(rule => {
    const same = wanted.filter(other => jsonEqual(subject(rule), subject(other)));
    const verbs = rule.verbs.filter(verb => same.some(other => other.verbs.includes(verb)));
    return verbs.length === 0 ? [] : [{ ...rule, verbs }];
  });
}

/** Whether a template allows something, or may, that only the policies hold within bounds. */
export function isGuardedTemplate(book: TemplateBook, template: string): boolean {
  const spec = book.get(template)?.spec;
  if (spec?.clusterRoleRef !== undefined) return true; // whose rules are not known here
  if (book.projectVerbs(template).length > 0) return true;
  const rules = book.parts(template).flatMap(part => book.get(part)?.spec.rules ?? []);
  return isGuarded(rules, spec?.context);
}

function withoutGuarded(rule: PolicyRule): PolicyRule[] {
  const { apiGroups = [], resources = [], verbs } = rule;
  const isOfCore = apiGroups.includes('') || apiGroups.includes('*');
  if (!isOfCore || !verbs.some(verb => GUARDED_VERBS.includes(verb))) return [rule];
  const guarded = resources.filter(resource => GUARDED_RESOURCES.includes(resource));
  if (guarded.length === 0) return [rule];
  const others = resources.filter(resource => !GUARDED_RESOURCES.includes(resource));
  const left = verbs.includes('*') ? UNGUARDED_VERBS_OF_ALL : verbs.filter(verb => !GUARDED_VERBS.includes(verb));
  return [
    ...(others.length > 0 ? [{ ...rule, resources: others }] : []),
    ...(left.length > 0 ? [{ ...rule, resources: guarded, verbs: left }] : []),
  ];
}

function holdsAllProjects(rules: readonly PolicyRule[]): boolean {
  const names = (list: readonly string[] | undefined, name: string) =>
    list?.some(each => each === name || each === '*') ?? false;
  return VERBS_OF_ALL_PROJECTS.every(verb =>
    rules.some(
      ({ verbs, apiGroups, resources, resourceNames = [] }) =>
        names(verbs, verb) &&
        names(apiGroups, 'paddock.dev') &&
        names(resources, 'projects') &&
        resourceNames.length === 0,
    ),
  );
}
