import type { ApiObject, DraftObject } from './api-object.ts';
import { type FakeKind, isNamespaceKind } from './kinds.ts';
import { invalid, type StatusError } from './status.ts';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const LABEL_VALUE_LENGTH = 63;

/**
 * What every kind is held to: a name that is one, label values, no new finalizer on an object that is being
 * deleted; and what the kind itself refuses. Schemas are not checked.
 * @throws StatusError 422
 */
export function validate(kind: FakeKind, draft: DraftObject, current: ApiObject | undefined): void {
  const { name = '', labels = {} } = draft.metadata;
  const refuse = (field: string, message: string, reason = 'FieldValueInvalid') =>
    invalid(kind, name, { reason, message, field });
  if (current === undefined) validateName(kind, name, refuse);
  for (const [label, value] of Object.entries(labels))
    if (typeof value !== 'string' || value.length > LABEL_VALUE_LENGTH || !LABEL_VALUE.test(value))
      throw refuse('metadata.labels', `Invalid value: "${value}": no value for the label ${label}`);
  validateFinalizers(draft, current, refuse);
  const error = kind.validate?.(draft, current);
  if (error === undefined) return;
  const { field, message, reason = 'FieldValueInvalid' } = error;
  throw refuse(field, `${reason === 'FieldValueInvalid' ? 'Invalid value' : 'Forbidden'}: ${message}`, reason);
}

type Refuse = (field: string, message: string, reason?: string) => StatusError;

function validateName(kind: FakeKind, name: string, refuse: Refuse): void {
  if (name === '')
    throw refuse('metadata.name', 'Required value: name or generateName is required', 'FieldValueRequired');
  if (!isName(kind, name)) throw refuse('metadata.name', `Invalid value: "${name}": a lowercase RFC 1123 subdomain`);
}

function isName(kind: FakeKind, name: string): boolean {
  if (kind.group === 'rbac.authorization.k8s.io') return !/^\.{1,2}$|[/%]/.test(name);
  if (isNamespaceKind(kind)) return name.length <= 63 && LABEL.test(name);
  return name.length <= 253 && SUBDOMAIN.test(name);
}

function validateFinalizers(draft: DraftObject, current: ApiObject | undefined, refuse: Refuse): void {
  if (current?.metadata.deletionTimestamp === undefined) return;
  const known = new Set(current.metadata.finalizers);
  const added = draft.metadata.finalizers?.filter(finalizer => !known.has(finalizer)) ?? [];
  if (added.length === 0) return;
  const why = 'no new finalizers can be added if the object is being deleted';
  throw refuse('metadata.finalizers', `Forbidden: ${why}, found ${added.join(', ')}`, 'FieldValueForbidden');
}
