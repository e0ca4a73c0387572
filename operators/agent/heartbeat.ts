import { clusterNamespace } from '#api';
import {
  Client,
  type Clock,
  errorMessage,
  isNotFound,
  jsonEqual,
  type KubeObject,
  Leases,
  type Logger,
  microTimestamp,
  type ResourceType,
  type Runnable,
  type Transport,
} from '#runtime';
import { type AgentReport, HEARTBEAT_LEASE, reportAnnotations } from '../engagement/heartbeat.ts';
import { Pace } from './pace.ts';

interface Heartbeat extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string };
}
const HeartbeatLeases: ResourceType<Heartbeat> = Leases;

export interface HeartbeatOptions {
  readonly cluster: string;
  readonly identity: string;
  /** To the hub, for heartbeats alone: they must get through when everything else is busy. */
  readonly transport: Transport;
  /** Asked before each heartbeat. */
  readonly report: (signal: AbortSignal) => Promise<AgentReport>;
  readonly intervalMs: () => number;
  readonly writeGuard: () => void;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly log: Logger;
}

/** Renews the Lease `heartbeat` in the hub, by which the hub knows that this agent is alive and what it has to tell. */
export class Heartbeats implements Runnable {
  readonly #options: HeartbeatOptions;
  readonly #client: Client;
  #told: Record<string, string | null> | undefined;
  #hurry = new AbortController();
  #awaited: (() => void)[] = [];
  #ended: Promise<void> = Promise.resolve();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#client = new Client(options.transport, { fieldManager: 'paddock-agent' });
  }

  start(signal: AbortSignal): void {
    this.#ended = this.#run(signal);
  }

  async stopped(): Promise<void> {
    await this.#ended;
    await this.#options.transport.close();
  }

  /** Sends the next one at once; resolves when one that was begun after this call has arrived. */
  async now(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.push(resolve);
    this.#hurry.abort();
    await promise;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, intervalMs } = this.#options;
    const pace = new Pace(this.#options.random);
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      this.#hurry = new AbortController();
      const ends = AbortSignal.any([signal, this.#hurry.signal]);
      const awaited = this.#awaited.splice(0);
      try {
        await this.#beat(signal);
        for (const arrived of awaited) arrived();
        if (failures > 0) log.info('heartbeats arrive again');
        failures = 0;
        await clock.sleep(pace.arrived(intervalMs(), clock.monotonic() - startedAt), ends);
      } catch (error) {
        this.#awaited.push(...awaited);
        if (signal.aborted) return;
        failures += 1;
        if (failures === 1) log.warn({ reason: errorMessage(error) }, 'a heartbeat did not arrive');
        await clock.sleep(pace.failed(intervalMs()), signal);
      }
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { cluster, identity, clock, report, writeGuard, intervalMs } = this.#options;
    const annotations = reportAnnotations(await report(signal));
    writeGuard();
    const key = { namespace: clusterNamespace(cluster), name: HEARTBEAT_LEASE };
    const spec = { holderIdentity: identity, renewTime: microTimestamp(clock.now()) };
    // what was told already need not be told again
    const metadata = jsonEqual(annotations, this.#told) ? {} : { metadata: { annotations } };
    const call = { signal, timeoutMs: Math.max(1_000, intervalMs()) };
    try {
      await this.#client.mergePatch(HeartbeatLeases, key, { ...metadata, spec }, call);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const present = Object.entries(annotations).filter((entry): entry is [string, string] => entry[1] !== null);
      const body = { metadata: { ...key, annotations: Object.fromEntries(present) }, spec };
      await this.#client.create(HeartbeatLeases, { namespace: key.namespace }, body, call);
    }
    this.#told = annotations;
  }
}
