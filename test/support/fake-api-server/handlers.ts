import { objectKey } from './api-object.ts';
import { parseDeleteOptions, parseObject, parsePatch } from './body.ts';
import type { Writer } from './lifecycle.ts';
import { list } from './list.ts';
import type { Registry, WriteOptions, Written } from './registry.ts';
import { negotiate, present, presentList } from './representation.ts';
import type { ApiRequest } from './request.ts';
import { parseSelection } from './selection.ts';
import * as status from './status.ts';
import type { Storage } from './storage.ts';

export interface Answer {
  readonly code: number;
  readonly body: object;
}

export interface Backend {
  readonly storage: Storage;
  readonly registry: Registry;
}

/** Answers everything but a watch. `behind` ages a list. @throws StatusError */
export function answer(backend: Backend, request: ApiRequest, { behind }: { behind: number }): Answer {
  const { kind, verb, name, namespace } = request;
  const collection = verb === 'list' || verb === 'deletecollection';
  const representation = negotiate(request.headers.accept, { list: collection });
  const key = { name, ...(namespace === undefined ? {} : { namespace }) };
  switch (verb) {
    case 'get':
      return { code: 200, body: present(backend.registry.get(kind, key), representation) };
    case 'list': {
      const result = list(backend.storage, request, { behind });
      return { code: 200, body: presentList(kind, result, representation) };
    }
    case 'create': {
      const draft = parseObject(kind, request.body);
      return written(backend.registry.create(kind, key, draft, writeOptions(request)), representation);
    }
    case 'update': {
      const draft = parseObject(kind, request.body);
      return written(backend.registry.update(kind, key, draft, writeOptions(request)), representation);
    }
    case 'patch':
      return written(patch(backend, request), representation);
    case 'delete':
      return remove(backend, request);
    case 'deletecollection':
      return { code: 200, body: presentList(kind, removeAll(backend, request), representation) };
    default:
      throw status.methodNotAllowed();
  }
}

function written({ object, created }: Written, representation: { metadataOnly: boolean }): Answer {
  return { code: created ? 201 : 200, body: present(object, representation) };
}

function patch({ storage, registry }: Backend, request: ApiRequest): Written {
  const { kind, name, namespace } = request;
  const key = { name, ...(namespace === undefined ? {} : { namespace }) };
  const { apply, change } = parsePatch(request);
  const options = writeOptions(request, apply ? 'Apply' : 'Update');
  const exists = storage.get(kind, objectKey({ metadata: key })) !== undefined;
  if (exists || !apply || request.subresource) return registry.patch(kind, key, change, options);
  const draft = change(undefined);
  const { uid } = draft.metadata;
  if (uid) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw status.conflict(kind, name, why);
  }
  return registry.create(kind, key, draft, options);
}

function remove({ registry }: Backend, request: ApiRequest): Answer {
  const { kind, name, namespace } = request;
  const options = parseDeleteOptions(request.body);
  const dryRun = options.dryRun || isDryRun(request);
  const key = { name, ...(namespace === undefined ? {} : { namespace }) };
  const { object, removed } = registry.delete(kind, key, { preconditions: options.preconditions, dryRun });
  if (!removed) return { code: 200, body: object };
  const group = kind.group === '' ? {} : { group: kind.group };
  const details = { name, ...group, kind: kind.plural, uid: object.metadata.uid ?? '' };
  return { code: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
}

function removeAll({ storage, registry }: Backend, request: ApiRequest): ReturnType<typeof list> {
  const { kind, namespace, query } = request;
  const selects = parseSelection(kind, namespace, query);
  const items = storage.list(kind).filter(selects);
  for (const { metadata } of items) {
    const key = { name: metadata.name, ...(metadata.namespace ? { namespace: metadata.namespace } : {}) };
    registry.delete(kind, key, { dryRun: isDryRun(request) });
  }
  return { items, metadata: { resourceVersion: String(storage.revision) } };
}

function writeOptions(request: ApiRequest, operation: Writer['operation'] = 'Update'): WriteOptions {
  const { query, headers, subresource } = request;
  const manager = query.get('fieldManager') || (headers['user-agent'] ?? 'unknown').split('/')[0] || 'unknown';
  return {
    writer: { manager, operation, ...(subresource ? { subresource } : {}) },
    dryRun: isDryRun(request),
  };
}

function isDryRun({ query, verb }: ApiRequest): boolean {
  const values = query.getAll('dryRun').filter(value => value !== '');
  if (values.every(value => value === 'All')) return values.length > 0;
  const kind = `${verb[0]?.toUpperCase()}${verb.slice(1)}Options`;
  const message = `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`;
  throw status.invalidOption(kind, { reason: 'FieldValueNotSupported', message, field: 'dryRun' });
}
