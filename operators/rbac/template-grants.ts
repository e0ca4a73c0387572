import { jsonEqual } from '#runtime';
import { AGGREGATE_PREFIX, ClusterRoleBindings, ClusterRoles, type RoleObject } from '../engagement/rbac-kinds.ts';
import { type Conflict, ensure, isRight } from './converge.ts';
import { boundRole, roleName, rulesName, templateRoles } from './desired.ts';
import { BY_TEMPLATE, type GrantScope, type Phase } from './grant-scope.ts';
import { isGuarded, withheldRules } from './guarded.ts';
import { drop, hold } from './holding.ts';

/** Keeps the ClusterRoles of a template as long as it is in use on the cluster, and who has it in all of the cluster. */
export async function reconcileTemplate(scope: GrantScope, template: string): Promise<Conflict[]> {
  const { says, cluster, hub, clusterBindings } = scope;
  const origin = { cluster: cluster.name, hub };
  const conflicts = await keepRoles(scope, template);
  const base = roleName(template);
  const existing = clusterBindings
    .byIndex(BY_TEMPLATE, template)
    .filter(({ metadata }) => !metadata?.name?.startsWith(`${base}:project:`));
  const held = await hold(
    { ...scope, origin, phase: phaseOf(scope, template) },
    {
      type: ClusterRoleBindings,
      base,
      template,
      role: { kind: 'ClusterRole', name: boundRole(says.book, template) },
      share: says.share({ cluster: cluster.name }, template),
      existing,
    },
  );
  await dropRoles(scope, template);
  return [...conflicts, ...held];
}

async function keepRoles(scope: GrantScope, template: string): Promise<Conflict[]> {
  const { client, says, cluster, hub, roles, phase, signal } = scope;
  if (!says.book.isReady(template)) return [];
  const wanted = templateRoles(says.book, template, { cluster: cluster.name, hub }).filter(
    ({ aggregationRule }) => isInUse(scope, template) && (!aggregationRule || isBound(scope, template)),
  );
  const conflicts: (Conflict | undefined)[] = [];
  for (const role of wanted) {
    const known = roles.get({ name: role.metadata?.name ?? '' });
    const next = phase === 'granting' ? provenPart(scope, template, role, known) : known && narrowed(known, role);
    if (next && !isRight(known, next)) conflicts.push(await ensure(client, ClusterRoles, next, known, signal));
  }
  return conflicts.filter(conflict => conflict !== undefined);
}

/**
 * Until the policies are proven, what they guard is not added to a role, and nobody is added to one that holds it, or
 * whose rules are not known here.
 */
export function phaseOf({ isProven, phase, says, roles }: GrantScope, template: string): Phase {
  if (isProven || phase === 'revoking') return phase;
  const { context, clusterRoleRef } = says.book.get(template)?.spec ?? {};
  if (clusterRoleRef !== undefined) return 'revoking';
  const rules = says.book.parts(template).flatMap(part => roles.get({ name: rulesName(part) })?.rules ?? []);
  return isGuarded(rules, context) ? 'revoking' : phase;
}

function provenPart(
  { isProven, says }: GrantScope,
  template: string,
  role: RoleObject,
  known: RoleObject | undefined,
): RoleObject {
  if (isProven || !role.rules) return role;
  const { context } = says.book.get(template)?.spec ?? {};
  return { ...role, rules: withheldRules(role.rules, known?.rules ?? [], context) };
}

/** What a role had and is to have still: of its rules, and of the templates that it counts for. */
function narrowed(known: RoleObject, wanted: RoleObject): RoleObject {
  const { labels: before = {} } = known.metadata ?? {};
  const { labels: after = {} } = wanted.metadata ?? {};
  const labels = Object.fromEntries(
    Object.entries(before).filter(([key]) => !key.startsWith(AGGREGATE_PREFIX) || after[key] !== undefined),
  );
  if (wanted.aggregationRule)
    return known.aggregationRule ? { ...known, aggregationRule: wanted.aggregationRule } : known;
  const rules = (known.rules ?? []).filter(rule => wanted.rules?.some(other => jsonEqual(rule, other)));
  return { ...known, metadata: { ...known.metadata, labels }, rules };
}

/** The roles of a template that nobody is bound to any more, neither to it nor to one that inherits it. */
async function dropRoles(scope: GrantScope, template: string): Promise<void> {
  const { roles, says } = scope;
  if (!says.book.get(template) && !says.isGone(template)) return scope.unknownTemplate(template);
  const names = says.isGone(template)
    ? [roleName(template), rulesName(template)]
    : [
        ...(isBound(scope, template) && says.book.get(template)?.spec.clusterRoleRef === undefined
          ? []
          : [roleName(template)]),
        ...(isInUse(scope, template) ? [] : [rulesName(template)]),
      ];
  for (const name of names) await drop(scope, ClusterRoles, roles.get({ name }));
}

/** Somebody is bound to the template on this cluster, or is to be. */
function isBound({ says, cluster, bindings, clusterBindings }: GrantScope, template: string): boolean {
  if ([bindings, clusterBindings].some(informer => informer.byIndex(BY_TEMPLATE, template).length > 0)) return true;
  return says.placesOf(cluster.name, template).some(place => says.isGiven(place, template));
}

/** It is bound, or one that inherits it is. */
function isInUse(scope: GrantScope, template: string): boolean {
  const users = scope.says.book.inheritors(template);
  return (users.length > 0 ? users : [template]).some(name => isBound(scope, name));
}
