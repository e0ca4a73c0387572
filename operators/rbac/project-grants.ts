import { type BindingObject, ClusterRoleBindings, ClusterRoles, type RoleObject } from '../engagement/rbac-kinds.ts';
import { type Conflict, ensure } from './converge.ts';
import { type Origin, projectRole, projectRoleName } from './desired.ts';
import { BY_TEMPLATE, type GrantScope } from './grant-scope.ts';
import { NO_SHARE, type Share } from './grants.ts';
import { narrowedRules } from './guarded.ts';
import { drop, hold } from './holding.ts';

/** What a template says about projects, for one project: a ClusterRole that names it, and who has it. */
export async function reconcileProjectRole(scope: GrantScope, template: string, project: string): Promise<Conflict[]> {
  const { says, cluster, hub, isProven } = scope;
  const origin = { cluster: cluster.name, hub };
  const place = { cluster: cluster.name, project };
  return await holdOwnRole(
    { ...scope, origin, phase: isProven ? scope.phase : 'revoking' },
    {
      template,
      base: projectRoleName(template, project),
      role: projectRole(says.book, template, project, origin),
      // of a Project that is not there people keep what they have in its namespaces, and have nothing on its name
      share: says.isAbsent(place) ? NO_SHARE : says.share(place, template),
    },
  );
}

type OwnRoleScope = Pick<GrantScope, 'client' | 'says' | 'hub' | 'phase' | 'roles' | 'clusterBindings' | 'signal'> & {
  readonly origin: Origin;
};

interface OwnRole {
  readonly template: string;
  /** Name of the role, and of its binding. */
  readonly base: string;
  /** Undefined where the template asks for none. */
  readonly role: RoleObject | undefined;
  readonly share: Share;
}

/**
 * A ClusterRole of its own for a part of what a template says, which names one object, and who has it. Roles come before
 * bindings and go after them.
 */
export async function holdOwnRole(scope: OwnRoleScope, { template, base, role, share }: OwnRole): Promise<Conflict[]> {
  const { client, says, roles, clusterBindings, phase, signal, origin } = scope;
  const isOf = ({ metadata }: BindingObject) => metadata?.name === base || metadata?.name?.startsWith(`${base}:`);
  const existing = clusterBindings.byIndex(BY_TEMPLATE, template).filter(isOf);
  const known = roles.get({ name: base });
  const conflicts: (Conflict | undefined)[] = [];
  const isNeeded = share.granted.length > 0 || existing.length > 0;
  const wanted = phase === 'granting' ? role : role && known && narrowed(known, role);
  if (wanted && isNeeded) conflicts.push(await ensure(client, ClusterRoles, wanted, known, signal));
  const { ownerReferences } = role?.metadata ?? {};
  const goesWith = ownerReferences ? { ownerReferences } : {};
  const holding = { type: ClusterRoleBindings, base, template, existing, ...goesWith };
  const to = { kind: 'ClusterRole', name: base } as const;
  const given = role || !says.book.isReady(template) ? share : { granted: [], kept: new Set<string>() };
  conflicts.push(...(await hold({ ...scope, origin }, { ...holding, role: to, share: given })));
  const isLeft = clusterBindings.byIndex(BY_TEMPLATE, template).some(isOf);
  const isUnneeded = !role || (share.granted.length === 0 && share.kept.size === 0);
  if (!isLeft && isUnneeded) await drop(scope, ClusterRoles, known);
  return conflicts.filter(conflict => conflict !== undefined);
}

function narrowed(known: RoleObject, wanted: RoleObject): RoleObject {
  return { ...known, rules: narrowedRules(known.rules ?? [], wanted.rules ?? []) };
}
