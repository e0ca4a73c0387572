import { copyOf, isRecord, sameJson } from './api-object.ts';
import { badRequest, unprocessablePatch } from './status.ts';

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = applyMergePatch(result[field], value);
  }
  return result;
}

/**
 * RFC 6902 on a copy of `target`.
 * @throws StatusError 400 for what is no list of operations, 422 for an operation that cannot be done
 */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  let document: unknown = copyOf(target);
  for (const operation of patch) {
    if (!isRecord(operation)) throw badRequest('error decoding patch: an operation is an object');
    document = applyOperation(document, operation);
  }
  return document;
}

function applyOperation(document: unknown, operation: Record<string, unknown>): unknown {
  const path = pointer(operation.path);
  const { value } = operation;
  switch (operation.op) {
    case 'add':
      return add(document, path, value);
    case 'remove':
      return remove(document, path);
    case 'replace':
      return add(remove(document, path), path, value);
    case 'test':
      if (!sameJson(read(document, path, { missing: null }), value ?? null)) throw unprocessablePatch();
      return document;
    case 'copy':
      return add(document, path, copyOf(read(document, pointer(operation.from))));
    case 'move': {
      const from = pointer(operation.from);
      const moved = read(document, from);
      return add(remove(document, from), path, moved);
    }
    default:
      throw unprocessablePatch();
  }
}

function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) throw unprocessablePatch();
  return path
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: unknown, path: readonly string[], options?: { missing: unknown }): unknown {
  let value = document;
  for (const part of path) {
    const inner = Array.isArray(value)
      ? value[index(part, value.length - 1)]
      : isRecord(value)
        ? value[part]
        : undefined;
    if (inner === undefined && options) return options.missing;
    if (inner === undefined) throw unprocessablePatch();
    value = inner;
  }
  return value;
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : index(last, parent.length), 0, value);
  else if (isRecord(parent)) parent[last] = value;
  else throw unprocessablePatch();
  return document;
}

function remove(document: unknown, path: readonly string[]): unknown {
  const last = path.at(-1);
  if (last === undefined) throw unprocessablePatch();
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1), 1);
  else if (isRecord(parent) && last in parent) delete parent[last];
  else throw unprocessablePatch();
  return document;
}

function index(part: string, highest: number): number {
  const at = /^(0|[1-9]\d*)$/.test(part) ? Number(part) : Number.NaN;
  if (!(at <= highest)) throw unprocessablePatch();
  return at;
}
