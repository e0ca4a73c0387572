import { ApiError, type Informer, isForbidden, isUnauthorized, type KubeObject } from '#runtime';

/** Why a kind can't be read. */
export interface Unreadable {
  readonly reason: 'Forbidden' | 'ReadFailed';
  /** What the server says, and what to do. */
  readonly message: string;
}

/**
 * Tells a server that refuses to show a kind from one that is away or has just started: only the second refusal in a
 * row counts, and silence is no answer. Asked from time to time, since an informer tries again by itself.
 */
export class Readable {
  readonly #informer: Pick<Informer<KubeObject>, 'known' | 'failure' | 'resource'>;
  #doubt: ApiError | undefined;
  #problem: Unreadable | undefined;

  constructor(informer: Pick<Informer<KubeObject>, 'known' | 'failure' | 'resource'>) {
    this.#informer = informer;
  }

  /** The verdict of the last {@link look}. */
  get problem(): Unreadable | undefined {
    return this.#problem;
  }

  look(): void {
    const { known, failure, resource } = this.#informer;
    if (known) this.#problem = undefined;
    // a credential that is not known at all is told by the probes
    if (!(failure instanceof ApiError) || isUnauthorized(failure)) this.#doubt = undefined;
    else if (this.#doubt === undefined) this.#doubt = failure;
    else if (this.#doubt !== failure) this.#problem = unreadable(resource, failure);
  }
}

/** The server's own sentence: the request's differs from try to try. */
function unreadable(resource: string, failure: ApiError): Unreadable {
  const said = failure.status.message ?? `HTTP ${failure.code}`;
  return isForbidden(failure)
    ? { reason: 'Forbidden', message: `${said}: grant the connection’s user list and watch on ${resource}` }
    : {
        reason: 'ReadFailed',
        message: `${resource} can’t be read: ${said}; look at the API server; it is tried again`,
      };
}
