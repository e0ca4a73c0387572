import type { KubeObject, ResourceType } from '#runtime';
import { LimitRanges, NetworkPolicies, ResourceQuotas } from '../engagement/policy-kinds.ts';

/** A Secret or ConfigMap in the hub that is shared with a project's namespaces; content and all. */
export interface Source extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  /** In a cache, of one whose content is not kept: how many bytes count of it. */
  readonly unkept?: number;
}

/** A LimitRange, NetworkPolicy or ResourceQuota. */
export interface PolicySource extends KubeObject {
  readonly spec: { readonly hard?: Figures };
  readonly status?: { readonly hard?: Figures; readonly used?: Figures };
}

/** What a project gave a member namespace as the cache keeps it: the content is reduced to its digest. */
export interface Copy extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly digest: string;
  /** Of a ResourceQuota. */
  readonly quota?: QuotaFigures;
}

type Figures = Readonly<Record<string, string>>;

export interface QuotaFigures {
  readonly hard: Figures;
  /** What Kubernetes enforces: what its controller has seen. */
  readonly enforced: Figures;
  readonly used: Figures;
}

/** What can be shared. */
export type SharedKind = 'Secret' | 'ConfigMap';
/** What the spec of a project asks for, alike in each of its namespaces. */
export type PolicyKind = 'LimitRange' | 'NetworkPolicy';
/** What a project gives its namespaces. */
export type GivenKind = SharedKind | PolicyKind | 'ResourceQuota';

const core = (kind: string, plural: string) => ({ group: '', version: 'v1', kind, plural, namespaced: true });

export const SHARED_KINDS: readonly SharedKind[] = ['Secret', 'ConfigMap'];
export const POLICY_KINDS: readonly PolicyKind[] = ['LimitRange', 'NetworkPolicy'];
/** Watched from when there is one, or a project asks for one. */
export const LAZY_KINDS: readonly GivenKind[] = [...POLICY_KINDS, 'ResourceQuota'];

const TYPES: Readonly<Record<GivenKind, ResourceType>> = {
  Secret: core('Secret', 'secrets'),
  ConfigMap: core('ConfigMap', 'configmaps'),
  LimitRange: LimitRanges,
  NetworkPolicy: NetworkPolicies,
  ResourceQuota: ResourceQuotas,
};
/** The kinds of sources, whole. */
export const SourceTypes = TYPES as Readonly<Record<SharedKind, ResourceType<Source>>>;
/** The kinds that are given, as they are written. */
export const GivenTypes = TYPES as Readonly<Record<GivenKind, ResourceType<Source | PolicySource>>>;
/** The same kinds, as caches of what was given keep them. */
export const CopyTypes = TYPES as Readonly<Record<GivenKind, ResourceType<Copy>>>;

export function isPolicyKind(kind: GivenKind): kind is PolicyKind {
  return kind === 'LimitRange' || kind === 'NetworkPolicy';
}

export function isSharedKind(kind: GivenKind): kind is SharedKind {
  return kind === 'Secret' || kind === 'ConfigMap';
}
