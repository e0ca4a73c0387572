import { printable } from '#runtime';
import type { Node } from './nodes.ts';

/** What a server sends of nodes and Pods and can't be counted. The rest is. */
export interface LeftOut {
  /** Nodes by name, each with its fields. At most {@link NAMED}. */
  readonly nodes: readonly string[];
  readonly nodesTotal: number;
  /** Pods by namespace and name. */
  readonly pods: readonly string[];
  readonly podsTotal: number;
}

/** As many as are named. */
const NAMED = 5;
const NAME_LENGTH = 80;

/** Undefined when everything can be read. */
export function leftOut(nodes: readonly Node[], pods: ReadonlySet<string>): LeftOut | undefined {
  const unreadable = nodes.filter(({ unreadable: fields }) => fields !== undefined);
  if (unreadable.length === 0 && pods.size === 0) return undefined;
  return {
    nodes: unreadable.map(nodeName).sort().slice(0, NAMED),
    nodesTotal: unreadable.length,
    pods: firstOf(pods).map(key => printable(key, NAME_LENGTH)),
    podsTotal: pods.size,
  };
}

/** For a message: what does not count, and why. */
export function leftOutMessage({ nodes, nodesTotal, pods, podsTotal }: LeftOut): string {
  const parts = [
    ...(nodesTotal > 0 ? [`of nodes ${listed(nodes, nodesTotal)}`] : []),
    ...(podsTotal > 0 ? [`the requests of Pods ${listed(pods, podsTotal)}`] : []),
  ];
  return `left out, since it can’t be read: ${parts.join(' and ')}; look at them in the cluster`;
}

function nodeName({ metadata, unreadable = [] }: Node): string {
  return `${printable(metadata?.name, NAME_LENGTH)} (${unreadable.join(', ')})`;
}

function listed(names: readonly string[], total: number): string {
  const more = total - names.length;
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** The first by name, without sorting all of them, which may be many. */
function firstOf(keys: ReadonlySet<string>): string[] {
  const first: string[] = [];
  for (const key of keys) {
    const last = first.at(-1);
    if (first.length === NAMED && last !== undefined && last <= key) continue;
    first.push(key);
    first.sort();
    first.length = Math.min(first.length, NAMED);
  }
  return first;
}
