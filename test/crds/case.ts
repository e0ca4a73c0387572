/** Any object as a user would write it, right or wrong. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Cluster' | 'Project' | 'RoleTemplate' | 'RoleTemplateBinding' | 'ClusterAccess';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** An object that must be refused beside its nearest neighbour that must be accepted. */
export interface Case {
  readonly name: string;
  /** The field that the message must name. */
  readonly field: string;
  /** The offending value, as the message must show it. Absent where there is none, as for a missing field. */
  readonly value?: string;
  /** How the message must state the rule. */
  readonly rule: RegExp;
  readonly invalid: Manifest;
  readonly twin: Manifest;
}

const API_VERSION = 'paddock.dev/v1alpha1';

/** A Cluster with this spec; `local` unless the spec says otherwise. */
export function aCluster(spec: Readonly<Record<string, unknown>> = {}, name = 'edge-1'): Manifest {
  return { apiVersion: API_VERSION, kind: 'Cluster', metadata: { name }, spec: { connection: { local: {} }, ...spec } };
}

/** A Project of cluster edge-1 with this spec. */
export function aProject(spec: Readonly<Record<string, unknown>> = {}, name = 'payments'): Manifest {
  return { apiVersion: API_VERSION, kind: 'Project', metadata: { name, namespace: 'c-edge-1' }, spec };
}

/** A RoleTemplate with this spec, of context Project unless the spec says otherwise. */
export function aRoleTemplate(spec: Readonly<Record<string, unknown>> = {}, name = 'deployer'): Manifest {
  return { apiVersion: API_VERSION, kind: 'RoleTemplate', metadata: { name }, spec: { context: 'Project', ...spec } };
}

/** A RoleTemplateBinding of alice in cluster edge-1, unless the spec says otherwise. */
export function aBinding(spec: Readonly<Record<string, unknown>> = {}, name = 'deployers'): Manifest {
  const subjects = [{ kind: 'User', name: 'alice' }];
  const whole = { roleTemplateName: 'cluster-member', subjects, scope: { cluster: { name: 'edge-1' } }, ...spec };
  return {
    apiVersion: API_VERSION,
    kind: 'RoleTemplateBinding',
    metadata: { name, namespace: 'c-edge-1' },
    spec: whole,
  };
}

/** A ClusterAccess of alice to cluster edge-1 with this spec. */
export function anAccess(spec: Readonly<Record<string, unknown>> = {}, name = 'alice'): Manifest {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterAccess',
    metadata: { name, namespace: 'c-edge-1' },
    spec: { user: 'alice', ...spec },
  };
}

/** What the cases of one field have in common. */
export interface FieldRule<Value> {
  readonly field: string;
  readonly rule: RegExp;
  /** An otherwise right object with this value in the field. */
  readonly object: (value: Value) => Manifest;
}

/** Cases of one field: each wrong value beside a right one that differs as little as possible. */
export function fieldCases<Value extends string | number>(
  { field, rule, object }: FieldRule<Value>,
  pairs: readonly (readonly [wrong: Value, right: Value])[],
): Case[] {
  return pairs.map(([wrong, right]) => ({
    name: `${field} ${shortened(wrong)}, not ${shortened(right)}`,
    field,
    value: String(wrong),
    rule,
    invalid: object(wrong),
    twin: object(right),
  }));
}

function shortened(value: string | number): string {
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 40)}… (${text.length - 2})`;
}
