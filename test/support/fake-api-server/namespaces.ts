import { type ApiObject, objectKey, valueAt } from './api-object.ts';
import { type FakeKind, isNamespaceKind, type KindRegistry } from './kinds.ts';
import type { Registry } from './registry.ts';
import { forbidden, notFound } from './status.ts';
import type { Storage } from './storage.ts';

const INITIAL = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/**
 * What admission and the namespace controller do, where Namespaces are among the kinds served: nothing is
 * created in a namespace that is missing or on its way out, and a deleted one goes once it is empty.
 * Where they are not, every namespace exists.
 */
export class NamespaceLifecycle {
  readonly #storage: Storage;
  readonly #kinds: KindRegistry;

  constructor(storage: Storage, kinds: KindRegistry) {
    this.#storage = storage;
    this.#kinds = kinds;
  }

  /** @throws StatusError 404 or 403 */
  admitCreate(kind: FakeKind, namespace: string | undefined, name: string | undefined): void {
    const namespaces = this.#namespaces();
    if (namespaces === undefined || namespace === undefined) return;
    const found = this.#storage.get(namespaces, namespace);
    if (found === undefined) throw notFound(namespaces, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const message = `namespace ${namespace} is being terminated`;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    throw forbidden(kind, name, why, [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]);
  }

  /** Creates the namespaces that every cluster has and empties those that are deleted from now on. */
  start(registry: Registry): void {
    const namespaces = this.#namespaces();
    if (namespaces === undefined) return;
    const writer = { manager: 'kube-apiserver', operation: 'Update' } as const;
    for (const name of INITIAL) registry.create(namespaces, { name }, { metadata: { name } }, { writer });
    this.#storage.onChange(({ kind, object }) => {
      const name = isNamespaceKind(kind) ? object.metadata.name : object.metadata.namespace;
      if (name === undefined || !isTerminating(this.#storage.get(namespaces, name))) return;
      // after the write has been told to everybody, as a controller would
      queueMicrotask(() => this.#empty(namespaces, name, registry));
    });
  }

  #empty(namespaces: FakeKind, name: string, registry: Registry): void {
    const namespace = this.#storage.get(namespaces, name);
    if (namespace === undefined || !isTerminating(namespace)) return;
    const rest = this.#contents(name);
    for (const { kind, object } of rest)
      if (!object.metadata.deletionTimestamp && this.#storage.get(kind, objectKey(object)))
        registry.delete(kind, { namespace: name, name: object.metadata.name });
    if (this.#contents(name).length > 0) return;
    if ((namespace.metadata.finalizers?.length ?? 0) === 0) this.#storage.remove(namespaces, namespace);
    else if (valueAt(namespace, 'spec.finalizers') !== undefined)
      this.#storage.put(namespaces, { ...namespace, spec: {} });
  }

  #contents(namespace: string): { kind: FakeKind; object: ApiObject }[] {
    return this.#kinds.all
      .filter(kind => kind.namespaced)
      .flatMap(kind => this.#storage.list(kind).map(object => ({ kind, object })))
      .filter(({ object }) => object.metadata.namespace === namespace);
  }

  #namespaces(): FakeKind | undefined {
    return this.#kinds.all.find(isNamespaceKind);
  }
}

const isTerminating = (namespace: ApiObject | undefined) => namespace?.metadata.deletionTimestamp !== undefined;
