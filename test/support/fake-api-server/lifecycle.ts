import type { ObjectMeta } from '../../../runtime/resource.ts';
import { apiVersion } from '../../../runtime/resource.ts';
import { type ApiObject, type DraftObject, sameJson } from './api-object.ts';
import { type FakeKind, isCustomResource, isNamespaceKind } from './kinds.ts';

/** What a client says of these is not listened to. */
const SYSTEM_FIELDS = ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'selfLink'] as const;

/** Who writes, as `metadata.managedFields` records it. */
export interface Writer {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource?: 'status';
}

/** RFC 3339 with whole seconds, the precision of the API's timestamps. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** A new object as the server completes it: system fields are the server's whatever the client sent. */
export function prepareCreate(kind: FakeKind, draft: DraftObject, uid: string, writer: Writer): DraftObject {
  const metadata = without(draft.metadata, [...SYSTEM_FIELDS, 'resourceVersion', 'managedFields']);
  const created: DraftObject = {
    ...draft,
    metadata: {
      ...withoutEmpty(metadata),
      uid,
      creationTimestamp: timestamp(),
      ...(isCustomResource(kind) ? { generation: 1 } : {}),
      managedFields: managedFields([], kind, writer),
    },
  };
  if (kind.statusSubresource) delete created.status;
  return isNamespaceKind(kind) ? completeNamespace(created) : created;
}

/** The next state of an object: what the writer may not change is taken from the current one. */
export function prepareUpdate(kind: FakeKind, current: ApiObject, draft: DraftObject, writer: Writer): DraftObject {
  const next =
    writer.subresource === 'status' ? withStatusOf(kind, current, draft) : withoutStatusOf(kind, current, draft);
  const { creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, uid } = current.metadata;
  const metadata = without(next.metadata, SYSTEM_FIELDS);
  const grew = generation !== undefined && writer.subresource === undefined && specChanged(kind, current, next);
  next.metadata = {
    ...withoutEmpty(metadata),
    uid,
    resourceVersion: current.metadata.resourceVersion,
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    ...(generation === undefined ? {} : { generation: grew ? generation + 1 : generation }),
    managedFields: current.metadata.managedFields ?? [],
  };
  // a write that changes nothing is no write: it gets no resource version and no event
  if (sameJson(next, current)) return next;
  return {
    ...next,
    metadata: { ...next.metadata, managedFields: managedFields(current.metadata.managedFields ?? [], kind, writer) },
  };
}

/** Whether two states of an object are the same on the wire. */
export function sameObject(a: DraftObject, b: ApiObject): boolean {
  return sameJson(a, b);
}

/** A deletion that has to wait for finalizers. */
export function markDeleted(current: ApiObject): DraftObject {
  const { generation } = current.metadata;
  const marked: DraftObject = {
    ...current,
    metadata: {
      ...current.metadata,
      deletionTimestamp: timestamp(),
      ...(isTerminatingKind(current) ? {} : { deletionGracePeriodSeconds: 0 }),
      ...(generation === undefined ? {} : { generation: generation + 1 }),
    },
  };
  return isTerminatingKind(current) ? { ...marked, status: { phase: 'Terminating' } } : marked;
}

const isTerminatingKind = (object: ApiObject) => object.kind === 'Namespace' && object.apiVersion === 'v1';

/** A write to `/status`: of a custom resource nothing else counts, built-in kinds also take the metadata. */
function withStatusOf(kind: FakeKind, current: ApiObject, draft: DraftObject): DraftObject {
  const { status: _, ...rest } = current;
  const metadata = isCustomResource(kind) ? current.metadata : draft.metadata;
  return { ...rest, metadata, ...('status' in draft ? { status: draft.status } : {}) };
}

function withoutStatusOf(kind: FakeKind, current: ApiObject, draft: DraftObject): DraftObject {
  if (!kind.statusSubresource) return { ...draft };
  const { status: _, ...rest } = draft;
  const next = { ...rest, metadata: draft.metadata, ...('status' in current ? { status: current.status } : {}) };
  return isNamespaceKind(kind) ? withNameLabel({ ...next, spec: current.spec }) : next;
}

function specChanged(kind: FakeKind, current: ApiObject, next: DraftObject): boolean {
  const content = (object: ApiObject | DraftObject) => {
    const { metadata: _, status, ...rest } = object;
    return kind.statusSubresource ? rest : { ...rest, status };
  };
  return !sameJson(content(current), content(next));
}

function managedFields(before: NonNullable<ObjectMeta['managedFields']>, kind: FakeKind, writer: Writer) {
  const others = before.filter(
    entry =>
      entry.manager !== writer.manager ||
      entry.operation !== writer.operation ||
      entry.subresource !== writer.subresource,
  );
  const entry = { ...writer, apiVersion: apiVersion(kind), time: timestamp(), fieldsType: 'FieldsV1', fieldsV1: {} };
  return [...others, entry];
}

function without(metadata: ObjectMeta, fields: readonly (keyof ObjectMeta)[]): ObjectMeta {
  const rest = { ...metadata };
  for (const field of fields) delete rest[field];
  return rest;
}

/** Labels, annotations and lists that are empty or null are not stored. */
function withoutEmpty(metadata: ObjectMeta): ObjectMeta {
  const kept = Object.entries(metadata).filter(
    ([, value]) => value !== null && value !== '' && (typeof value !== 'object' || Object.keys(value).length > 0),
  );
  return Object.fromEntries(kept);
}

function completeNamespace(namespace: DraftObject): DraftObject {
  return { ...withNameLabel(namespace), spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
}

/** Every namespace can be selected by its name, whatever its writer says. */
function withNameLabel(namespace: DraftObject): DraftObject {
  const { metadata } = namespace;
  const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name ?? '' };
  return { ...namespace, metadata: { ...metadata, labels } };
}
