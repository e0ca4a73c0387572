import { apiVersion } from '../../../runtime/resource.ts';
import { type ApiObject, type DraftObject, isRecord } from './api-object.ts';
import { type FakeKind, isCustomResource } from './kinds.ts';
import { applyJsonPatch, applyMergePatch } from './patch.ts';
import type { Preconditions } from './registry.ts';
import type { ApiRequest } from './request.ts';
import * as status from './status.ts';

/** The object of a POST or PUT. @throws StatusError 400 */
export function parseObject(kind: FakeKind, body: string): DraftObject {
  const value = parseJson(body, `the object provided is unrecognized (must be of type ${kind.kind})`);
  if (!isRecord(value)) throw status.badRequest(`the object provided is unrecognized (must be of type ${kind.kind})`);
  if (isCustomResource(kind) && (value.kind === undefined || value.apiVersion === undefined))
    throw status.badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing`,
    );
  return draftOf(kind, value);
}

/** What a PATCH makes of an object; `create` too when it is an apply. */
export interface ParsedPatch {
  readonly apply: boolean;
  change(current: ApiObject | undefined): DraftObject;
}

/**
 * The patch of a PATCH request, by its content type. Server-side apply is a merge of the intent into the
 * object, lists replaced whole: nobody owns fields, so nothing conflicts and what an intent no longer
 * names stays. Strategic merge is not there.
 * @throws StatusError 400, 415, 422
 */
export function parsePatch({ kind, headers, body, query }: ApiRequest): ParsedPatch {
  const [contentType] = (headers['content-type'] ?? '').split(';');
  switch (contentType) {
    case 'application/json-patch+json': {
      const patch = parseJson(body, 'error decoding patch');
      return { apply: false, change: current => draftOf(kind, applyJsonPatch(current, patch)) };
    }
    case 'application/merge-patch+json': {
      const patch = parseJson(body, 'error decoding patch');
      return { apply: false, change: current => draftOf(kind, applyMergePatch(current, patch)) };
    }
    case 'application/apply-patch+yaml': {
      const message = 'Required value: is required for apply patch';
      if (!query.get('fieldManager'))
        throw status.invalidOption('PatchOptions', { reason: 'FieldValueRequired', message, field: 'fieldManager' });
      const intent = parseIntent(kind, body);
      return { apply: true, change: current => draftOf(kind, applyMergePatch(current ?? {}, intent)) };
    }
    default:
      throw status.unsupportedMediaType();
  }
}

/** DeleteOptions: of the body, which may be empty. @throws StatusError 500 for a body that is no JSON */
export function parseDeleteOptions(body: string): { preconditions: Preconditions; dryRun: boolean } {
  if (body === '') return { preconditions: {}, dryRun: false };
  let options: unknown;
  try {
    options = JSON.parse(body);
  } catch (error) {
    throw new status.StatusError(500, '', `couldn't get version/kind; json parse error: ${String(error)}`);
  }
  const { preconditions, dryRun } = isRecord(options) ? options : {};
  const { uid, resourceVersion } = isRecord(preconditions) ? preconditions : {};
  return {
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
    dryRun: Array.isArray(dryRun) && dryRun.includes('All'),
  };
}

function parseIntent(kind: FakeKind, body: string): DraftObject {
  const intent = parseJson(body, 'error decoding apply patch: only JSON is understood, which is YAML');
  if (!isRecord(intent) || intent.kind === undefined || intent.apiVersion === undefined)
    throw status.badRequest('invalid object type: /, Kind=');
  return draftOf(kind, intent);
}

function draftOf(kind: FakeKind, value: unknown): DraftObject {
  if (!isRecord(value)) throw status.badRequest(`json: cannot unmarshal ${typeof value} into ${kind.kind}`);
  const { metadata = {}, kind: name, apiVersion: version } = value;
  if (!isRecord(metadata)) throw status.badRequest(`json: cannot unmarshal ${typeof metadata} into ObjectMeta`);
  if ((name !== undefined && name !== kind.kind) || (version !== undefined && version !== apiVersion(kind)))
    throw status.badRequest(`${name} in version "${version}" cannot be handled as a ${kind.kind}`);
  return { ...value, apiVersion: apiVersion(kind), kind: kind.kind, metadata };
}

function parseJson(text: string, otherwise: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw status.badRequest(`${otherwise}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
