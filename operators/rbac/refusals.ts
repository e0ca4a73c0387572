import { ApiError, isConflict, type Key, keyString, type ResourceType, resourceName } from '#runtime';
import type { Obstacle } from './binding-status.ts';

/** What is tried with one object of ours. */
export interface Write {
  readonly type: ResourceType;
  readonly key: Key;
  readonly verb: 'made' | 'changed' | 'deleted';
  /** Does it only take something from somebody? */
  readonly takes: boolean;
}

/** The server refused a write, in its own words: a policy, a webhook or missing rights. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly write: Write;

  constructor(write: Write, cause: ApiError) {
    super(`${resourceName(write.type)} ${keyString(write.key)} can't be ${write.verb}`, { cause });
    this.write = write;
  }

  /** The server's sentence. */
  get why(): string {
    const { cause } = this;
    return cause instanceof ApiError ? (cause.status.message ?? cause.message) : String(cause);
  }
}

/**
 * Does a write, and says of one that the server refuses what it was about. A race that is lost is no refusal.
 * @throws RefusedError
 */
export async function writing<T>(write: Write, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError) || isConflict(error)) throw error;
    throw new RefusedError(write, error);
  }
}

/** What was refused last, by the key whose reconcile it ended. It is forgotten when that succeeds. */
export class Refusals {
  readonly #byKey = new Map<string, RefusedError>();

  async during<T>(key: string, reconcile: () => Promise<T>): Promise<T> {
    try {
      const result = await reconcile();
      this.#byKey.delete(key);
      return result;
    } catch (error) {
      if (error instanceof RefusedError) this.#byKey.set(key, error);
      throw error;
    }
  }

  /** Those of these keys, in their order. */
  of(keys: readonly string[]): RefusedError[] {
    return keys.flatMap(key => this.#byKey.get(key) ?? []);
  }

  /** All of them, those of these keys first. */
  all(first: readonly string[]): RefusedError[] {
    return this.of([...new Set([...first, ...this.#byKey.keys()])]);
  }
}

/** Of a binding's condition: the roles that somebody has lost are theirs still. */
export const REVOCATION_FAILED = 'RevocationFailed';
export const GRANT_FAILED = 'GrantFailed';
/** Of the same: a namespace does not hold down yet who would have a role in it. */
export const POD_SECURITY_MISSING = 'PodSecurityMissing';
export const LIMITS_MISSING = 'LimitsMissing';

/** Why a binding is not confirmed, for people; `holdsUp` where nothing is given before it is done. */
export function obstacleOf(
  [first, ...more]: readonly RefusedError[],
  { where, holdsUp }: { readonly where: string; readonly holdsUp: boolean },
): Obstacle | undefined {
  if (!first) return undefined;
  const before = holdsUp ? ', and nobody is given anything there before it is' : '';
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return {
    reason: holdsUp || first.write.takes ? REVOCATION_FAILED : GRANT_FAILED,
    message: `${where}: ${first.message}${before}: ${first.why}${others}; allow it, it is tried again every 30 s`,
  };
}
