import type { ClusterStatus } from '#api';
import type { KubeObject, ResourceType } from '#runtime';
import {
  type Amounts,
  NOTHING,
  type Quantities,
  quantitiesOf,
  type ResourceList,
  readAmounts,
  sum,
} from './amounts.ts';

/** A node as the API server sends it, or, from a cache, its name, its version and what counts of it. */
export interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly capacity?: ResourceList;
    readonly allocatable?: ResourceList;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  /** Undefined for a node that can't be counted at all. */
  readonly facts?: NodeFacts;
  /** What of it can't be read and does not count, such as `capacity.cpu`. */
  readonly unreadable?: readonly string[];
}

export const Nodes: ResourceType<Node> = { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false };

/** All of a node that its cluster's status depends on. */
export interface NodeFacts {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly ready: boolean;
  /** What is wrong with it. */
  readonly reasons: readonly string[];
  readonly capacity: Amounts;
  /** What Pods can have of it: nothing while it is cordoned. */
  readonly allocatable: Amounts;
}

type Role = 'controlPlane' | 'etcd' | 'worker';
type NodesStatus = NonNullable<ClusterStatus['nodes']>;

export interface NodesSummary {
  readonly nodes: NodesStatus;
  readonly capacity: Quantities;
  readonly allocatable: Quantities;
  /** How many nodes are not well, named or not. */
  readonly unhealthyTotal: number;
}

const ROLE_LABEL = 'node-role.kubernetes.io/';
const ROLES: Readonly<Record<string, Role>> = {
  'control-plane': 'controlPlane',
  master: 'controlPlane', // what clusters before 1.24 say, and some still do
  etcd: 'etcd',
  worker: 'worker',
};

const NOT_READY = 'NotReady';
/** Conditions of a node that are bad when True. */
const PRESSURES = ['DiskPressure', 'MemoryPressure', 'PIDPressure', 'NetworkUnavailable'];

/** As many unhealthy nodes as a status names. */
const NAMED = 50;

/** The API server takes no other name for a node. */
const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

/** Keeps of a node what counts. A kubelet's heartbeat changes nothing of it but the version. */
export function reduceNode({ metadata = {}, spec, status }: Node): Node {
  const { name = '', uid = '', resourceVersion = '', labels } = metadata;
  const reduced = { metadata: { name, uid, resourceVersion } };
  if (!NAME.test(name)) return { ...reduced, unreadable: ['name'] };
  const conditions = Array.isArray(status?.conditions) ? status.conditions : [];
  const isTrue = (type: string) => conditions.some(one => one?.type === type && one.status === 'True');
  const ready = isTrue('Ready');
  const capacity = readAmounts(status?.capacity);
  const allocatable = readAmounts(status?.allocatable);
  const unreadable = [
    ...capacity.unreadable.map(resource => `capacity.${resource}`),
    ...allocatable.unreadable.map(resource => `allocatable.${resource}`),
  ];
  const facts = {
    name,
    roles: rolesOf(labels ?? {}),
    ready,
    reasons: [...(ready ? [] : [NOT_READY]), ...PRESSURES.filter(isTrue)],
    capacity: capacity.amounts,
    allocatable: spec?.unschedulable ? NOTHING : allocatable.amounts,
  };
  return { ...reduced, facts, ...(unreadable.length > 0 ? { unreadable } : {}) };
}

/** Counts nodes. The order in which they come makes no difference. */
export function summariseNodes(nodes: readonly NodeFacts[]): NodesSummary {
  const withRole = (role: Role) => nodes.filter(({ roles }) => roles.includes(role)).length;
  const unhealthy = nodes.filter(({ reasons }) => reasons.length > 0).sort(worstFirst);
  const named = unhealthy.slice(0, NAMED).map(({ name, reasons }) => ({ name, reasons: [...reasons] }));
  return {
    nodes: {
      total: nodes.length,
      ready: nodes.filter(({ ready }) => ready).length,
      controlPlane: withRole('controlPlane'),
      etcd: withRole('etcd'),
      worker: withRole('worker'),
      ...(named.length > 0 ? { unhealthy: named } : {}),
    },
    capacity: quantitiesOf(total(nodes, 'capacity')),
    allocatable: quantitiesOf(total(nodes, 'allocatable')),
    unhealthyTotal: unhealthy.length,
  };
}

function rolesOf(labels: Readonly<Record<string, string>>): Role[] {
  const named = Object.keys(labels).filter(label => label.startsWith(ROLE_LABEL));
  if (named.length === 0) return ['worker'];
  const roles = named.map(label => ROLES[label.slice(ROLE_LABEL.length)]).filter(role => role !== undefined);
  return [...new Set(roles)].sort();
}

/** Where not all can be named, a node that takes no Pods is worth it more than one under pressure. */
function worstFirst(a: NodeFacts, b: NodeFacts): number {
  return Number(a.ready) - Number(b.ready) || (a.name < b.name ? -1 : 1);
}

function total(nodes: readonly NodeFacts[], field: 'capacity' | 'allocatable'): Amounts {
  return nodes.reduce((amounts, node) => sum(amounts, node[field]), NOTHING);
}
