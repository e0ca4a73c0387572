import { isReservedNamespace } from '#api';
import { isTerminating, membershipOf } from '../engagement/membership.ts';
import { RoleBindings } from '../engagement/rbac-kinds.ts';
import type { Conflict } from './converge.ts';
import { boundRole, roleName, templateOf } from './desired.ts';
import { BY_NAMESPACE, type GrantScope } from './grant-scope.ts';
import { NO_SHARE } from './grants.ts';
import { hold } from './holding.ts';
import { phaseOf } from './template-grants.ts';

/**
 * Brings the RoleBindings of one namespace to what the bindings of its project say. Of one that is Terminating those
 * that a finalizer keeps are in force, and nothing can be made there.
 */
export async function reconcileNamespace(scope: GrantScope, namespace: string): Promise<Conflict[]> {
  if (isReservedNamespace(namespace)) return [];
  const { says, cluster, hub, bindings, limits, namespaces } = scope;
  const object = namespaces.get({ name: namespace });
  if (!object) return [];
  const project = membershipOf(object);
  const isServed = project !== undefined && !limits.beyond(project).has(namespace);
  const place = isServed ? { cluster: cluster.name, project } : undefined;
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
