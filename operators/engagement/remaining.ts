import { ClusterAccessResource, GROUP, ProjectResource, RoleTemplateBindingResource } from '#api';
import { type Client, isForbidden, isNotFound, type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { ConfigMaps } from './claim.ts';
import { Secrets } from './secrets.ts';

/** An object that is being deleted, and what keeps it. */
export interface Remaining {
  readonly kind: string;
  readonly name: string;
  readonly finalizers: readonly string[];
}

/** What people and operators write into hub namespaces. */
const KINDS: readonly ResourceType<KubeObject>[] = [
  ProjectResource,
  RoleTemplateBindingResource,
  ClusterAccessResource,
  Secrets,
  ConfigMaps,
];
/** Objects that a message names at most. */
const NAMED = 20;
/** Objects of a kind that are looked at. */
const LISTED = 500;

/**
 * What keeps a namespace of the hub that is being deleted, for a person who reads it; undefined while nothing is known
 * to. Lists only where the namespace controller has found finalizers.
 */
export async function keptBy(client: Client, namespace: string, signal: AbortSignal): Promise<string | undefined> {
  const object = (await client.find(Namespaces, { name: namespace }, { signal })) as TerminatingNamespace | undefined;
  const found = object?.status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining');
  if (found?.status !== 'True') return undefined;
  const lists = await Promise.all(KINDS.map(kind => remainingOf(client, kind, namespace, signal)));
  const remaining = lists.flat();
  return remaining.length > 0 ? describeRemaining(remaining) : found.message;
}

interface TerminatingNamespace extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

async function remainingOf(
  client: Client,
  kind: ResourceType<KubeObject>,
  namespace: string,
  signal: AbortSignal,
): Promise<Remaining[]> {
  try {
    const { items } = await client.list(kind, { namespace, metadataOnly: true, limit: LISTED }, { signal });
    return items.flatMap(object => remaining(kind.kind, object) ?? []);
  } catch (error) {
    if (isForbidden(error) || isNotFound(error)) return []; // the namespace's own condition still names the finalizer
    throw error;
  }
}

/** What keeps one object; undefined when nothing does. */
export function remaining(kind: string, { metadata }: KubeObject): Remaining | undefined {
  const { name = '', finalizers = [] } = metadata ?? {};
  return finalizers.length === 0 ? undefined : { kind, name, finalizers };
}

/** Whether a finalizer that is not Paddock's keeps it. */
export function isKeptByOthers({ finalizers }: Remaining): boolean {
  return finalizers.some(finalizer => !isOurs(finalizer));
}

/** Names up to 20 objects by what keeps them, each with what to do. */
export function describeRemaining(all: readonly Remaining[]): string {
  const byFinalizer = new Map<string, string[]>();
  for (const { kind, name, finalizers } of [...all].sort(byKindAndName).slice(0, NAMED))
    for (const finalizer of finalizers) {
      const objects = byFinalizer.get(finalizer) ?? [];
      byFinalizer.set(finalizer, [...objects, `${kind} ${name}`]);
    }
  const causes = [...byFinalizer].map(([finalizer, objects]) => {
    const keeps = `finalizer ${finalizer} keeps ${objects.join(', ')}`;
    if (!isOurs(finalizer)) return `${keeps}: it is not Paddock's, see that whoever put it there takes it off`;
    return `${keeps}: see that the ${finalizer.slice(GROUP.length + 1)} operator runs`;
  });
  const more = all.length > NAMED ? [`and ${all.length - NAMED} more objects`] : [];
  return [...causes, ...more].join('; ');
}

function isOurs(finalizer: string): boolean {
  return finalizer.startsWith(`${GROUP}/`);
}

function byKindAndName(a: Remaining, b: Remaining): number {
  return `${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1;
}
