import {
  type Cluster,
  GROUP,
  LABEL_PROJECT,
  type Project,
  type ProjectStatusSharedConflicts,
  parseClusterNamespace,
} from '#api';
import { type Condition, findCondition, type KubeObject } from '#runtime';

/** What the demo shows, as data. */
export interface Picture {
  readonly clusters: readonly ClusterRow[];
  readonly projects: readonly ProjectRow[];
  readonly namespaces: readonly NamespaceRow[];
  /** Newest first. */
  readonly events: readonly EventRow[];
  /** API servers that the demo itself can't watch at the moment: what is shown of them may be old. */
  readonly interruptions: readonly string[];
}

export interface ClusterRow {
  readonly name: string;
  readonly connected: string;
  readonly ready: string;
  readonly version: string;
  /** Why it is not ready; empty when it is. */
  readonly message: string;
}

export interface ProjectRow {
  readonly cluster: string;
  readonly name: string;
  readonly ready: string;
  /** The status was computed from the present spec. */
  readonly current: boolean;
  readonly namespaces: number;
  readonly copies: number;
  readonly conflicts: readonly ProjectStatusSharedConflicts[];
  readonly message: string;
}

export interface NamespaceRow {
  readonly cluster: string;
  readonly name: string;
  readonly project: string;
  /** `Secret/registry`, sorted. */
  readonly copies: readonly string[];
}

export interface EventRow {
  readonly id: string;
  /** Milliseconds since the epoch, of the last occurrence. */
  readonly at: number;
  readonly reason: string;
  /** `project/payments`. */
  readonly regarding: string;
  readonly note: string;
}

/** An events.k8s.io/v1 Event. */
export interface EventObject extends KubeObject {
  readonly eventTime?: string | null;
  readonly reason?: string;
  readonly note?: string;
  readonly regarding?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string };
  readonly series?: { readonly lastObservedTime: string };
}

/** The objects that a picture is made of, as the API servers have them. */
export interface Seen {
  readonly clusters: readonly Cluster[];
  readonly projects: readonly Project[];
  readonly events: readonly EventObject[];
  readonly sites: readonly SeenSite[];
}

export interface SeenSite {
  /** Name of its Cluster. */
  readonly cluster: string;
  /** Those with a project label. */
  readonly namespaces: readonly KubeObject[];
  /** Objects with our mark, by kind. */
  readonly copies: Readonly<Record<'Secret' | 'ConfigMap', readonly KubeObject[]>>;
  readonly interruption: string | undefined;
}

export function pictureOf({ clusters, projects, events, sites }: Seen): Picture {
  return {
    clusters: clusters.map(clusterRow).sort(by(({ name }) => name)),
    projects: projects.map(projectRow).sort(by(({ cluster, name }) => `${cluster}/${name}`)),
    namespaces: sites.flatMap(namespaceRows).sort(by(({ cluster, name }) => `${cluster}/${name}`)),
    events: events
      .filter(isOurs)
      .map(eventRow)
      .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1)),
    interruptions: sites.flatMap(({ cluster, interruption }) => (interruption ? `${cluster}: ${interruption}` : [])),
  };
}

function clusterRow({ metadata, status }: Cluster): ClusterRow {
  const ready = findCondition(status?.conditions, 'Ready');
  return {
    name: metadata.name ?? '',
    connected: findCondition(status?.conditions, 'Connected')?.status ?? '',
    ready: ready?.status ?? '',
    version: status?.version ?? '',
    message: why(ready),
  };
}

function projectRow({ metadata, status }: Project): ProjectRow {
  const ready = findCondition(status?.conditions, 'Ready');
  const { namespace = '' } = metadata;
  return {
    cluster: parseClusterNamespace(namespace) ?? namespace,
    name: metadata.name ?? '',
    ready: ready?.status ?? '',
    current: status?.observedGeneration === metadata.generation,
    namespaces: status?.namespaces?.total ?? 0,
    copies: status?.shared?.copies ?? 0,
    conflicts: status?.shared?.conflicts ?? [],
    message: why(ready),
  };
}

function why(ready: Condition | undefined): string {
  return !ready || ready.status === 'True' ? '' : `${ready.reason}: ${ready.message}`;
}

function namespaceRows({ cluster, namespaces, copies }: SeenSite): NamespaceRow[] {
  const inNamespace = (kind: 'Secret' | 'ConfigMap', namespace: string | undefined): string[] =>
    copies[kind]
      .filter(({ metadata }) => metadata?.namespace === namespace)
      .map(({ metadata }) => `${kind}/${metadata?.name}`);
  return namespaces.map(({ metadata }) => ({
    cluster,
    name: metadata?.name ?? '',
    project: metadata?.labels?.[LABEL_PROJECT] ?? '',
    copies: [...inNamespace('ConfigMap', metadata?.name), ...inNamespace('Secret', metadata?.name)].sort(),
  }));
}

function isOurs({ regarding }: EventObject): boolean {
  return regarding?.apiVersion?.startsWith(`${GROUP}/`) ?? false;
}

function eventRow({ metadata, eventTime, series, regarding, reason = '', note = '' }: EventObject): EventRow {
  const at = Date.parse(series?.lastObservedTime ?? eventTime ?? String(metadata?.creationTimestamp ?? ''));
  return {
    id: metadata?.uid ?? '',
    at,
    reason,
    regarding: `${regarding?.kind?.toLowerCase() ?? ''}/${regarding?.name ?? ''}`,
    note,
  };
}

function by<T>(key: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}
