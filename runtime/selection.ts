import { type ResourceType, resourceName } from './resource.ts';

/** What a list or watch asks for. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only apiVersion, kind and metadata are sent. */
  readonly metadataOnly?: boolean;
}

export function selectionQuery(selection: Selection): URLSearchParams {
  const query = new URLSearchParams();
  if (selection.labelSelector) query.set('labelSelector', selection.labelSelector);
  if (selection.fieldSelector) query.set('fieldSelector', selection.fieldSelector);
  return query;
}

/** `secrets`, or `secrets?app=x` with the selection: names a watch in logs and metrics. */
export function describeSelection(type: ResourceType, selection: Selection): string {
  const scope = selection.namespace ? ` in ${selection.namespace}` : '';
  const selectors = [selection.labelSelector, selection.fieldSelector].filter(Boolean).join(' ');
  return `${resourceName(type)}${scope}${selectors ? ` (${selectors})` : ''}`;
}
