import { MESSAGE_LENGTH, printable } from './printable.ts';

/** The part of metav1.Status that callers act on. */
export interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    /** Of the object that the answer is about. */
    readonly name?: string;
    readonly uid?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly StatusCause[];
  };
}

interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** As many causes of a refusal as are kept. */
const CAUSES = 16;
const NAME_LENGTH = 256;
/** The request, the server's sentence and what led to it. */
const WHOLE_LENGTH = 2 * MESSAGE_LENGTH;

/** An answer of the API server that is not 2xx. `message` is the server's own sentence, printable and bounded. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly status: StatusBody;

  constructor(code: number, status: StatusBody, request: string) {
    const clean = cleanStatus(status);
    super(`${printable(request)}: ${clean.message ?? `HTTP ${code}`}`);
    this.code = code;
    this.reason = clean.reason ?? '';
    this.status = clean;
  }
}

/** A Status as a server sent it, reduced to what callers act on: each field of its type, printable and bounded. */
function cleanStatus(status: StatusBody): StatusBody {
  const { details } = status;
  const causes = Array.isArray(details?.causes) ? details.causes.slice(0, CAUSES) : undefined;
  const kept = isObject(details) && {
    ...text('name', details.name, NAME_LENGTH),
    ...text('uid', details.uid, NAME_LENGTH),
    ...(typeof details.retryAfterSeconds === 'number' ? { retryAfterSeconds: details.retryAfterSeconds } : {}),
    ...(causes ? { causes: causes.filter(isObject).map(cleanCause) } : {}),
  };
  return {
    ...text('reason', status.reason, NAME_LENGTH),
    ...text('message', status.message, MESSAGE_LENGTH),
    ...(typeof status.code === 'number' ? { code: status.code } : {}),
    ...(kept ? { details: kept } : {}),
  };
}

function cleanCause({ reason, message, field }: StatusCause): StatusCause {
  return {
    ...text('reason', reason, NAME_LENGTH),
    ...text('message', message, MESSAGE_LENGTH),
    ...text('field', field, NAME_LENGTH),
  };
}

function text<N extends string>(name: N, value: unknown, most: number): { readonly [P in N]?: string } {
  return typeof value === 'string' ? ({ [name]: printable(value, most) } as { readonly [P in N]?: string }) : {};
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * The server answered, and not as an API server does: too much, for too long, not in JSON, or something other than what
 * was asked for. Whether a write took effect is not known. The message is printable and bounded.
 */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  /** What is wrong with the answer, without the request. */
  readonly problem: string;

  constructor(request: string, problem: string, options?: { readonly cause?: unknown }) {
    const clean = printable(problem);
    super(`${printable(request)}: ${clean}`, options);
    this.problem = clean;
  }
}

/** The answer is longer than is read of one. */
export class TooLongError extends AnswerError {}

/**
 * The request got no answer: refused, reset, timed out. Whether a write took effect is not known.
 * `cause` is the error of the socket or of the TLS handshake.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';

  /** Node's error code of the cause, such as ECONNREFUSED or CERT_HAS_EXPIRED; empty when it has none. */
  get code(): string {
    return causeCode(this.cause);
  }
}

/** Refused here, before anything was sent: this process no longer holds the right to write. */
export class WriteRefusedError extends Error {
  override readonly name = 'WriteRefusedError';
}

/** Thrown by a reconciler: retrying is pointless until an input changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** An error of whatever realm: those of Node itself are not instances of the Error that tests see. */
function isErrorLike(value: unknown): value is Error & { readonly code?: unknown } {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}

function causeCode(cause: unknown): string {
  if (!isErrorLike(cause)) return '';
  return typeof cause.code === 'string' ? cause.code : causeCode(cause.cause);
}

const hasCode = (error: unknown, code: number): error is ApiError => error instanceof ApiError && error.code === code;

/**
 * The server knows the kind, and the object, or the namespace it would be in, does not exist. The other 404,
 * of a kind that the server does not serve just now, says nothing about objects.
 */
export const isNotFound = (error: unknown): error is ApiError =>
  hasCode(error, 404) && error.reason === 'NotFound' && !!error.status.details?.name;
export const isForbidden = (error: unknown): error is ApiError => hasCode(error, 403);
export const isUnauthorized = (error: unknown): error is ApiError => hasCode(error, 401);
export const isInvalid = (error: unknown): error is ApiError => hasCode(error, 422);
export const isTooLarge = (error: unknown): error is ApiError => hasCode(error, 413);
export const isAlreadyExists = (error: unknown): error is ApiError =>
  hasCode(error, 409) && error.reason === 'AlreadyExists';
export const isConflict = (error: unknown): error is ApiError =>
  hasCode(error, 409) && error.reason !== 'AlreadyExists';
/** The resource version is older than the server remembers (410): list again. */
export const isExpired = (error: unknown): error is ApiError => hasCode(error, 410);

/** As many errors of an aggregate, and causes of causes, as a message names. */
const NAMED_ERRORS = 8;

/** The message of anything thrown, with the messages of its causes: one line, printable and bounded. */
export function errorMessage(error: unknown): string {
  return printable(wholeMessage(error, NAMED_ERRORS), WHOLE_LENGTH);
}

function wholeMessage(error: unknown, deep: number): string {
  if (!isErrorLike(error)) return String(error).slice(0, 2 * WHOLE_LENGTH);
  const { message, cause } = error;
  if (deep === 0) return message;
  if (error instanceof AggregateError && error.errors.length > 0) {
    const first = error.errors.slice(0, NAMED_ERRORS).map(each => wholeMessage(each, deep - 1));
    const more = error.errors.length - first.length;
    return `${message}: ${[...first, ...(more > 0 ? [`${more} more`] : [])].join('; ')}`;
  }
  return isErrorLike(cause) ? `${message}: ${wholeMessage(cause, deep - 1)}` : message;
}
