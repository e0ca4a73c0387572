import { type ResourceType, resourceName } from '../../../runtime/resource.ts';

export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** metav1.Status, the body of every answer that is not an object. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** Ends the handling of a request with an error answer. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status & { readonly code: number };

  constructor(
    code: number,
    reason: string,
    message: string,
    extra: { details?: StatusDetails; continue?: string } = {},
  ) {
    super(message);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: extra.continue ? { continue: extra.continue } : {},
      status: 'Failure',
      message,
      ...(reason ? { reason } : {}),
      ...(extra.details ? { details: extra.details } : {}),
      code,
    };
  }
}

const named = (type: ResourceType, name: string | undefined, kind: string): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(type.group ? { group: type.group } : {}),
  kind,
});

export const badRequest = (message: string) => new StatusError(400, 'BadRequest', message);
export const unauthorized = () => new StatusError(401, 'Unauthorized', 'Unauthorized');

/** A path outside every group that is served; answered in plain text, with no Status. */
export class PageNotFound extends Error {
  override readonly name = 'PageNotFound';
}

/** A plural or subresource that a group which is served does not have. */
export const unknownResource = () =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', { details: {} });

export const methodNotAllowed = () =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });

export const notAcceptable = (message: string) => new StatusError(406, 'NotAcceptable', message, { details: {} });

export const unsupportedMediaType = () =>
  new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', { details: {} });

export const notFound = (type: ResourceType, name: string) =>
  new StatusError(404, 'NotFound', `${resourceName(type)} "${name}" not found`, {
    details: named(type, name, type.plural),
  });

export const alreadyExists = (type: ResourceType, name: string) =>
  new StatusError(409, 'AlreadyExists', `${resourceName(type)} "${name}" already exists`, {
    details: named(type, name, type.plural),
  });

export const conflict = (type: ResourceType, name: string, why: string) =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${resourceName(type)} "${name}": ${why}`, {
    details: named(type, name, type.plural),
  });

/** Of a delete; these name the kind where other conflicts name the resource. */
export const failedPrecondition = (type: ResourceType, name: string, why: string) => {
  const groupKind = type.group ? `${type.kind}.${type.group}` : type.kind;
  return new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${groupKind} "${name}": ${why}`, {
    details: named(type, name, type.kind),
  });
};

export const staleVersion = (type: ResourceType, name: string) =>
  conflict(type, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const invalid = (type: ResourceType, name: string, cause: StatusCause) => {
  const groupKind = type.group ? `${type.kind}.${type.group}` : type.kind;
  const message = `${groupKind} "${name}" is invalid: ${cause.field}: ${cause.message}`;
  return new StatusError(422, 'Invalid', message, {
    details: { ...named(type, name, type.kind), causes: [cause] },
  });
};

/** An option of the request that does not go with the others; `kind` is ListOptions, PatchOptions… */
export const invalidOption = (kind: string, cause: StatusCause) =>
  new StatusError(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${cause.field}: ${cause.message}`, {
    details: { group: 'meta.k8s.io', kind, causes: [cause] },
  });

export const forbiddenOption = (field: string, why: string) =>
  invalidOption('ListOptions', { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field });

export const unprocessablePatch = () =>
  new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', { details: {} });

export const forbidden = (type: ResourceType, name: string | undefined, why: string, causes?: readonly StatusCause[]) =>
  new StatusError(403, 'Forbidden', `${resourceName(type)}${name ? ` "${name}"` : ''} is forbidden: ${why}`, {
    details: { ...named(type, name, type.plural), ...(causes ? { causes } : {}) },
  });

export const tooManyRequests = (retryAfterSeconds: number) =>
  new StatusError(429, 'TooManyRequests', 'too many requests, please try again later', {
    details: { retryAfterSeconds },
  });

export const requestTooLarge = (limit: number) =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

export const tooLargeVersion = (wanted: bigint, current: number) =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });

export const expired = (message: string, next?: string) =>
  new StatusError(410, 'Expired', message, next ? { continue: next } : {});

/** What the watch cache says when it no longer holds the events after `wanted`. */
export const tooOldVersion = (wanted: bigint, oldest: number) =>
  expired(`too old resource version: ${wanted} (${oldest})`);

export const internalError = (message: string) =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ reason: '', message }] },
  });

export const versionRequired = (type: ResourceType, name: string) => {
  const cause = { reason: 'FieldValueInvalid', message: 'Invalid value: 0: must be specified for an update' };
  const field = 'metadata.resourceVersion';
  return new StatusError(422, 'Invalid', `${resourceName(type)} "${name}" is invalid: ${field}: ${cause.message}`, {
    details: { ...named(type, name, type.plural), causes: [{ ...cause, field }] },
  });
};
