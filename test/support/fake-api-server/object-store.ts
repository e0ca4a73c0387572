import type { Key, KubeObject, ResourceType } from '../../../runtime/resource.ts';
import { keyOf, keyString } from '../../../runtime/resource.ts';
import { type ApiObject, copyOf, type DraftObject } from './api-object.ts';
import type { FakeKind, KindRegistry } from './kinds.ts';
import type { Preconditions, Registry, Written } from './registry.ts';
import type { Storage } from './storage.ts';

const writer = { manager: 'test', operation: 'Update' } as const;

/**
 * The objects of the server, for tests: what is written here follows the rules of requests and reaches the
 * watches, but is no request, so no fault strikes it. Objects that come out are frozen.
 */
export class ObjectStore {
  readonly #storage: Storage;
  readonly #registry: Registry;
  readonly #kinds: KindRegistry;

  constructor({ storage, registry, kinds }: { storage: Storage; registry: Registry; kinds: KindRegistry }) {
    this.#storage = storage;
    this.#registry = registry;
    this.#kinds = kinds;
  }

  /** Of the last write of any kind. */
  get resourceVersion(): string {
    return String(this.#storage.revision);
  }

  /** @throws StatusError as the server would answer */
  create<T extends KubeObject>(object: T): T {
    const { kind, draft } = this.#draft(object);
    return typed(this.#registry.create(kind, scopeOf(draft), draft, { writer }));
  }

  /** Replaces an object, whatever its version, unless the object names one. */
  update<T extends KubeObject>(object: T): T {
    const { kind, draft } = this.#draft(object);
    return typed(this.#registry.update(kind, keyOf(object), this.#current(kind, draft), { writer }));
  }

  updateStatus<T extends KubeObject>(object: T): T {
    const { kind, draft } = this.#draft(object);
    const status = { writer: { ...writer, subresource: 'status' as const } };
    return typed(this.#registry.update(kind, keyOf(object), this.#current(kind, draft), status));
  }

  /** Removes an object, or marks it deleted when it has finalizers. */
  delete(type: ResourceType, key: Key, preconditions: Preconditions = {}): void {
    this.#registry.delete(this.#kinds.get(type), key, { preconditions });
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: Key): T | undefined {
    return this.#storage.get(this.#kinds.get(type), keyString(key)) as T | undefined;
  }

  /** In the order of namespace and name. */
  list<T extends KubeObject>(type: ResourceType<T>, namespace?: string): T[] {
    const objects: ApiObject[] = this.#storage.list(this.#kinds.get(type));
    const wanted = objects.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
    return wanted as KubeObject[] as T[];
  }

  /** Uses up `count` resource versions, as writes to other kinds do. */
  advance(count = 1): void {
    this.#storage.advance(count);
  }

  #draft(object: KubeObject): { kind: FakeKind; draft: DraftObject } {
    const draft: DraftObject = { metadata: {}, ...copyOf(object) };
    return { kind: this.#kinds.ofObject(object), draft };
  }

  #current(kind: FakeKind, draft: DraftObject): DraftObject {
    const { resourceVersion } = this.#registry.get(kind, keyOf(draft)).metadata;
    return { ...draft, metadata: { resourceVersion, ...draft.metadata } };
  }
}

/** The caller's own type: what it wrote, completed by the server. */
const typed = <T extends KubeObject>({ object }: Written): T => object as KubeObject as T;

const scopeOf = ({ metadata: { namespace } }: DraftObject) => (namespace === undefined ? {} : { namespace });
