import { apiVersion } from '../../../runtime/resource.ts';
import type { ApiObject, DraftObject } from './api-object.ts';
import { type FakeKind, isCustomResource } from './kinds.ts';
import { notAcceptable } from './status.ts';

/** How objects are written into an answer, as the Accept header asked. */
export interface Representation {
  /** Only apiVersion, kind and metadata. */
  readonly metadataOnly: boolean;
}

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/**
 * Takes the first clause of an Accept header that this server can serve: JSON, whole or as
 * PartialObjectMetadata (for lists: PartialObjectMetadataList).
 * @throws StatusError 406 when there is none
 */
export function negotiate(accept: string | undefined, { list }: { list: boolean }): Representation {
  let refusal = notAcceptable('406: Not Acceptable\n\nAvailable representations: application/json');
  for (const clause of (accept ?? '*/*').split(',')) {
    const [mediaType = '', ...parameters] = clause.split(';').map(part => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(mediaType)) continue;
    const as = parameters.find(parameter => parameter.startsWith('as='))?.slice('as='.length);
    if (as === undefined) return { metadataOnly: false };
    if (!parameters.includes('g=meta.k8s.io') || !parameters.includes('v=v1')) continue;
    if (as === (list ? 'PartialObjectMetadataList' : 'PartialObjectMetadata')) return { metadataOnly: true };
    refusal = notAcceptable(`you requested ${as}, but the requested object is ${list ? 'a list' : 'not a list'}`);
  }
  throw refusal;
}

/** One object, as the answer of a request or inside a watch frame. */
export function present(object: ApiObject | DraftObject, { metadataOnly }: Representation): object {
  if (!metadataOnly) return object;
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** A list. As on a real server, items of built-in kinds do not repeat apiVersion and kind. */
export function presentList(
  kind: FakeKind,
  { items, metadata }: { items: readonly ApiObject[]; metadata: ListMeta },
  representation: Representation,
): object {
  if (representation.metadataOnly) {
    const partial = items.map(item => present(item, representation));
    return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: partial };
  }
  const whole = isCustomResource(kind) ? items : items.map(({ apiVersion: _, kind: __, ...rest }) => rest);
  return { kind: `${kind.kind}List`, apiVersion: apiVersion(kind), metadata, items: whole };
}

/** The object of a BOOKMARK frame: nothing but a resource version. */
export function presentBookmark(
  kind: FakeKind,
  { resourceVersion, initialEventsEnd }: { resourceVersion: string; initialEventsEnd: boolean },
  { metadataOnly }: Representation,
): object {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return {
    kind: metadataOnly ? 'PartialObjectMetadata' : kind.kind,
    apiVersion: metadataOnly ? 'meta.k8s.io/v1' : apiVersion(kind),
    metadata: { resourceVersion, ...annotations },
  };
}
