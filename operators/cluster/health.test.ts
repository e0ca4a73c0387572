import { describe, expect, test } from '@jest/globals';
import { deadline, expire, type Health, moved, observe, probeEveryMs, resume, retimed, startHealth } from './health.ts';
import type { Outcome } from './outcome.ts';

const START = { server: 'https://edge', timeoutMs: 15_000, answered: false, assumed: false };

const healthy: Outcome = { kind: 'healthy' };
const silent: Outcome = { kind: 'silent', message: 'connection refused' };
const byProxy: Outcome = { ...silent, proxy: 'proxy:3128' };
const unhealthy: Outcome = { kind: 'unhealthy', message: 'failing checks: etcd' };
const rejected: Outcome = { kind: 'rejected', reason: 'Unauthorized', message: 'no' };

/** The health after these outcomes, each with its time in seconds. */
function healthAfter(start: Partial<typeof START>, ...outcomes: readonly (readonly [number, Outcome])[]): Health {
  return outcomes.reduce(
    (health, [seconds, outcome]) => observe(health, outcome, seconds * 1_000),
    startHealth({ ...START, ...start }, 0),
  );
}

function verdict({ connected }: Health): string {
  return connected ? `${connected.status} ${connected.reason}` : 'as it was';
}

const KNOWN = { answered: true, assumed: true };

describe('a cluster that answers', () => {
  test('is connected at once', () => {
    expect(verdict(healthAfter({}, [0, healthy]))).toBe('True Connected');
  });

  test('stays connected through single probes that fail', () => {
    expect(verdict(healthAfter({}, [0, healthy], [5, silent], [10, silent], [12, healthy]))).toBe('True Connected');
  });
});

describe('silence', () => {
  test('of a server that never answered is Unreachable at once', () => {
    const health = healthAfter({}, [1, silent]);

    expect(verdict(health)).toBe('Unknown Unreachable');
    expect(health.connected?.message).toContain('https://edge has never answered: connection refused');
    expect(deadline(health)).toBeUndefined();
  });

  test('of a connected one counts at the deadline, not before', () => {
    const health = healthAfter({}, [2, healthy], [7, silent], [12, silent]);

    expect(deadline(health)).toBe(17_000);
    expect(verdict(expire(health, 16_999))).toBe('True Connected');
    expect(verdict(expire(health, 17_000))).toBe('Unknown HeartbeatLost');
  });

  test('of one that was connected before this process counts from its start', () => {
    const health = healthAfter(KNOWN, [1, silent], [6, silent]);

    expect(verdict(health)).toBe('as it was');
    expect(verdict(expire(health, 15_000))).toBe('Unknown HeartbeatLost');
  });

  test('of a new address of a connected cluster is Unreachable after the timeout', () => {
    const health = healthAfter({ assumed: true }, [1, silent]);

    expect(verdict(health)).toBe('as it was');
    expect(verdict(expire(health, 15_000))).toBe('Unknown Unreachable');
  });

  test('names its latest cause', () => {
    const lost = expire(healthAfter({}, [0, healthy]), 15_000);
    expect(lost.connected?.message).toContain('timed out');

    expect(observe(lost, silent, 16_000).connected?.message).toContain('connection refused');
  });

  test('while this process did not run does not count', () => {
    const health = resume(healthAfter({}, [0, healthy]), 100_000);

    expect(deadline(health)).toBe(115_000);
    expect(verdict(expire(health, 100_000))).toBe('True Connected');
  });

  test('after a wrong answer makes it Unknown too', () => {
    const health = healthAfter({}, [0, rejected], [10, silent]);

    expect(verdict(health)).toBe('False Unauthorized');
    expect(verdict(expire(health, 15_000))).toBe('Unknown Unreachable');
  });
});

describe('an API server that is not ready', () => {
  test('counts after 20 s', () => {
    const before = healthAfter({}, [0, healthy], [5, unhealthy], [10, unhealthy], [24, unhealthy]);
    expect(verdict(before)).toBe('True Connected');

    const health = observe(before, unhealthy, 25_000);

    expect(verdict(health)).toBe('False APIUnhealthy');
    expect(health.connected?.message).toContain('etcd');
    expect(verdict(observe(health, healthy, 26_000))).toBe('True Connected');
  });

  test('is forgiven by one answer in between', () => {
    expect(verdict(healthAfter({}, [0, unhealthy], [19, healthy], [24, unhealthy], [39, unhealthy]))).toBe(
      'True Connected',
    );
  });

  test('is asked at least every 5 s', () => {
    expect(probeEveryMs(healthAfter({}, [0, unhealthy]), 60_000)).toBe(5_000);
    expect(probeEveryMs(healthAfter({}, [0, healthy]), 60_000)).toBe(60_000);
  });
});

describe('a rejection', () => {
  test('of a cluster that was not connected counts at once', () => {
    expect(verdict(healthAfter({}, [0, rejected]))).toBe('False Unauthorized');
  });

  test('of a connected one must come twice in a row, soon', () => {
    const once = healthAfter({}, [0, healthy], [5, rejected]);
    expect(verdict(once)).toBe('True Connected');
    expect(probeEveryMs(once, 5_000)).toBe(1_000);

    expect(verdict(observe(once, rejected, 6_000))).toBe('False Unauthorized');
    expect(verdict(observe(observe(once, healthy, 6_000), rejected, 7_000))).toBe('True Connected');
  });
});

describe('a connection that changes', () => {
  test('is a sign of life from the new address', () => {
    const health = moved(healthAfter({}, [2, healthy], [7, silent]), 'https://new', 8_000);

    expect(deadline(health)).toBe(23_000);
    expect(health.connected?.message).toContain('https://new');
    expect(expire(health, 23_000).connected?.message).toContain('no heartbeat from https://new for 15 s: timed out');
  });

  test('makes none connected that was not', () => {
    expect(verdict(moved(healthAfter({}, [2, silent]), 'https://new', 3_000))).toBe('Unknown Unreachable');
  });

  test('a shorter timeout counts from when it is set, not from the last heartbeat', () => {
    const health = retimed(healthAfter({}, [2, healthy]), 4_000, 10_000);

    expect(deadline(health)).toBe(14_000);
    expect(expire(health, 14_000).connected?.message).toContain('for 4 s');
  });

  test('the same timeout changes nothing', () => {
    const health = healthAfter({}, [2, healthy]);

    expect(retimed(health, START.timeoutMs, 10_000)).toBe(health);
  });
});

describe('a proxy that is at fault', () => {
  test.each([
    ['Unreachable', healthAfter({}, [1, byProxy])],
    ['HeartbeatLost', healthAfter({}, [1, healthy], [20, byProxy])],
  ])('is named instead of the server: %s', (reason, { connected, server }) => {
    expect(connected).toMatchObject({
      status: 'Unknown',
      reason,
      message: expect.stringContaining('proxy proxy:3128'),
    });
    expect(connected?.message).not.toContain(server);
  });

  test('is named no more when the server itself is silent', () => {
    const { connected } = healthAfter({}, [1, byProxy], [2, silent]);
    expect(connected?.message).not.toContain('proxy');
  });
});
