import type { Cluster as ClusterObject } from '#api';
import {
  Backoff,
  type Clock,
  type Cluster,
  errorMessage,
  type Informer,
  jsonEqual,
  type LeaderElection,
  type Logger,
} from '#runtime';
import {
  Cleaning,
  type CleaningScope,
  ownSystemNamespace,
  PASS_GAP_MS,
  type Progress,
} from '../cluster/deletion-cleaning.ts';
import { DERIVED_KINDS } from '../cluster/deletion-derived.ts';
import { CLAIM, ConfigMaps } from '../engagement/claim.ts';
import type { HandBackReport } from '../engagement/hand-back.ts';
import { type Registration, readRegistration } from './manifest-secret.ts';
import { type Order, orderOf } from './order.ts';
import { uninstallAgent } from './uninstall.ts';

export interface HandBackOptions {
  readonly registration: Registration;
  /** The agent's Cluster in the hub: tells when to look. */
  readonly own: Informer<ClusterObject>;
  /** Reads the agent's Cluster from the hub's server: tells what to do. */
  readonly read: (signal: AbortSignal) => Promise<ClusterObject>;
  /** Lease `engagement` in the hub: its holder alone writes to the cluster. */
  readonly engagement: LeaderElection;
  /** Sends {@link HandBack.report} to the hub at once; resolves when it has arrived. */
  readonly tell: () => Promise<void>;
  /** Nothing is left to do for this agent. */
  readonly released: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 5_000;
/** How often the server is asked although nothing was heard of a change. */
const LOOK_EVERY_MS = 30_000;
/** The agent ends after this, although the hub was not told that it is done. */
const TELL_MS = 20_000;

/**
 * Hands the agent's cluster back when its Cluster is deleted, as far as the hub says in the condition Cleaned: what was
 * derived goes, then the claim, then the agent itself. Nothing is remembered: started again, it looks what is left.
 */
export class HandBack {
  readonly #options: HandBackOptions;
  readonly #backoff: Backoff;
  readonly #leaving = new AbortController();
  #wake = new AbortController();
  #progress: Progress | undefined;

  constructor(options: HandBackOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ base: 1_000, max: 15_000, resetAfter: 120_000, clock: options.clock });
    options.own.subscribe({
      applied: object => this.#seen(object),
      deleted: () => undefined, // absence orders nothing
    });
  }

  /** Aborts once the Cluster is being deleted: nothing is engaged from then on. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** For the heartbeats. */
  get report(): HandBackReport | undefined {
    return this.#progress && { cluster: this.#options.registration.clusterUid, ...this.#progress };
  }

  /** Whether the Cluster stands, by the hub's server. @throws when the hub does not say */
  async stands(signal: AbortSignal): Promise<boolean> {
    const object = await this.#options.read(signal);
    this.#seen(object);
    return orderOf(object, this.#options.registration) === 'engage';
  }

  /** Works until the cluster is released; `connect` opens a connection that writes only while `engagement` is held. */
  async run(connect: () => Cluster, signal: AbortSignal): Promise<void> {
    const { engagement, clock, log, released, registration } = this.#options;
    log.info({ cluster: registration.cluster }, 'the Cluster is being deleted: its cluster is handed back');
    this.#tell({ stage: 'begun' });
    while (!signal.aborted) {
      const cluster = connect();
      try {
        await engagement.acquire(signal);
        await whileHeld(engagement, signal, held => this.#follow(cluster, held));
        return released();
      } catch (error) {
        if (!signal.aborted) log.warn({ reason: errorMessage(error) }, 'the hand-back can not go on now; trying again');
      } finally {
        await cluster.stop();
      }
      await clock.sleep(RETRY_MS, signal);
    }
  }

  #seen({ metadata }: ClusterObject): void {
    if (metadata.uid !== this.#options.registration.clusterUid || metadata.deletionTimestamp === undefined) return;
    this.#leaving.abort();
    this.#wake.abort();
  }

  /** Does what the hub orders, until the cluster is released and the hub knows. */
  async #follow(cluster: Cluster, signal: AbortSignal): Promise<void> {
    const { registration, read, clock, tell } = this.#options;
    await cluster.connect(signal);
    const cleaning = new Cleaning(this.#whose);
    while (this.#progress?.stage !== 'released') {
      signal.throwIfAborted();
      this.#wake = new AbortController();
      const order = orderOf(await read(signal), registration);
      this.#tell(await this.#step(order, cleaning, { client: cluster.client, signal }));
      await this.#pause(order, signal);
    }
    await Promise.race([tell(), clock.sleep(TELL_MS, signal)]);
  }

  async #step(order: Order, cleaning: Cleaning, scope: CleaningScope): Promise<Progress> {
    const { stage = 'begun' } = this.#progress ?? {};
    if (order === 'engage' || order === 'wait') return { stage };
    const goal = order === 'clean' ? 'clean' : 'release';
    const release = (claim: string | undefined) => this.#release(order, claim, scope);
    try {
      return await cleaning.advance({ stage, goal, release }, scope);
    } catch (error) {
      scope.signal.throwIfAborted();
      cleaning.restart();
      return { stage, problem: errorMessage(error) };
    }
  }

  /** Gives up the claim, and what agent.yaml brought unless another Cluster's has taken its place. */
  async #release(order: Order, claim: string | undefined, scope: CleaningScope): Promise<void> {
    const { client, signal } = scope;
    const { registration, log } = this.#options;
    const installed = await readRegistration(client, signal);
    const isOurs = installed.clusterUid === registration.clusterUid;
    // it takes the claim along, so that nobody claims the cluster in a namespace that is about to go
    const system = isOurs && order === 'release' ? await ownSystemNamespace(this.#whose, scope) : undefined;
    if (claim !== undefined && !system) await client.delete(ConfigMaps, CLAIM, { uid: claim, signal });
    if (isOurs) await uninstallAgent(client, system, signal);
    else
      log.info({ cluster: installed.cluster }, 'the manifest of another Cluster was applied: the agent stays for it');
  }

  async #pause(order: Order, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { stage, problem } = this.#progress ?? {};
    if (stage === 'released') return;
    if (problem !== undefined && stage !== 'foreign') return await clock.sleep(this.#backoff.next(), signal);
    this.#backoff.reset();
    if (order === 'clean' && stage === 'begun') return await clock.sleep(PASS_GAP_MS, signal);
    await clock.sleep(LOOK_EVERY_MS, AbortSignal.any([signal, this.#wake.signal]));
  }

  get #whose() {
    const { hub, cluster, clusterUid } = this.#options.registration;
    return { owner: { hub, cluster: clusterUid }, cluster, kinds: DERIVED_KINDS };
  }

  #tell(progress: Progress): void {
    if (jsonEqual(progress, this.#progress)) return;
    this.#progress = progress;
    if (progress.problem !== undefined)
      this.#options.log.warn({ reason: progress.problem }, 'the cluster can not be handed back yet');
    void this.#options.tell();
  }
}

/** Works while the lease is renewed beside it; the work's signal aborts when the lease is lost. */
async function whileHeld(
  lease: LeaderElection,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const [done, lost] = [new AbortController(), new AbortController()];
  const holding = lease.hold(AbortSignal.any([signal, done.signal])).catch(error => lost.abort(error));
  try {
    await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    done.abort();
    await holding;
    await lease.release();
  }
}
