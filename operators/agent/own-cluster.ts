import { clusterNamespace, fieldManager } from '#api';
import {
  BOUNDS,
  type Clock,
  Cluster,
  type Credentials,
  errorMessage,
  type LeaderElection,
  type Manager,
  type Runnable,
  type TransportOptions,
} from '#runtime';
import { claimProblem, type Identity, identify, takeClaim, versionProblem } from '../cluster/establish.ts';
import { outcomeOfAnswer, outcomeOfError } from '../cluster/outcome.ts';
import { PoliciesInPlace } from '../cluster/policies/policies.ts';
import { REGISTRATION_SECRET } from '../cluster/registration/kinds.ts';
import { agentNamespace } from '../cluster/registration/manifest.ts';
import { assertClaim, CLAIM, ConfigMaps, isPredecessor, type Owner } from '../engagement/claim.ts';
import type { Problem } from '../engagement/heartbeat.ts';
import { engagingProblem } from '../engagement/lease.ts';
import type { HandBack } from './hand-back.ts';
import type { Registration } from './manifest-secret.ts';

export interface OwnClusterOptions {
  readonly manager: Manager;
  readonly registration: Registration;
  /** How this process reaches the cluster that it runs in. */
  readonly credentials: Credentials;
  /** Lease `engagement` in the hub: its holder alone writes to the cluster. */
  readonly engagement: LeaderElection;
  /** What is done with the cluster once its Cluster is being deleted. */
  readonly handBack: HandBack;
  /** Told when it is known whether policies guard the cluster, and when that has changed. */
  readonly onChange: () => void;
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
  readonly clock: Clock;
}

const RETRY_MS = 5_000;

/**
 * The cluster that the agent runs in: probed for the heartbeat, claimed for the hub, and engaged while the agent
 * holds the Lease `engagement`.
 */
