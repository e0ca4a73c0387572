import type { ConditionIntent } from '#runtime';
import type { Outcome } from './outcome.ts';

/** A /readyz that fails counts once it has failed this long. */
export const UNHEALTHY_AFTER_MS = 20_000;

/** What is known of a cluster's health since its connection was opened. Times are monotonic milliseconds. */
export interface Health {
  /** For messages: where the cluster is reached. */
  readonly server: string;
  readonly timeoutMs: number;
  /** Condition Connected; undefined while nothing was learnt that could change the one there was before. */
  readonly connected?: ConditionIntent;
  /** Something like this server answered, now or before this process was started. */
  readonly answered: boolean;
  /** Condition Connected was True when the connection was opened. */
  readonly assumed: boolean;
  /** The last time anything came from the server, at first the time the connection was opened. */
  readonly lastSignAt: number;
  readonly unhealthySince?: number;
  /** Why the last probe was not answered. */
  readonly cause?: string;
  /** The proxy that is at fault for it. */
  readonly proxy?: string;
  /** The last answer was a rejection that has not come twice in a row yet. */
  readonly doubted?: boolean;
}

export type HealthStart = Pick<Health, 'server' | 'timeoutMs' | 'answered' | 'assumed'>;

export function startHealth(start: HealthStart, now: number): Health {
  return { ...start, lastSignAt: now };
}

/** The health after one more probe. */
export function observe(health: Health, outcome: Outcome, now: number): Health {
  const { unhealthySince, cause: _cause, proxy: _proxy, doubted: _doubted, ...rest } = health;
  switch (outcome.kind) {
    case 'healthy':
      return { ...rest, answered: true, lastSignAt: now, connected: connected(health) };
    case 'unhealthy':
      return unhealthy(
        { ...rest, answered: true, lastSignAt: now, unhealthySince: unhealthySince ?? now },
        outcome.message,
      );
    case 'rejected': {
      const { reason, message } = outcome;
      // an API server that has just started refuses for a moment whom it will know: once does not count
      if (thoughtConnected(health) && !health.doubted) return { ...health, lastSignAt: now, doubted: true };
      return { ...rest, lastSignAt: now, connected: { type: 'Connected', status: 'False', reason, message } };
    }
    case 'silent': {
      const { message, proxy } = outcome;
      const { proxy: _before, ...others } = health;
      return silent({ ...others, cause: message, ...(proxy === undefined ? {} : { proxy }) }, now);
    }
  }
}

/** When silence begins to count, unless a sign comes first; undefined when it counts already. */
export function deadline(health: Health): number | undefined {
  return health.connected?.status === 'Unknown' ? undefined : health.lastSignAt + health.timeoutMs;
}

/** The health at its deadline. */
export function expire(health: Health, now: number): Health {
  const due = deadline(health);
  return due === undefined || now < due ? health : { ...health, connected: lost(health) };
}

/** The health of a cluster that was not watched for a while, because this process did not run: the clock starts anew. */
export function resume(health: Health, now: number): Health {
  return { ...health, lastSignAt: now };
}

/** The health of a cluster that has just answered over another connection. */
export function moved(health: Health, server: string, now: number): Health {
  const { cause: _cause, proxy: _proxy, doubted: _doubted, ...rest } = health;
  const there = { ...rest, server, answered: true, lastSignAt: now };
  return health.connected?.status === 'True' ? { ...there, connected: connected(there) } : there;
}

/** The health under another timeout: what counted as silence by the one before counts from now. */
export function retimed(health: Health, timeoutMs: number, now: number): Health {
  return timeoutMs === health.timeoutMs ? health : { ...health, timeoutMs, lastSignAt: now };
}

/** Milliseconds from the start of one probe to that of the next: sooner than usual while something is in doubt. */
export function probeEveryMs(health: Health, intervalMs: number): number {
  if (health.doubted) return Math.min(intervalMs, 1_000);
  return health.unhealthySince === undefined ? intervalMs : Math.min(intervalMs, 5_000);
}

function connected({ server }: Health): ConditionIntent {
  return { type: 'Connected', status: 'True', reason: 'Connected', message: `heartbeats arrive from ${server}` };
}

function thoughtConnected({ connected: condition, assumed }: Health): boolean {
  return condition === undefined ? assumed : condition.status === 'True';
}

function unhealthy(health: Health, message: string): Health {
  const { lastSignAt, unhealthySince = lastSignAt } = health;
  if (lastSignAt - unhealthySince < UNHEALTHY_AFTER_MS) return health;
  const advice = `${message}; look at the API server and its etcd`;
  return { ...health, connected: { type: 'Connected', status: 'False', reason: 'APIUnhealthy', message: advice } };
}

function silent(health: Health, now: number): Health {
  if (health.connected?.status === 'Unknown') return { ...health, connected: lost(health) };
  const firstTry = health.connected === undefined && !health.assumed && !health.answered;
  return firstTry ? { ...health, connected: lost(health) } : expire(health, now);
}

function lost(health: Health): ConditionIntent {
  const { server, answered, timeoutMs, cause = 'timed out', proxy } = health;
  if (proxy !== undefined) return lostBy(proxy, { answered, timeoutMs, cause });
  const advice = 'check the address, the network between it and the hub, and that its API server runs';
  const [reason, what] = answered
    ? ['HeartbeatLost', `no heartbeat from ${server} for ${timeoutMs / 1000} s`]
    : ['Unreachable', `${server} has never answered`];
  return { type: 'Connected', status: 'Unknown', reason, message: `${what}: ${cause}; ${advice}` };
}

function lostBy(
  proxy: string,
  { answered, timeoutMs, cause }: Pick<Health, 'answered' | 'timeoutMs'> & { readonly cause: string },
): ConditionIntent {
  const advice = 'check proxy-url in the kubeconfig, and that the proxy runs and lets the hub through';
  const [reason, what] = answered
    ? ['HeartbeatLost', `no heartbeat through the proxy ${proxy} for ${timeoutMs / 1000} s`]
    : ['Unreachable', `the proxy ${proxy} has never let a connection to the cluster through`];
  return { type: 'Connected', status: 'Unknown', reason, message: `${what}: ${cause}; ${advice}` };
}
