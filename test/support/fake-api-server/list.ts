import { type ApiObject, isRecord, objectKey } from './api-object.ts';
import type { ListMeta } from './representation.ts';
import type { ApiRequest } from './request.ts';
import { parseSelection } from './selection.ts';
import * as status from './status.ts';
import type { Storage } from './storage.ts';

export interface ListResult {
  readonly items: readonly ApiObject[];
  readonly metadata: ListMeta;
}

interface ContinueToken {
  /** Of the first page; -1 continues from whatever there is now. */
  readonly revision: number;
  /** The first key of the page. */
  readonly start: string;
}

const TOKEN_VERSION = 'meta.k8s.io/v1';

/**
 * Answers a list. Without resourceVersion it tells the current state; with one, the current state unless that
 * is older (504), or with `Exact` the state at it; `behind` makes it as many revisions older as that allows.
 * Pages continue at the version of the first one.
 * @throws StatusError 400, 410, 422, 504
 */
export function list(storage: Storage, request: ApiRequest, { behind = 0 }: { behind?: number } = {}): ListResult {
  const { kind, namespace, query } = request;
  const selects = parseSelection(kind, namespace, query);
  const { revision, start } = position(storage, query, behind);
  const all = storage.listAt(kind, revision).filter(object => selects(object) && objectKey(object) >= start);
  const limit = pageSize(query);
  const items = limit > 0 ? all.slice(0, limit) : all;
  const last = items.at(-1);
  const resourceVersion = String(revision);
  if (last === undefined || items.length === all.length) return { items, metadata: { resourceVersion } };
  const remaining = hasSelector(query) ? {} : { remainingItemCount: all.length - items.length };
  const token = encodeToken({ revision, start: `${objectKey(last)}\0` });
  return { items, metadata: { resourceVersion, continue: token, ...remaining } };
}

/**
 * A `resourceVersion` parameter; `undefined` when it is missing or empty.
 * @throws StatusError from `refuse` when it is no number
 */
export function parseVersion(text: string | null, refuse: (message: string) => status.StatusError): bigint | undefined {
  if (text === null || text === '') return undefined;
  if (/^\d+$/.test(text)) return BigInt(text);
  throw refuse(`resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`);
}

/** A parameter that counts something. @throws StatusError 400 */
export function parseCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw status.badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
}

/** From the watch cache (resourceVersion=0) everything comes at once, whatever the limit. */
function pageSize(query: URLSearchParams): number {
  const limit = parseCount(query, 'limit') ?? 0;
  return query.get('resourceVersion') === '0' ? 0 : limit;
}

function position(storage: Storage, query: URLSearchParams, behind: number): ContinueToken {
  if (query.has('sendInitialEvents'))
    throw status.forbiddenOption('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  const token = query.get('continue') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const version = parseVersion(query.get('resourceVersion'), message =>
    status.badRequest(`invalid resource version: ${message}`),
  );
  if (match) checkMatch(match, { version, token });
  if (token) return continued(storage, token, version);
  const wanted = version ?? 0n;
  const current = storage.revision;
  if (wanted > BigInt(current)) throw status.tooLargeVersion(wanted, current);
  if (match === 'Exact') return { revision: Number(wanted), start: '' };
  const oldest = Math.max(storage.oldest, Number(wanted));
  return { revision: Math.min(current, Math.max(oldest, current - behind)), start: '' };
}

function checkMatch(match: string, { version, token }: { version: bigint | undefined; token: string }): void {
  const refuse = (why: string) => status.forbiddenOption('resourceVersionMatch', why);
  if (token) throw refuse('resourceVersionMatch is forbidden when continue is provided');
  if (version === undefined) throw refuse('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (match === 'Exact' && version === 0n)
    throw refuse('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    const message = `Unsupported value: "${match}": supported values: "Exact", "NotOlderThan", ""`;
    throw status.invalidOption('ListOptions', {
      reason: 'FieldValueNotSupported',
      message,
      field: 'resourceVersionMatch',
    });
  }
}

function continued(storage: Storage, text: string, version: bigint | undefined): ContinueToken {
  const token = decodeToken(text);
  if (version) throw status.badRequest('specifying resource version is not allowed when using continue');
  if (token.revision < 0) return { revision: storage.revision, start: token.start };
  if (token.revision < storage.oldest) throw expiredContinue(token);
  return token;
}

/** The 410 of a continued list; its own token goes on from whatever there is now. */
export function expiredContinue({ start }: Pick<ContinueToken, 'start'>): status.StatusError {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.';
  return status.expired(message, encodeToken({ revision: -1, start }));
}

function encodeToken({ revision, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: revision, start })).toString('base64url');
}

/** @throws StatusError 400 */
export function decodeToken(text: string): ContinueToken {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (isRecord(token) && typeof token.rv === 'number' && typeof token.start === 'string')
      return { revision: token.rv, start: token.start };
  } catch {
    // refused below
  }
  throw status.badRequest('invalid continue token: continue key is not valid');
}

function hasSelector(query: URLSearchParams): boolean {
  return Boolean(query.get('labelSelector') || query.get('fieldSelector'));
}
