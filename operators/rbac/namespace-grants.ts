import { isReservedNamespace } from '#api';
import { isTerminating, membershipOf } from '../engagement/membership.ts';
import { RoleBindings } from '../engagement/rbac-kinds.ts';
import type { Conflict } from './converge.ts';
import { boundRole, roleName, templateOf } from './desired.ts';
import { BY_NAMESPACE, type GrantScope } from './grant-scope.ts';
import { NO_SHARE, type Place } from './grants.ts';
import { hold } from './holding.ts';
import { subjectKey } from './subjects.ts';
import { phaseOf } from './template-grants.ts';

/**
 * Brings the RoleBindings of one namespace to what the bindings of its project say. Of one that is Terminating those
 * that a finalizer keeps are in force, and nothing can be made there.
 */
export async function reconcileNamespace(scope: GrantScope, namespace: string): Promise<Conflict[]> {
  if (isReservedNamespace(namespace)) return [];
  const { says, cluster, hub, bindings, namespaces } = scope;
  const object = namespaces.get({ name: namespace });
  if (!object) return [];
  const project = membershipOf(object);
  const place = servedBy(scope, namespace);
  const existing = bindings.byIndex(BY_NAMESPACE, namespace).filter(binding => templateOf(binding) !== undefined);
  const templates = new Set([
    ...existing.map(binding => templateOf(binding) ?? ''),
    ...(place ? says.templatesIn(place) : []),
  ]);
  const origin = { cluster: cluster.name, hub };
  const held = await Promise.all(
    [...templates].map(template =>
      hold(
        { ...scope, origin, phase: phaseOf(scope, template) },
        {
          type: RoleBindings,
          namespace,
          project,
          base: roleName(template),
          template,
          role: { kind: 'ClusterRole', name: boundRole(says.book, template) },
          share: place ? says.share(place, template) : NO_SHARE,
          existing: existing.filter(binding => templateOf(binding) === template),
          narrowOnly: isTerminating(object),
        },
      ),
    ),
  );
  return held.flat();
}

type Known = Pick<GrantScope, 'says' | 'cluster' | 'bindings' | 'limits' | 'namespaces'>;

/** Whether somebody is to be given a role in the namespace who does not have it there. */
export function givesAnew(scope: Known, namespace: string): boolean {
  const { says, bindings } = scope;
  const place = servedBy(scope, namespace);
  if (!place) return false;
  const existing = bindings.byIndex(BY_NAMESPACE, namespace);
  return says.templatesIn(place).some(template => {
    const present = existing
      .filter(binding => templateOf(binding) === template)
      .flatMap(({ subjects = [] }) => subjects);
    const have = new Set(present.map(subjectKey));
    return says.share(place, template).granted.some(subject => !have.has(subjectKey(subject)));
  });
}

/** By whose bindings people have roles in the namespace; undefined where nobody has. */
function servedBy({ cluster, limits, namespaces }: Known, namespace: string): Place | undefined {
  const project = membershipOf(namespaces.get({ name: namespace }));
  if (project === undefined || limits.beyond(project).has(namespace)) return undefined;
  return { cluster: cluster.name, project };
}
