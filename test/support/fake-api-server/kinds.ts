import { apiVersion, type ResourceType, resourceName } from '../../../runtime/resource.ts';
import { type DraftObject, sameJson } from './api-object.ts';

/** A kind that the server serves, with the switches that differ between kinds of a real one. */
export interface FakeKind extends ResourceType {
  /** Writes to the object ignore `status`, writes to `/status` ignore the rest. */
  readonly statusSubresource?: boolean;
  /**
   * Behaves as a CustomResourceDefinition's: `metadata.generation`, apiVersion and kind required in bodies
   * and kept in lists, no update without a resourceVersion. [groups other than the core and *.k8s.io]
   */
  readonly customResource?: boolean;
  /** A PUT without resourceVersion overwrites. [built-in kinds except Leases] */
  readonly unconditionalUpdate?: boolean;
  /** A PUT of an object that does not exist creates it. [Leases and Events] */
  readonly createOnUpdate?: boolean;
  /** Field selectors beside metadata.name and metadata.namespace, as `type` or `spec.nodeName`. */
  readonly selectableFields?: readonly string[];
  /** Refuses a write with 422 by returning what is wrong; `current` is missing on create. */
  readonly validate?: (object: DraftObject, current: DraftObject | undefined) => FieldError | undefined;
}

export interface FieldError {
  /** As `spec.hard`. */
  readonly field: string;
  readonly message: string;
  /** ['FieldValueInvalid'] */
  readonly reason?: 'FieldValueForbidden' | 'FieldValueInvalid';
}

export function isCustomResource(kind: FakeKind): boolean {
  return kind.customResource ?? (kind.group.includes('.') && !kind.group.endsWith('.k8s.io'));
}

export function allowsUnconditionalUpdate(kind: FakeKind): boolean {
  return kind.unconditionalUpdate ?? (!isCustomResource(kind) && kind.kind !== 'Lease');
}

export function allowsCreateOnUpdate(kind: FakeKind): boolean {
  return kind.createOnUpdate ?? (kind.kind === 'Lease' || kind.kind === 'Event');
}

export function isNamespaceKind(kind: ResourceType): boolean {
  return kind.group === '' && kind.kind === 'Namespace';
}

/** The kinds served at the moment. Kinds come and go as CustomResourceDefinitions do. */
export class KindRegistry {
  readonly #kinds = new Map<string, FakeKind>();

  constructor(kinds: readonly FakeKind[]) {
    for (const kind of kinds) this.add(kind);
  }

  get all(): readonly FakeKind[] {
    return [...this.#kinds.values()];
  }

  add(kind: FakeKind): void {
    this.#kinds.set(registryKey(kind.group, kind.version, kind.plural), kind);
  }

  remove(kind: ResourceType): void {
    this.#kinds.delete(registryKey(kind.group, kind.version, kind.plural));
  }

  find(group: string, version: string, plural: string): FakeKind | undefined {
    return this.#kinds.get(registryKey(group, version, plural));
  }

  /** @throws Error naming what to register */
  get(type: ResourceType): FakeKind {
    const kind = this.find(type.group, type.version, type.plural);
    if (kind) return kind;
    throw new Error(`${resourceName(type)} ${type.version} is not served: pass it in the option "kinds"`);
  }

  /** The kind of an object by its apiVersion and kind. */
  ofObject(object: { apiVersion?: string; kind?: string }): FakeKind {
    const kind = this.all.find(each => each.kind === object.kind && apiVersion(each) === object.apiVersion);
    if (kind) return kind;
    throw new Error(`${object.apiVersion} ${object.kind} is not served: pass its kind in the option "kinds"`);
  }
}

const registryKey = (group: string, version: string, plural: string) => `${group}/${version}/${plural}`;

/** `immutable: true` of ConfigMaps and Secrets, and the type of a Secret, are for ever. */
function refuseImmutableChange(object: DraftObject, current: DraftObject | undefined): FieldError | undefined {
  if (current === undefined) return undefined;
  if (object.kind === 'Secret' && object.type !== current.type) return { field: 'type', message: 'field is immutable' };
  if (current.immutable !== true) return undefined;
  for (const field of ['immutable', 'data', 'binaryData'])
    if (!sameJson(object[field], current[field]))
      return { field, message: 'field is immutable when `immutable` is set', reason: 'FieldValueForbidden' };
  return undefined;
}

const core = { group: '', version: 'v1' };
const coordination = { group: 'coordination.k8s.io', version: 'v1' };
const events = { group: 'events.k8s.io', version: 'v1' };
const validate = refuseImmutableChange;

/** Built-in kinds that most tests need, ready for the option `kinds`. */
export const ConfigMaps: FakeKind = { ...core, kind: 'ConfigMap', plural: 'configmaps', namespaced: true, validate };
export const Secrets: FakeKind = {
  ...core,
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  selectableFields: ['type'],
  validate,
};
export const Namespaces: FakeKind = {
  ...core,
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  statusSubresource: true,
  selectableFields: ['status.phase'],
};
export const Leases: FakeKind = { ...coordination, kind: 'Lease', plural: 'leases', namespaced: true };
export const Events: FakeKind = { ...events, kind: 'Event', plural: 'events', namespaced: true };
