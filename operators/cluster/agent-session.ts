import { type Clock, jsonEqual, type KubeObject } from '#runtime';
import { reportOf } from '../engagement/heartbeat.ts';
import { HealthMonitor } from './monitor.ts';
import type { Observation } from './session.ts';

/** How an agent's heartbeats are judged. */
export interface AgentConnection {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface AgentSessionOptions {
  /** Of the Cluster object. */
  readonly uid: string | undefined;
  readonly connection: AgentConnection;
  /** The heartbeat that is known already: no sign of life, it may be old. */
  readonly last: KubeObject | undefined;
  readonly before: { readonly answered: boolean; readonly connected: boolean };
  readonly clock: Clock;
  /** Called whenever {@link AgentSession.observation} differs from what it was, the time of the heartbeat aside. */
  readonly onChange: () => void;
}

/** What is known of a cluster from the heartbeats of its agent, by this process's own clock. */
export class AgentSession {
  readonly #options: AgentSessionOptions;
  readonly #monitor: HealthMonitor;
  #lease: KubeObject | undefined;
  #lastHeartbeatAt: number | undefined;
  #published: Observation = {};
  #stopped = false;

  constructor(options: AgentSessionOptions) {
    this.#options = options;
    const { connection, before, clock, last } = options;
    this.#lease = last;
    const start = { server: 'the agent', timeoutMs: connection.timeoutMs };
    this.#monitor = new HealthMonitor(
      { ...start, answered: before.answered || last !== undefined, assumed: before.connected },
      clock,
      () => this.#publish(),
    );
  }

  get observation(): Observation {
    const { connected } = this.#monitor.health;
    const { problem, settling, version, replicas, policiesProven } = this.#lease ? reportOf(this.#lease) : {};
    const heard = this.#lastHeartbeatAt !== undefined;
    const claim = problem ?? (settling ? undefined : 'ours');
    const policies = problem?.reason === 'PoliciesNotInstalled' ? problem : policiesProven ? 'inPlace' : undefined;
    return {
      ...(connected ? { connected } : {}),
      ...(heard && claim ? { claim } : {}),
      ...(heard && policies ? { policies } : {}),
      ...(heard && version !== undefined ? { agent: { version, replicas: replicas ?? 1 } } : {}),
      ...(this.#lastHeartbeatAt === undefined ? {} : { lastHeartbeatAt: this.#lastHeartbeatAt }),
    };
  }

  /** Goes on under other times; false for another Cluster of the same name. */
  adopt({ timeoutMs }: AgentConnection, uid: string | undefined): boolean {
    if (uid !== this.#options.uid) return false;
    this.#monitor.retime(timeoutMs);
    return true;
  }

  /** The agent has renewed its Lease. */
  heard(lease: KubeObject): void {
    if (this.#stopped || lease.metadata?.resourceVersion === this.#lease?.metadata?.resourceVersion) return;
    this.#lease = lease;
    this.#lastHeartbeatAt = this.#options.clock.now();
    const { unhealthy } = reportOf(lease);
    this.#monitor.observe(unhealthy === undefined ? { kind: 'healthy' } : { kind: 'unhealthy', message: unhealthy });
    this.#publish();
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#monitor.stop();
    return Promise.resolve();
  }

  #publish(): void {
    const { lastHeartbeatAt: _time, ...observation } = this.observation;
    if (this.#stopped || jsonEqual(observation, this.#published)) return;
    this.#published = observation;
    this.#options.onChange();
  }
}
