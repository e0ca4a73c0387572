import type { KubeObject } from '#runtime';

/**
 * An API server takes a token for 60 s after the Secret that it is bound to was deleted, as long as a finalizer keeps
 * that, and for 10 s more one that it has seen (kubernetes/pkg/serviceaccount/claims.go, jwt.DefaultLeeway).
 */
const LINGERS_MS = 75_000;
/** A Secret that was deleted so long ago, by whichever clock, keeps no token valid. */
const OLD_MS = 600_000;

interface Lingering {
  readonly secret: KubeObject;
  /** By a monotonic clock [ms]. */
  readonly until: number;
}

/**
 * Secrets of ClusterAccesses that are over and that a finalizer keeps. A token that is bound to one is valid for longer
 * than an access may be after its end, so that its account has no rights meanwhile, whatever else it is there for.
 */
export class LingeringTokens {
  readonly #bySecret = new Map<string, Lingering & { readonly account: string }>();

  /** `wall` is by the wall clock, `now` by a monotonic one [ms]. */
  add(account: string, secret: KubeObject, { wall, now }: { readonly wall: number; readonly now: number }): void {
    const { uid = '', deletionTimestamp } = secret.metadata ?? {};
    for (const [old, { until }] of this.#bySecret) if (until + 2 * OLD_MS < now) this.#bySecret.delete(old);
    if (deletionTimestamp !== undefined && wall - Date.parse(deletionTimestamp) > OLD_MS) return;
    if (!this.#bySecret.has(uid)) this.#bySecret.set(uid, { account, secret, until: now + LINGERS_MS });
  }

  /** The Secret of the account whose token is valid for longest, and until when. */
  of(account: string, now: number): Lingering | undefined {
    const lingering = [...this.#bySecret.values()].filter(each => each.account === account && each.until > now);
    return lingering.sort((a, b) => b.until - a.until)[0];
  }
}
