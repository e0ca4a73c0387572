import { hash } from 'node:crypto';
import { ANNOTATION_QUOTA_REVISION, marks } from '#api';
import { type JsonPatchOperation, jsonEqual, type LabelSelector, parseSelector } from '#runtime';
import { boundedFields } from '../engagement/bounded-fields.ts';
import type { Copy, GivenKind, PolicyKind, PolicySource, SharedKind, Source } from './kinds.ts';
import type { IsLeftOut } from './left-out.ts';
import { isRefusal, type Refusal, sharingOf } from './source.ts';

/** What a project gives looks like this in every namespace that gets it. */
export interface Template {
  readonly kind: GivenKind;
  readonly name: string;
  readonly type: string | undefined;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly digest: string;
  readonly selector: LabelSelector;
  /** The body of the create, the same for all namespaces. */
  readonly json: string;
  /** Its content by the paths that patches write. */
  readonly content: Readonly<Record<string, object>>;
}

export interface CopyOwner {
  readonly project: string;
  readonly projectUid: string;
  readonly cluster: string;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
}

const EVERYWHERE = parseSelector('');
/** The copies that a source asks for, or why there are none. */
export function templateOf(kind: SharedKind, source: Source, owner: CopyOwner): Template | Refusal {
  const sharing = sharingOf(kind, source);
  if (isRefusal(sharing)) return sharing;
  const { selector, isLeftOut } = sharing;
  const name = source.metadata?.name ?? '';
  const mark = marksOf(owner);
  const labels = { ...carried(source.metadata?.labels, isLeftOut), ...mark.labels };
  const annotations = { ...carried(source.metadata?.annotations, isLeftOut), ...mark.annotations };
  const { type, data, binaryData } = source;
  const immutable = source.immutable ?? false;
  const json = JSON.stringify({
    apiVersion: 'v1',
    kind,
    metadata: { name, labels, annotations },
    type,
    data,
    binaryData,
    ...(immutable ? { immutable } : {}),
  });
  const content = { '/data': data ?? {}, ...(kind === 'ConfigMap' ? { '/binaryData': binaryData ?? {} } : {}) };
  return { kind, name, type, immutable, labels, annotations, digest: contentDigest(source), selector, json, content };
}

/** The object that a project's spec asks for in each of its namespaces. */
export function policyTemplate(kind: PolicyKind, name: string, spec: object, owner: CopyOwner): Template {
  return restriction(kind, { name, ...marksOf(owner), spec });
}

interface Restriction extends Pick<Template, 'name' | 'labels' | 'annotations'> {
  readonly spec: object;
}

function restriction(kind: GivenKind, { name, labels, annotations, spec }: Restriction): Template {
  const apiVersion = kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'v1';
  return {
    kind,
    name,
    type: undefined,
    immutable: false,
    labels,
    annotations,
    digest: contentDigest({ spec }),
    selector: EVERYWHERE,
    json: JSON.stringify({ apiVersion, kind, metadata: { name, labels, annotations }, spec }),
    content: { '/spec': spec },
  };
}

export function isTemplate(result: Template | Refusal): result is Template {
  return !isRefusal(result);
}

/** The ResourceQuota that holds a namespace to its share; `revision` is that of the ledger that promises it. */
export function quotaTemplate(name: string, hard: object, revision: number, owner: CopyOwner): Template {
  const { labels, annotations } = marksOf(owner);
  return restriction('ResourceQuota', {
    name,
    labels,
    annotations: { ...annotations, [ANNOTATION_QUOTA_REVISION]: `${revision}` },
    spec: { hard },
  });
}

/** What a copy would need to be right; undefined when it is. */
export type Correction =
  /** Patched in place, if it still has this resourceVersion. */
  | { readonly action: 'patch'; readonly patch: readonly JsonPatchOperation[] }
  /** Type and immutable content can't be changed: deleted and created again. */
  | { readonly action: 'replace' };

/** The difference between a copy and its template. */
export function correctionOf(copy: Copy, template: Template): Correction | undefined {
  const contentDiffers = copy.digest !== template.digest;
  const { labels = {}, annotations = {} } = copy.metadata ?? {};
  const labelsDiffer = !jsonEqual(labels, template.labels);
  const annotationsDiffer = !jsonEqual(annotations, template.annotations);
  const immutableDiffers = (copy.immutable ?? false) !== template.immutable;
  if (!contentDiffers && !labelsDiffer && !annotationsDiffer && !immutableDiffers && sameType(copy, template))
    return undefined;
  if (!sameType(copy, template)) return { action: 'replace' };
  if (copy.immutable && (contentDiffers || immutableDiffers)) return { action: 'replace' };
  const patch: JsonPatchOperation[] = [
    { op: 'replace', path: '/metadata/resourceVersion', value: copy.metadata?.resourceVersion },
  ];
  if (labelsDiffer) patch.push({ op: 'add', path: '/metadata/labels', value: template.labels });
  if (annotationsDiffer) patch.push({ op: 'add', path: '/metadata/annotations', value: template.annotations });
  if (contentDiffers)
    for (const [path, value] of Object.entries(template.content)) patch.push({ op: 'add', path, value });
  if (immutableDiffers) patch.push({ op: 'add', path: '/immutable', value: template.immutable });
  return { action: 'patch', patch };
}

/** Reduces an object of a member namespace to what is kept of it. */
export function copyOf(object: Source & Partial<PolicySource>): Copy {
  const {
    managedFields: _managed,
    ownerReferences: _owners,
    finalizers: _finalizers,
    annotations,
    labels,
    ...metadata
  } = object.metadata ?? {};
  const { 'kubectl.kubernetes.io/last-applied-configuration': _applied, ...kept } = annotations ?? {};
  const { spec: { hard } = {}, status } = object;
  return {
    metadata: {
      ...metadata,
      ...(labels ? { labels: boundedFields(labels) } : {}),
      annotations: boundedFields(kept),
    },
    ...(object.type === undefined ? {} : { type: object.type }),
    ...(object.immutable === undefined ? {} : { immutable: object.immutable }),
    digest: contentDigest(object),
    ...(hard ? { quota: { hard, enforced: status?.hard ?? {}, used: status?.used ?? {} } } : {}),
  };
}

/** Equal for equal content, whatever the order of its keys. */
function contentDigest({
  data,
  binaryData,
  spec,
}: Pick<Source, 'data' | 'binaryData'> & Partial<PolicySource>): string {
  const content = spec ? [sorted(spec)] : [sorted(data ?? {}), sorted(binaryData ?? {})];
  return hash('sha256', JSON.stringify(content), 'base64');
}

/** A value without an order of keys: each object as the list of its entries, sorted. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, part]) => [key, sorted(part)]);
}

function marksOf({ project, projectUid, cluster, hub }: CopyOwner) {
  return marks({ owner: { kind: 'project', name: project, uid: projectUid }, cluster, hub });
}

function sameType(copy: Copy, template: Template): boolean {
  return template.kind !== 'Secret' || (copy.type ?? 'Opaque') === (template.type ?? 'Opaque');
}

function carried(fields: Readonly<Record<string, string>> | undefined, isLeftOut: IsLeftOut): Record<string, string> {
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([key]) => !isLeftOut(key)));
}
