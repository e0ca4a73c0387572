/** Any object as a user would write it, right or wrong. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Cluster' | 'Project';
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
