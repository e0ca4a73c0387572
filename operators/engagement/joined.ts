import { type Clock, type Lease, WriteRefusedError } from '#runtime';
import { engagementKey, HUB_TIMES, hubIdentity, writerAnnotation } from './lease.ts';

interface Known {
  readonly holder: string;
  /** Monotonic time, ms: the Lease was written then or later, by or for this holder. */
  readonly writtenAt: number;
  /** This process has put its name on the Lease, and it is still there. */
  readonly joined: boolean;
}

export interface JoinedOptions {
  /** Under which this process writes to clusters. */
  readonly fieldManager: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** The latest moment known to lie before the write of a version; see `writtenAfter` in the runtime. */
  readonly writtenAfter: (version: string) => number;
}

/**
 * What one hub operator knows of the engagement Leases, as they are seen, and whether it may write to a cluster by
 * them: while the hub holds the Lease, this process has put its name on it, and the last write of it is not older than
 * the hub itself would trust. Its age is judged by this process's own monotonic clock, and never as less than it is.
 */
export class JoinedEngagements {
  readonly #options: JoinedOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: JoinedOptions) {
    this.#options = options;
  }

  /** The Lease of a cluster as it is now. True when it means something else than before, its age aside. */
  seen(cluster: string, lease: Lease, { initial }: { readonly initial: boolean }): boolean {
    const before = this.#known.get(cluster);
    const holder = lease.spec?.holderIdentity ?? '';
    const version = lease.metadata?.resourceVersion ?? '';
    // how old one is that was there before we looked, nobody can tell
    const writtenAt = initial ? Number.NEGATIVE_INFINITY : this.#options.writtenAfter(version);
    const named = lease.metadata?.annotations?.[writerAnnotation(this.#options.fieldManager)] !== undefined;
    const same = before?.holder === holder;
    const joined = same && named && before.joined;
    this.#known.set(cluster, { holder, joined, writtenAt: same ? Math.max(before.writtenAt, writtenAt) : writtenAt });
    return !same || before.joined !== joined;
  }

  /** There is no Lease any more. */
  gone(cluster: string): void {
    this.#known.delete(cluster);
  }

  /** The server has taken our name, which was sent at this monotonic time: others count the Lease as renewed since. */
  joined(cluster: string, sentAt: number): void {
    const known = this.#known.get(cluster);
    if (known) this.#known.set(cluster, { ...known, joined: true, writtenAt: Math.max(known.writtenAt, sentAt) });
  }

  /** The hub holds the Lease, for this Cluster; how long ago that was renewed does not matter. */
  isHubs(cluster: string, uid: string): boolean {
    return this.#known.get(cluster)?.holder === hubIdentity(uid);
  }

  hasJoined(cluster: string): boolean {
    return this.#known.get(cluster)?.joined ?? false;
  }

  /** @throws WriteRefusedError */
  assertMayWrite(cluster: string, uid: string): void {
    const known = this.#known.get(cluster);
    if (known?.holder !== hubIdentity(uid)) throw refused(`the hub does not hold ${leaseOf(cluster)}`);
    if (!known.joined) throw refused(`${leaseOf(cluster)} does not name this operator`);
    const age = this.#options.clock.monotonic() - known.writtenAt;
    if (age >= HUB_TIMES.renewDeadlineMs)
      throw refused(
        `no renewal of ${leaseOf(cluster)} was seen for ${Math.floor(age / 1000)} s: see that the cluster operator runs`,
      );
  }
}

/** For messages alone: the guard is asked for every write. */
function leaseOf(cluster: string): string {
  const { namespace, name } = engagementKey(cluster);
  return `Lease ${namespace}/${name}`;
}

function refused(why: string): WriteRefusedError {
  return new WriteRefusedError(`${why}; nothing is written to the cluster`);
}
