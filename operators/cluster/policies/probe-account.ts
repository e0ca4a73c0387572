import { LABEL_MANAGED_BY, MANAGED_BY, type MarksOptions, marks, ownership, SYSTEM_NAMESPACE } from '#api';
import {
  type Client,
  isAlreadyExists,
  type JsonPatchOperation,
  jsonEqual,
  type KubeObject,
  keyOf,
  keyString,
  Namespaces,
  type ResourceType,
  resourceName,
} from '#runtime';
import {
  type BindingObject,
  ClusterRoleBindings,
  ClusterRoles,
  type PolicyRule,
  RBAC_GROUP,
  RoleBindings,
  type RoleObject,
} from '../../engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../engagement/service-account.ts';
import type { PolicyProbe } from './kinds.ts';

/** The ServiceAccount that probes are sent as. Its requests are dry runs; a policy refuses every other write by it. */
export const PROBE_ACCOUNT = { namespace: SYSTEM_NAMESPACE, name: 'policy-probe' };
export const PROBE_USER = `system:serviceaccount:${PROBE_ACCOUNT.namespace}:${PROBE_ACCOUNT.name}`;
/** The ClusterRole with what it may everywhere, its binding, and its bindings in namespaces. */
export const PROBE_ROLE = 'paddock-policy-probe';

/** An object that the probes need. */
export interface ProbeObject {
  readonly type: ResourceType;
  readonly object: KubeObject & Partial<RoleObject & BindingObject>;
}

/** The account, and rights that allow each probe but for its policy; in the order in which they are made. */
export function probeObjects(probes: readonly PolicyProbe[], whose: MarksOptions): ProbeObject[] {
  const { labels, annotations } = marks(whose);
  const marked = (name: string, namespace?: string) => ({
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels,
    annotations,
  });
  const objects: ProbeObject[] = [account(marked(PROBE_ACCOUNT.name, PROBE_ACCOUNT.namespace))];
  const everywhere = merged(probes.filter(({ namespace }) => namespace === undefined));
  objects.push(
    { type: ClusterRoles, object: { metadata: marked(PROBE_ROLE), rules: everywhere } },
    { type: ClusterRoleBindings, object: { metadata: marked(PROBE_ROLE), ...bound(PROBE_ROLE) } },
  );
  for (const namespace of namespacesOf(probes)) {
    const role = `${PROBE_ROLE}:${namespace}`;
    const rules = merged(probes.filter(probe => probe.namespace === namespace));
    if (namespace !== SYSTEM_NAMESPACE)
      objects.push(
        { type: Namespaces, object: { metadata: marked(namespace) } },
        // without the mark of an owner: what bears it in this namespace is a person's account
        account({ ...PROBE_ACCOUNT, namespace, labels: { [LABEL_MANAGED_BY]: MANAGED_BY } }),
      );
    objects.push(
      { type: ClusterRoles, object: { metadata: marked(role), rules } },
      { type: RoleBindings, object: { metadata: marked(PROBE_ROLE, namespace), ...bound(role) } },
    );
  }
  return objects;
}

/**
 * Makes an object of the probes, or corrects what it grants; one that is right costs a GET.
 * @throws an error that names what is in the way
 */
export async function ensureProbeObject(
  client: Client,
  { type, object }: ProbeObject,
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  const key = keyOf(object);
  const found = await client.find<ProbeObject['object']>(type, key, call);
  if (!found) return await create(client, { type, object }, call);
  const parts = (['rules', 'subjects'] as const).filter(part => !jsonEqual(found[part], object[part]));
  const isElsewhere = object.roleRef !== undefined && !jsonEqual(found.roleRef, object.roleRef);
  if (parts.length === 0 && !isElsewhere) return;
  if (isElsewhere || ownership(found.metadata) === 'foreign')
    throw new Error(`${resourceName(type)} ${keyString(key)} is not as Paddock makes it: delete it`);
  const patch: JsonPatchOperation[] = [
    { op: 'replace', path: '/metadata/resourceVersion', value: found.metadata?.resourceVersion },
    ...parts.map(part => ({ op: 'add', path: `/${part}`, value: object[part] }) as const),
  ];
  await client.jsonPatch(type, key, patch, call);
}

/** By apply, of which RBAC is asked with the name; a Namespace by POST, whose admission tells of an older one. */
async function create(
  client: Client,
  { type, object }: ProbeObject,
  call: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  if (type !== Namespaces) {
    await client.apply(type, { ...object, metadata: object.metadata ?? {} }, { ...call, force: false });
    return;
  }
  try {
    await client.create(type, {}, object, call);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

function account(metadata: NonNullable<KubeObject['metadata']>): ProbeObject {
  const object = { metadata, automountServiceAccountToken: false };
  return { type: ServiceAccounts, object };
}

function bound(role: string): Pick<BindingObject, 'roleRef' | 'subjects'> {
  const roleRef = { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role };
  return { roleRef, subjects: [{ kind: 'ServiceAccount', ...PROBE_ACCOUNT }] };
}

function namespacesOf(probes: readonly PolicyProbe[]): string[] {
  return [...new Set(probes.flatMap(({ namespace }) => namespace ?? []))].sort();
}

/** The rules of the probes, each once, in the order and with the fields that the API server answers with. */
function merged(probes: readonly PolicyProbe[]): PolicyRule[] {
  const rules = probes
    .flatMap(probe => probe.rules)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    }));
  return rules.filter((rule, index) => rules.findIndex(other => jsonEqual(rule, other)) === index);
}
