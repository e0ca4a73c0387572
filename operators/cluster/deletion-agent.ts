import { type Clock, type Informer, jsonEqual, type KubeObject } from '#runtime';
import type { HandBackReport } from '../engagement/hand-back.ts';
import { HEARTBEAT_LEASE, reportOf } from '../engagement/heartbeat.ts';
import type { HandBackState, HandingBack } from './deletion-downstream.ts';
import { HealthMonitor } from './monitor.ts';

export interface AgentHandBackOptions {
  /** Of the Cluster object. */
  readonly uid: string;
  /** `c-<cluster>`, where the agent's heartbeats come in. */
  readonly namespace: string;
  readonly heartbeats: Pick<Informer<KubeObject>, 'get' | 'subscribe'>;
  /** `spec.heartbeat.timeout`: an agent that is silent for so long is not reached. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called whenever {@link AgentHandBack.state} differs from what it was. */
  readonly onChange: () => void;
}

/**
 * Follows how an agent hands its cluster back, by its heartbeats. What it is to do it reads from the condition Cleaned
 * of its Cluster; nothing is opened from here.
 */
export class AgentHandBack implements HandingBack {
  readonly #options: AgentHandBackOptions;
  readonly #monitor: HealthMonitor;
  readonly #unsubscribe: () => void;
  #report: HandBackReport | undefined;
  #contactAt: number | undefined;
  #published: HandBackState;

  constructor(options: AgentHandBackOptions) {
    this.#options = options;
    const { timeoutMs, clock, heartbeats, namespace } = options;
    const start = { server: 'the agent', timeoutMs, answered: true, assumed: false };
    this.#monitor = new HealthMonitor(start, clock, () => this.#publish());
    this.#report = this.#reportOf(heartbeats.get({ namespace, name: HEARTBEAT_LEASE }));
    this.#published = this.state;
    this.#unsubscribe = heartbeats.subscribe({
      applied: (lease, _old, { initial }) => {
        if (!initial && lease.metadata?.namespace === namespace) this.#heard(lease);
      },
      deleted: () => undefined, // silence will tell
    });
  }

  /** A heartbeat from before this process looked is no sign of life, but what it told has happened. */
  get state(): HandBackState {
    const { connected } = this.#monitor.health;
    const { stage = 'begun', problem, held } = this.#report ?? {};
    if (connected === undefined) return { stage };
    if (connected.status !== 'True') return { stage, reached: false, problem: connected.message };
    const left = held === undefined ? {} : { held };
    return { stage, reached: true, ...(problem === undefined ? {} : { problem }), ...left };
  }

  get contactAt(): number | undefined {
    return this.#contactAt;
  }

  raise(): void {
    // the condition that says so is written already
  }

  stop(): Promise<void> {
    this.#unsubscribe();
    this.#monitor.stop();
    return Promise.resolve();
  }

  #heard(lease: KubeObject): void {
    this.#contactAt = this.#options.clock.now();
    this.#report = further(this.#report, this.#reportOf(lease));
    this.#monitor.observe({ kind: 'healthy' });
    this.#publish();
  }

  #reportOf(lease: KubeObject | undefined): HandBackReport | undefined {
    const { handBack } = lease ? reportOf(lease) : {};
    return handBack?.cluster === this.#options.uid ? handBack : undefined;
  }

  #publish(): void {
    const { state } = this;
    if (jsonEqual(state, this.#published)) return;
    this.#published = state;
    this.#options.onChange();
  }
}

const ORDER: readonly HandBackReport['stage'][] = ['begun', 'clean', 'released'];

/** The later word, unless it falls behind: an agent that was started again has forgotten how far it was. */
function further(before: HandBackReport | undefined, now: HandBackReport | undefined): HandBackReport | undefined {
  if (!before || !now) return now ?? before;
  return ORDER.indexOf(now.stage) < ORDER.indexOf(before.stage) && now.stage !== 'foreign'
    ? { ...now, stage: before.stage }
    : now;
}
