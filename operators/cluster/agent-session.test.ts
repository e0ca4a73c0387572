import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '#runtime';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type AgentReport, reportAnnotations } from '../engagement/heartbeat.ts';
import { AgentSession } from './agent-session.ts';
import { HealthMonitor } from './monitor.ts';

const TIMES = { intervalMs: 5_000, timeoutMs: 15_000 };
const KNOWN = { answered: true, connected: true };

/** A session and the agent that it listens to, on one clock that stands still. */
class Stage {
  readonly clock = new FakeClock();
  readonly session: AgentSession;
  /** Verdicts at every change that was told. */
  readonly told: string[] = [];
  #version = 1;

  constructor({
    before = { answered: false, connected: false },
    last,
  }: { before?: typeof KNOWN; last?: KubeObject } = {}) {
    this.session = new AgentSession({
      uid: 'uid-1',
      connection: TIMES,
      last,
      before,
      clock: this.clock,
      onChange: () => this.told.push(this.verdict),
    });
  }

  /** The condition Connected; what it was before as long as nothing was learnt. */
  get verdict(): string {
    const { connected } = this.session.observation;
    return connected ? `${connected.status} ${connected.reason}` : 'as it was';
  }

  /** A heartbeat, the way the Lease looks afterwards. */
  beat(report: AgentReport = {}): void {
    this.session.heard(lease(++this.#version, report));
  }

  /** The heartbeats of so many seconds, one an interval. */
  beatFor(seconds: number, report: AgentReport = {}): void {
    for (let passed = 0; passed < seconds * 1_000; passed += TIMES.intervalMs) {
      this.beat(report);
      this.clock.pass(TIMES.intervalMs);
    }
  }
}

/** The Lease `heartbeat` as an agent wrote it whose clock is ten minutes wrong. */
function lease(version: number, report: AgentReport = {}): KubeObject & { spec: object } {
  const present = Object.entries(reportAnnotations(report)).filter((entry): entry is [string, string] => !!entry[1]);
  const metadata = { resourceVersion: String(version), annotations: Object.fromEntries(present) };
  return { metadata, spec: { renewTime: '2025-12-31T23:50:00.000000Z' } };
}

describe('an agent that falls silent', () => {
  test('counts as lost when the timeout has passed since its last heartbeat, and not before', () => {
    const stage = new Stage();
    stage.beatFor(60);
    expect(stage.verdict).toBe('True Connected');

    stage.clock.pass(15_000 - TIMES.intervalMs - 1);
    expect(stage.verdict).toBe('True Connected');
    stage.clock.pass(1);

    expect(stage.verdict).toBe('Unknown HeartbeatLost');
    expect(stage.told).toEqual(['True Connected', 'Unknown HeartbeatLost']);
  });

  test('is connected again with the next heartbeat', () => {
    const stage = new Stage();
    stage.beat();
    stage.clock.pass(60_000);

    stage.beat();

    expect(stage.told).toEqual(['True Connected', 'Unknown HeartbeatLost', 'True Connected']);
  });

  test('is not heard by what was written before', () => {
    const stage = new Stage({ last: lease(7) });

    stage.session.heard(lease(7));
    stage.clock.pass(15_000);

    expect(stage.verdict).toBe('Unknown HeartbeatLost');
    expect(stage.session.observation.lastHeartbeatAt).toBeUndefined();
  });
});

describe('an operator that was away', () => {
  test('for long gives an agent that lives its whole time from the start on', () => {
    const stage = new Stage({ before: KNOWN, last: lease(7) });

    stage.clock.pass(14_999);
    stage.session.heard(lease(8));

    expect(stage.told).toEqual(['True Connected']);
  });

  test('and finds no agent any more says so after the timeout', () => {
    const stage = new Stage({ before: KNOWN, last: lease(7) });

    stage.clock.pass(15_000);

    expect(stage.told).toEqual(['Unknown HeartbeatLost']);
  });
});

describe('clocks', () => {
  test('of hub and agent that are ten minutes apart make no difference', () => {
    const stage = new Stage();

    stage.beatFor(600); // every Lease bears a time of ten minutes ago

    expect(stage.told).toEqual(['True Connected']);
    expect(stage.session.observation.lastHeartbeatAt).toBe(stage.clock.now() - TIMES.intervalMs);
  });

  test('that are set back or forward on the hub make no difference either', () => {
    class SetClock extends FakeClock {
      offset = 0;
      override now(): number {
        return super.now() + this.offset;
      }
    }
    const clock = new SetClock();
    let changes = 0;
    const onChange = () => {
      changes += 1;
    };
    const session = new AgentSession({ uid: 'u', connection: TIMES, last: undefined, before: KNOWN, clock, onChange });
    for (const [version, offset] of [0, 600_000, -600_000, 0].entries()) {
      clock.offset = offset;
      session.heard(lease(version + 1));
      clock.pass(TIMES.intervalMs);
    }

    expect(session.observation.connected?.status).toBe('True');
    expect(changes).toBe(1);
  });
});

describe('what an agent tells', () => {
  test('of its API server counts after 20 s, and no longer than it is told', () => {
    const stage = new Stage();
    stage.beat();
    const unhealthy = 'GET /readyz answers 500; failing checks: etcd';

    stage.beatFor(20, { unhealthy });
    expect(stage.verdict).toBe('True Connected');
    stage.beat({ unhealthy });
    expect(stage.verdict).toBe('False APIUnhealthy');
    expect(stage.session.observation.connected?.message).toContain('failing checks: etcd');

    stage.beat();
    expect(stage.told).toEqual(['True Connected', 'False APIUnhealthy', 'True Connected']);
  });

  test('of itself is known with its first heartbeat, not by an older one', () => {
    const stage = new Stage({ last: lease(7, { version: 'v1.0.0', replicas: 2 }) });
    expect(stage.session.observation).not.toHaveProperty('agent');

    stage.session.heard(lease(8, { version: 'v1.0.0', replicas: 2 }));

    expect(stage.session.observation).toMatchObject({ agent: { version: 'v1.0.0', replicas: 2 }, claim: 'ours' });
  });

  test('of a claim that is another’s is the verdict', () => {
    const stage = new Stage();
    const problem = { reason: 'AlreadyClaimed', message: 'the cluster is claimed by hub x', terminal: true } as const;

    stage.beat({ problem });

    expect(stage.session.observation.claim).toEqual(problem);
  });
});

describe('a session', () => {
  test('goes on under another timeout, which counts from when it is set', () => {
    const stage = new Stage();
    stage.beat();
    stage.clock.pass(10_000);

    expect(stage.session.adopt({ intervalMs: 2_000, timeoutMs: 4_000 }, 'uid-1')).toBe(true);
    stage.clock.pass(3_999);
    expect(stage.verdict).toBe('True Connected');
    stage.clock.pass(1);

    expect(stage.verdict).toBe('Unknown HeartbeatLost');
  });

  test('does not go on with another Cluster of the same name', () => {
    expect(new Stage().session.adopt(TIMES, 'uid-2')).toBe(false);
  });

  test('that was stopped tells nothing and leaves no timer', async () => {
    const stage = new Stage();
    stage.beat();

    await stage.session.stop();
    stage.beat({ unhealthy: 'x' });
    stage.clock.pass(60_000);

    expect(stage.told).toEqual(['True Connected']);
    expect(stage.clock.waiting).toBe(0);
  });
});

describe('the monitor of a process', () => {
  const START = { server: 'the agent', timeoutMs: 15_000, answered: true, assumed: true };

  /** A clock on which the process does not run for a while: what was due then comes late. */
  class FrozenClock extends FakeClock {
    #skipped = 0;
    override monotonic(): number {
      return super.monotonic() + this.#skipped;
    }
    freeze(ms: number): void {
      this.#skipped += ms;
    }
  }

  test('that was frozen past the deadline gives the agent its time anew', () => {
    const clock = new FrozenClock();
    const monitor = new HealthMonitor(START, clock, () => undefined);
    monitor.observe({ kind: 'healthy' });

    clock.freeze(600_000);
    clock.pass(15_000);
    expect(monitor.health.connected?.status).toBe('True');
    clock.pass(14_999);
    expect(monitor.health.connected?.status).toBe('True');
    clock.pass(1);

    expect(monitor.health.connected?.reason).toBe('HeartbeatLost');
    monitor.stop();
    expect(clock.waiting).toBe(0);
  });

  test('has one timer, however many heartbeats come', () => {
    const clock = new FakeClock();
    const monitor = new HealthMonitor(START, clock, () => undefined);

    for (let beats = 0; beats < 100; beats += 1) monitor.observe({ kind: 'healthy' });

    expect(clock.waiting).toBe(1);
    monitor.stop();
  });
});

describe('an agent that has just been started', () => {
  test('says nothing of its cluster before it knows, and then what is in the way', () => {
    const stage = new Stage();
    const claim = () => stage.session.observation.claim;
    const problem = { reason: 'PoliciesNotInstalled', message: 'forbidden', terminal: false } as const;

    stage.beat({ settling: true });
    expect([stage.verdict, claim()]).toEqual(['True Connected', undefined]);

    stage.beat({ problem });
    expect(claim()).toEqual(problem);

    stage.beat();
    expect(claim()).toBe('ours');
  });

  test('says whether the policies are proven; one of an earlier version does not', () => {
    const stage = new Stage();
    const policies = () => stage.session.observation.policies;
    const problem = { reason: 'PoliciesNotInstalled', message: 'let through', terminal: false } as const;
    const other = { reason: 'Engaging', message: 'another writes', terminal: false } as const;

    for (const [report, said] of [
      [{ settling: true }, undefined],
      [{ problem }, problem],
      [{ policiesProven: true }, 'inPlace'],
      [{ problem: other }, undefined],
      [{}, undefined],
    ] as const) {
      stage.beat(report);
      expect(policies()).toEqual(said);
    }
  });
});
