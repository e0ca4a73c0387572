import { LABEL_PROJECT, type ProjectSpec, SYSTEM_PROJECT } from '#api';
import { type KubeObject, Quantity } from '#runtime';
import { isIsolated } from '../engagement/policy-kinds.ts';

type Quantities = Readonly<Record<string, string>>;

export interface LimitRangeObject extends KubeObject {
  readonly spec: { readonly limits: readonly LimitRangeItem[] };
}

interface LimitRangeItem {
  readonly type: 'Container';
  readonly default?: Quantities;
  readonly defaultRequest?: Quantities;
}

/** Selects objects by their labels, as `metav1.LabelSelector` does; empty selects all. */
export type Selector = NonNullable<
  NonNullable<NonNullable<ProjectSpec['networkIsolation']>['allowFrom']>[number]['namespaceSelector']
>;

/** One who may send: the Pods of namespaces, or addresses. */
export type Peer = { readonly namespaceSelector: Selector } | { readonly ipBlock: { readonly cidr: string } };

export interface NetworkPolicyObject extends KubeObject {
  readonly spec: {
    readonly podSelector: Selector;
    readonly policyTypes: readonly ['Ingress'];
    readonly ingress: readonly { readonly from: readonly Peer[] }[];
  };
}

/**
 * What the containers of a namespace request, and are limited to, that say nothing themselves; undefined where the
 * project says nothing either. In the form that the API server keeps: a limit without a request is the request, too.
 */
export function limitRangeSpec({ containerDefaults = {} }: ProjectSpec): LimitRangeObject['spec'] | undefined {
  const limits = canonical(containerDefaults.limits ?? {});
  const requests = { ...limits, ...canonical(containerDefaults.requests ?? {}) };
  if (Object.keys(requests).length === 0) return undefined;
  const given = Object.keys(limits).length > 0 ? { default: limits } : {};
  return { limits: [{ type: 'Container', ...given, defaultRequest: requests }] };
}

/**
 * Lets in who belongs to the project, who belongs to project `system`, and whom the project names; undefined where it is
 * not isolated. The list of those is never empty, which would let in everybody.
 */
export function networkPolicySpec(project: string, spec: ProjectSpec): NetworkPolicyObject['spec'] | undefined {
  if (!isIsolated(spec)) return undefined;
  const { allowFrom = [] } = spec.networkIsolation ?? {};
  const named = allowFrom.map(({ project: other, namespaceSelector, cidr }): Peer | undefined => {
    if (other !== undefined) return membersOf(other);
    if (namespaceSelector !== undefined) return { namespaceSelector };
    return cidr === undefined ? undefined : { ipBlock: { cidr } };
  });
  const from = [project, SYSTEM_PROJECT].map(membersOf).concat(named.filter(peer => peer !== undefined));
  return { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from }] };
}

function membersOf(project: string): Peer {
  return { namespaceSelector: { matchLabels: { [LABEL_PROJECT]: project } } };
}

/** As the API server writes them. */
function canonical({ cpu, memory }: { readonly cpu?: number | string; readonly memory?: number | string }): Quantities {
  const write = (amount: number | string) => Quantity.parse(`${amount}`).toString();
  return {
    ...(cpu === undefined ? {} : { cpu: write(cpu) }),
    ...(memory === undefined ? {} : { memory: write(memory) }),
  };
}
