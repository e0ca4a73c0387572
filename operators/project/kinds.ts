import type { KubeObject, ResourceType } from '#runtime';

/** A Secret or ConfigMap in the hub that is shared with a project's namespaces; content and all. */
export interface Source extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** A copy in a member namespace as the cache keeps it: the content is reduced to its digest. */
export interface Copy extends KubeObject {
  readonly type?: string;
  readonly immutable?: boolean;
  readonly digest: string;
}

export type SharedKind = 'Secret' | 'ConfigMap';

const core = (kind: string, plural: string) => ({ group: '', version: 'v1', kind, plural, namespaced: true });

/** The kinds that can be shared. */
export const SHARED_KINDS: readonly SharedKind[] = ['Secret', 'ConfigMap'];
export const SourceTypes: Readonly<Record<SharedKind, ResourceType<Source>>> = {
  Secret: core('Secret', 'secrets'),
  ConfigMap: core('ConfigMap', 'configmaps'),
};
/** The same kinds, as caches of copies keep them. */
export const CopyTypes: Readonly<Record<SharedKind, ResourceType<Copy>>> = {
  Secret: core('Secret', 'secrets'),
  ConfigMap: core('ConfigMap', 'configmaps'),
};
