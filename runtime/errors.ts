/** The part of metav1.Status that callers act on. */
export interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    /** Of the object that the answer is about. */
    readonly name?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly StatusCause[];
  };
}

interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** An answer of the API server that is not 2xx. `message` is the server's own sentence. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: number;
  readonly reason: string;
  readonly status: StatusBody;

  constructor(code: number, status: StatusBody, request: string) {
    super(`${request}: ${status.message ?? `HTTP ${code}`}`);
    this.code = code;
    this.reason = status.reason ?? '';
    this.status = status;
  }
}

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

/** The message of anything thrown, with the messages of its causes. */
export function errorMessage(error: unknown): string {
  if (!isErrorLike(error)) return String(error);
  if (error instanceof AggregateError && error.errors.length > 0)
    return `${error.message}: ${error.errors.map(errorMessage).join('; ')}`;
  return isErrorLike(error.cause) ? `${error.message}: ${errorMessage(error.cause)}` : error.message;
}
