import { AnswerError, ApiError, type Informer, isForbidden, isUnauthorized, type KubeObject } from '#runtime';

/** Why a kind can't be read. */
export interface Unreadable {
  readonly reason: 'Forbidden' | 'ReadFailed';
  /** What the server says, and what to do. */
  readonly message: string;
}

/** Looks in a row that must find a failure other than 403: as long as a /readyz may fail before it counts. */
const PATIENCE = 4;

/**
 * Tells a server that does not show a kind from one that is away, has just started or is busy: only the second refusal
 * in a row counts, another failure only when it lasts, and silence is no answer. Asked from time to time, since an
 * informer tries again by itself.
 */
export class Readable {
  readonly #informer: Pick<Informer<KubeObject>, 'known' | 'failure' | 'resource'>;
  #first: ApiError | AnswerError | undefined;
  #looks = 0;
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
    if (!isAnswer(failure) || isUnauthorized(failure)) {
      this.#first = undefined;
      this.#looks = 0;
      return;
    }
    this.#first ??= failure;
    this.#looks += 1;
    const lasting = isForbidden(failure) || this.#looks > PATIENCE;
    if (failure !== this.#first && lasting) this.#problem = unreadable(resource, failure);
  }
}

/** The server has answered: with an error, or with what is no answer to the question. */
function isAnswer(failure: unknown): failure is ApiError | AnswerError {
  return failure instanceof ApiError || failure instanceof AnswerError;
}

/** The server's own sentence: the request's differs from try to try. */
function unreadable(resource: string, failure: ApiError | AnswerError): Unreadable {
  const said = failure instanceof AnswerError ? failure.problem : (failure.status.message ?? `HTTP ${failure.code}`);
  return isForbidden(failure)
    ? { reason: 'Forbidden', message: `${said}: grant the connection’s user list and watch on ${resource}` }
    : {
        reason: 'ReadFailed',
        message: `${resource} can’t be read: ${said}; look at the API server; it is tried again`,
      };
}
