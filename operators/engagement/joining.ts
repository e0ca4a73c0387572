import { parseClusterNamespace } from '#api';
import {
  type Client,
  type Clock,
  type Informer,
  isConflict,
  isNotFound,
  type Lease,
  type Manager,
  microTimestamp,
  systemClock,
  writtenAfter,
} from '#runtime';
import { JoinedEngagements } from './joined.ts';
import { ENGAGEMENT_LEASE, EngagementLeases, engagementKey, writerAnnotation } from './lease.ts';

export interface JoiningOptions {
  readonly manager: Manager;
  readonly fieldManager: string;
  /** Told when who holds a cluster's Lease has changed, or this operator's name on it. */
  readonly onChange: (cluster: string) => void;
}

/**
 * One hub operator's part in the engagement Leases: before it writes to a cluster it puts its name on the Lease, and
 * takes it off when it writes no more, so that the hub can give the Lease up without waiting.
 */
export class Joining {
  readonly #options: JoiningOptions;
  readonly #client: Client;
  readonly #leases: Informer<Lease>;
  readonly #joined: JoinedEngagements;
  readonly #clock: Clock = systemClock;

  constructor(options: JoiningOptions) {
    this.#options = options;
    const { manager, fieldManager } = options;
    this.#client = manager.hub.client.as(fieldManager);
    this.#leases = manager.hub.cache.informer(EngagementLeases, { fieldSelector: `metadata.name=${ENGAGEMENT_LEASE}` });
    this.#joined = new JoinedEngagements({
      fieldManager,
      clock: this.#clock,
      // a single process without leader election has nothing to date versions by
      writtenAfter: version => (manager.renewals ? writtenAfter(version, manager.renewals) : this.#clock.monotonic()),
    });
  }

  start(): void {
    const clusterOf = ({ metadata }: Lease) => parseClusterNamespace(metadata?.namespace ?? '');
    this.#leases.subscribe({
      applied: (lease, _old, { initial }) => {
        const cluster = clusterOf(lease);
        if (cluster !== undefined && this.#joined.seen(cluster, lease, { initial })) this.#options.onChange(cluster);
      },
      deleted: lease => {
        const cluster = clusterOf(lease);
        if (cluster === undefined) return;
        this.#joined.gone(cluster);
        this.#options.onChange(cluster);
      },
    });
  }

  isHubs(cluster: string, uid: string): boolean {
    return this.#joined.isHubs(cluster, uid);
  }

  hasJoined(cluster: string): boolean {
    return this.#joined.hasJoined(cluster);
  }

  /** @throws WriteRefusedError */
  assertMayWrite(cluster: string, uid: string): void {
    this.#joined.assertMayWrite(cluster, uid);
  }

  /**
   * Puts this operator's name on the Lease as it is known, which the hub must hold for this Cluster. False when the
   * Lease is another's or has changed meanwhile: look at it again.
   */
  async join(cluster: string, uid: string, signal: AbortSignal): Promise<boolean> {
    if (!this.isHubs(cluster, uid)) return false;
    const sentAt = this.#clock.monotonic();
    // the value changes, so the Lease does, and others who wait for it to run out begin anew
    if (!(await this.#name(cluster, microTimestamp(this.#clock.now()), signal))) return false;
    if (!this.isHubs(cluster, uid)) return false;
    this.#joined.joined(cluster, sentAt);
    return true;
  }

  /**
   * Takes this operator's name off the Lease, if it is on it. Nothing of it may be on its way to the cluster any more.
   * False when the Lease has changed meanwhile: try again.
   */
  async leave(cluster: string, signal: AbortSignal): Promise<boolean> {
    return !this.#isNamed(cluster) || (await this.#name(cluster, null, signal));
  }

  #isNamed(cluster: string): boolean {
    const { annotations } = this.#leases.get(engagementKey(cluster))?.metadata ?? {};
    return annotations?.[writerAnnotation(this.#options.fieldManager)] !== undefined;
  }

  /** False when the Lease is no longer as it is known. */
  async #name(cluster: string, value: string | null, signal: AbortSignal): Promise<boolean> {
    const key = engagementKey(cluster);
    const { resourceVersion } = this.#leases.get(key)?.metadata ?? {};
    if (resourceVersion === undefined) return false;
    const annotations = { [writerAnnotation(this.#options.fieldManager)]: value };
    try {
      await this.#client.mergePatch(EngagementLeases, key, { metadata: { resourceVersion, annotations } }, { signal });
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }
}
