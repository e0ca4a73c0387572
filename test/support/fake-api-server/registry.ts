import type { Key } from '../../../runtime/resource.ts';
import { apiVersion, keyString } from '../../../runtime/resource.ts';
import { type ApiObject, type DraftObject, valueAt } from './api-object.ts';
import { allowsCreateOnUpdate, allowsUnconditionalUpdate, type FakeKind } from './kinds.ts';
import { markDeleted, prepareCreate, prepareUpdate, sameObject, type Writer } from './lifecycle.ts';
import { type Random, randomString, randomUid } from './random.ts';
import * as status from './status.ts';
import type { Storage } from './storage.ts';
import { validate } from './validation.ts';

export interface WriteOptions {
  readonly writer: Writer;
  /** Everything is checked and answered, nothing is stored. */
  readonly dryRun?: boolean;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** What a create has to pass besides validation; throws a StatusError. */
export type CreateAdmission = (kind: FakeKind, namespace: string | undefined, name: string | undefined) => void;

export interface Written {
  readonly object: DraftObject;
  readonly created: boolean;
}

/** The letters and digits of generated names: no vowels, nothing to misread. */
const GENERATED_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The verbs that write, with the rules of the API server's generic registry. */
export class Registry {
  readonly #storage: Storage;
  readonly #random: Random;
  readonly #admitCreate: CreateAdmission;

  constructor(storage: Storage, { random, admitCreate }: { random: Random; admitCreate: CreateAdmission }) {
    this.#storage = storage;
    this.#random = random;
    this.#admitCreate = admitCreate;
  }

  /** @throws StatusError 404 for an unknown object */
  get(kind: FakeKind, key: Key): ApiObject {
    const object = this.#storage.get(kind, keyString(key));
    if (object) return object;
    throw status.notFound(kind, key.name);
  }

  /** POST, and whatever else creates; without a name in `key` that of the body counts. */
  create(kind: FakeKind, key: Partial<Key>, body: DraftObject, { writer, dryRun }: WriteOptions): Written {
    const { namespace } = key;
    const draft = this.#identify(kind, { name: '', ...key }, body);
    this.#admitCreate(kind, namespace, draft.metadata.name);
    const { generateName } = draft.metadata;
    if (!draft.metadata.name && generateName)
      draft.metadata.name = generateName + randomString(this.#random, { length: 5, alphabet: GENERATED_ALPHABET });
    const complete = prepareCreate(kind, draft, randomUid(this.#random), writer);
    validate(kind, complete, undefined);
    if (body.metadata.resourceVersion)
      throw new status.StatusError(500, '', 'resourceVersion should not be set on objects to be created');
    const { name = '' } = complete.metadata;
    if (this.#storage.get(kind, keyString({ ...(namespace ? { namespace } : {}), name })))
      throw status.alreadyExists(kind, name);
    return { object: dryRun ? complete : this.#storage.put(kind, complete), created: true };
  }

  /** PUT. */
  update(kind: FakeKind, key: Key, body: DraftObject, options: WriteOptions): Written {
    const current = this.#storage.get(kind, keyString(key));
    const draft = this.#identify(kind, key, body);
    if (current === undefined && allowsCreateOnUpdate(kind) && options.writer.subresource === undefined) {
      const { resourceVersion: _, ...metadata } = draft.metadata;
      return this.create(kind, key, { ...draft, metadata }, options);
    }
    if (current === undefined) throw status.notFound(kind, key.name);
    const { uid } = draft.metadata;
    if (uid && uid !== current.metadata.uid) {
      const difference = `UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`;
      throw status.conflict(kind, key.name, `Precondition failed: ${difference}`);
    }
    return { object: this.#replace(kind, current, draft, options), created: false };
  }

  /** PATCH: `change` makes the next state of the current one. */
  patch(kind: FakeKind, key: Key, change: (current: ApiObject) => DraftObject, options: WriteOptions): Written {
    const current = this.get(kind, key);
    const draft = this.#identify(kind, key, change(current));
    const { uid } = draft.metadata;
    if (uid && uid !== current.metadata.uid) {
      const message = `Invalid value: "${uid}": field is immutable`;
      throw status.invalid(kind, key.name, { reason: 'FieldValueInvalid', message, field: 'metadata.uid' });
    }
    return { object: this.#replace(kind, current, draft, options), created: false };
  }

  /** DELETE. `removed` is false for an object that waits for its finalizers. */
  delete(
    kind: FakeKind,
    key: Key,
    { preconditions = {}, dryRun = false }: { preconditions?: Preconditions; dryRun?: boolean } = {},
  ): { object: ApiObject | DraftObject; removed: boolean } {
    const current = this.get(kind, key);
    checkPreconditions(kind, current, preconditions);
    if (!isHeld(current)) {
      if (!dryRun) this.#storage.remove(kind, current);
      return { object: current, removed: true };
    }
    if (current.metadata.deletionTimestamp) return { object: current, removed: false };
    const marked = markDeleted(current);
    return { object: dryRun ? marked : this.#storage.put(kind, marked), removed: false };
  }

  #replace(kind: FakeKind, current: ApiObject, draft: DraftObject, { writer, dryRun }: WriteOptions): DraftObject {
    const { name, resourceVersion } = current.metadata;
    const wanted = draft.metadata.resourceVersion;
    if ((!wanted || wanted === '0') && !allowsUnconditionalUpdate(kind)) throw status.versionRequired(kind, name);
    if (wanted && wanted !== '0' && wanted !== resourceVersion) throw status.staleVersion(kind, name);
    const next = prepareUpdate(kind, current, draft, writer);
    validate(kind, next, current);
    if (dryRun || sameObject(next, current)) return next;
    if (!current.metadata.deletionTimestamp || isHeld(next)) return this.#storage.put(kind, next);
    this.#storage.remove(kind, current);
    return next;
  }

  /** Fills in what the URL says and refuses a body that says something else. */
  #identify(kind: FakeKind, { namespace, name }: Key, body: DraftObject): DraftObject {
    const said = body.metadata;
    if ((said.namespace ?? '') !== '' && said.namespace !== namespace)
      throw status.badRequest('the namespace of the provided object does not match the namespace sent on the request');
    if (name !== '' && !said.name)
      throw status.badRequest(
        `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
      );
    if (name !== '' && said.name !== name)
      throw status.badRequest(`the name of the object (${said.name}) does not match the name on the URL (${name})`);
    const metadata = { ...said, ...(namespace ? { namespace } : {}) };
    return { ...body, apiVersion: apiVersion(kind), kind: kind.kind, metadata };
  }
}

/** Whether something still has to be done before the object may go. A namespace has finalizers in its spec too. */
function isHeld(object: DraftObject | ApiObject): boolean {
  if ((object.metadata.finalizers?.length ?? 0) > 0) return true;
  const finalizers = valueAt(object, 'spec.finalizers');
  return object.kind === 'Namespace' && Array.isArray(finalizers) && finalizers.length > 0;
}

function checkPreconditions(kind: FakeKind, { metadata }: ApiObject, { uid, resourceVersion }: Preconditions): void {
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw status.failedPrecondition(kind, metadata.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw status.failedPrecondition(kind, metadata.name, why);
  }
}