export class OwnCluster implements Runnable {
  readonly #options: OwnClusterOptions;
  /** For probes alone, so that they wait for nothing. */
  readonly #probe: Cluster;
  #problem: Problem | undefined;
  #identity: Identity | undefined;
  /** While the cluster is engaged. */
  #policies: PoliciesInPlace | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: OwnClusterOptions) {
    this.#options = options;
    this.#probe = this.#connection(() => undefined);
  }

  /** Why the cluster can't be engaged, or is not guarded; undefined when it is, or was not looked at yet. */
  get problem(): Problem | undefined {
    const { engagement, registration } = this.#options;
    if (this.#problem) return this.#problem;
    if (!engagement.held && engagement.holder !== undefined)
      return engagingProblem(registration.cluster, engagement.holder);
    const policies = this.#policies?.state;
    return policies === 'inPlace' ? undefined : policies;
  }

  /** Whether the cluster was seen to enforce its admission policies. */
  get policiesProven(): boolean {
    return this.#policies?.state === 'inPlace';
  }

  /** Whether nothing is known yet that {@link problem} could tell. */
  get settling(): boolean {
    return this.problem === undefined && this.#policies?.state === undefined;
  }

  /** What it was found to be when it was looked at last. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** What its API server has to complain about; undefined when it is ready. An answer is waited for this long [ms]. */
  async unhealthy(timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
    const request = { method: 'GET', path: '/readyz', timeoutMs, maxBytes: BOUNDS.probeBytes, signal } as const;
    const outcome = await this.#probe.transport.request(request).then(outcomeOfAnswer, outcomeOfError);
    if (outcome.kind === 'healthy') void this.#policies?.heard();
    else this.#policies?.doubt(); // its API server may come back with other flags
    return outcome.kind === 'healthy' ? undefined : outcome.message;
  }

  start(signal: AbortSignal): void {
    this.#ended = this.#run(signal);
  }

  async stopped(): Promise<void> {
    await this.#ended;
    await this.#probe.stop();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { manager, clock, handBack, engagement } = this.#options;
    const stands = AbortSignal.any([signal, handBack.leaving]);
    while (!stands.aborted) {
      try {
        await this.#engageWhileHeld(stands);
      } catch (error) {
        if (stands.aborted) break;
        manager.log.warn({ reason: errorMessage(error) }, 'the cluster is not engaged; trying again');
      }
      await clock.sleep(RETRY_MS, stands);
    }
    if (!signal.aborted) await handBack.run(() => this.#connection(() => engagement.assertHeld()), signal);
  }

  /** Comes back when the engagement was lost, or can't be had now. */
  async #engageWhileHeld(signal: AbortSignal): Promise<void> {
    const { manager, engagement, registration, handBack } = this.#options;
    if (!(await handBack.stands(signal)) || !(await this.#establish(signal))) return;
    await engagement.acquire(signal);
    if (signal.aborted) return;
    const cluster = this.#connection(() => engagement.assertHeld());
    try {
      await cluster.connect(signal);
      await this.#claim(cluster, signal);
      await this.#guard(cluster);
      manager.clusters.engage(cluster);
      manager.log.info({ cluster: registration.cluster }, 'engaged');
      await engagement.hold(signal);
    } finally {
      this.#policies = undefined;
      await manager.clusters.disengage(registration.cluster);
      await cluster.stop();
      await engagement.release(); // when nothing is written any more
    }
  }

  /** Version and claim, read only: for a cluster that is somebody else's the Lease is not asked for either. */
  async #establish(signal: AbortSignal): Promise<boolean> {
    const { credentials, registration } = this.#options;
    try {
      this.#identity = await identify(this.#probe, credentials, signal);
      const tooOld = versionProblem(this.#identity.version);
      if (tooOld) this.#problem = tooOld;
      if (tooOld) return false;
      const claim = await this.#probe.client.find(ConfigMaps, CLAIM, { signal });
      // that of an earlier Cluster of this name is taken over
      if (!claim || !isPredecessor(claim, this.#owner, registration.cluster)) assertClaim(claim, this.#owner);
      if (this.#problem?.terminal) this.#problem = undefined; // one of claiming goes when that succeeds
      return true;
    } catch (error) {
      if (!signal.aborted) this.#problem = claimProblem(error, errorMessage);
      return false;
    }
  }

  async #claim(cluster: Cluster, signal: AbortSignal): Promise<void> {
    const { registration, handBack } = this.#options;
    const { hub, clusterUid: uid } = registration;
    const systemNamespace = agentNamespace({ name: cluster.name, uid }, hub);
    const isCurrent = (signal: AbortSignal) => handBack.stands(signal);
    try {
      await takeClaim(cluster, { owner: this.#owner, clusterName: cluster.name, systemNamespace, isCurrent }, signal);
      this.#problem = undefined;
    } catch (error) {
      if (!signal.aborted) this.#problem = claimProblem(error, errorMessage);
      throw error;
    }
  }

  /** Resolves when it was tried to put the policies in place; from then on that goes with the heartbeats. */
  async #guard(cluster: Cluster): Promise<void> {
    const { clock, onChange } = this.#options;
    const secret = `${clusterNamespace(cluster.name)}/${REGISTRATION_SECRET}`;
    this.#policies = new PoliciesInPlace({
      cluster,
      owner: this.#owner,
      fieldManager: fieldManager('cluster', 'agent'),
      howToGrant: `apply an agent.yaml of this version: deleting Secret ${secret} in the hub issues one`,
      clock,
      onChange,
    });
    await this.#policies.heard();
  }

  get #owner(): Owner {
    const { hub, clusterUid: cluster } = this.#options.registration;
    return { hub, cluster };
  }

  #connection(writeGuard: () => void): Cluster {
    const { manager, registration, credentials, transport } = this.#options;
    return new Cluster({
      ...transport,
      name: registration.cluster,
      credentials,
      fieldManager: 'paddock-agent',
      log: manager.log,
      writeGuard: () => {
        manager.writeGuard();
        writeGuard();
      },
    });
  }
}
