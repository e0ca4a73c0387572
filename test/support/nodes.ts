import type { KubeObject, ResourceType } from '#runtime';

type Fields = Readonly<Record<string, string>>;

export interface NodeObject extends KubeObject {
  spec?: { unschedulable?: boolean; taints?: { key: string; effect: string }[] };
  status?: { capacity?: Fields; allocatable?: Fields; conditions?: NodeCondition[] };
}

export interface NodeCondition {
  type: string;
  status: string;
  lastHeartbeatTime?: string;
}

interface PodSpec {
  nodeName?: string;
  containers?: object[];
  volumes?: { name: string; emptyDir?: { sizeLimit?: string } }[];
}

export interface PodObject extends KubeObject {
  spec?: PodSpec;
  status?: { phase?: string };
}

const core = { group: '', version: 'v1' };
export const NodeType: ResourceType<NodeObject> = { ...core, kind: 'Node', plural: 'nodes', namespaced: false };
export const PodType: ResourceType<PodObject> = { ...core, kind: 'Pod', plural: 'pods', namespaced: true };

const SIZE = { cpu: '4', memory: '16Gi', pods: '110' };

/** What a kubelet says of its conditions; a well node's unless told otherwise. */
export function nodeConditions(changes: Fields = {}, at = new Date()): NodeCondition[] {
  const all = { Ready: 'True', DiskPressure: 'False', MemoryPressure: 'False', PIDPressure: 'False', ...changes };
  const lastHeartbeatTime = `${at.toISOString().slice(0, 19)}Z`;
  return Object.entries(all).map(([type, status]) => ({ type, status, lastHeartbeatTime }));
}

/** A node as its kubelet registers it: 4 cores, 16Gi and 110 Pods, all of it to be had, unless told otherwise. */
export function aNode(name: string, options: { roles?: readonly string[]; size?: Fields; conditions?: Fields } = {}) {
  const { roles = [], size = SIZE, conditions } = options;
  const labels = Object.fromEntries(roles.map(role => [`node-role.kubernetes.io/${role}`, '']));
  const status = { capacity: { ...size }, allocatable: { ...size }, conditions: nodeConditions(conditions) };
  return { metadata: { name, labels }, status } satisfies NodeObject;
}

/** A Pod that is bound to a node, whose one container requests this. */
export function aPod(name: string, options: { node: string; requests: Fields; spec?: object }): PodObject {
  const { node, requests, spec } = options;
  const containers = [{ name: 'main', image: 'example.com/main', resources: { requests } }];
  return { metadata: { name }, spec: { nodeName: node, containers, ...spec } };
}
