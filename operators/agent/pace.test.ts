import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../test/support/fake-api-server/random.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Pace } from './pace.ts';

const INTERVAL_MS = 5_000;
const AGENTS = 100;
/** What a hub with a hundred agents has to stand in any second; at rest it is 20, by chance up to twice that. */
const PER_SECOND = 40;
const MINUTE = 60_000;

/** A hundred agents that start in this order of milliseconds, and a hub that answers only at some times. */
function requestsOf(agents: {
  readonly startMs: (agent: number) => number;
  readonly answers: (ms: number) => boolean;
}) {
  const clock = new FakeClock();
  const sent: number[] = [];
  const arrivals: number[][] = [];
  for (let agent = 0; agent < AGENTS; agent += 1) {
    const pace = new Pace(seededRandom(agent + 1));
    const arrived: number[] = [];
    arrivals.push(arrived);
    const beat = () => {
      const now = clock.monotonic();
      sent.push(now);
      const answered = agents.answers(now);
      if (answered) arrived.push(now);
      clock.after(answered ? pace.arrived(INTERVAL_MS, 0) : pace.failed(INTERVAL_MS), beat);
    };
    clock.after(agents.startMs(agent), beat);
  }
  return { sent, arrivals, pass: (ms: number) => clock.pass(ms) };
}

/** The most requests in any second from `from` on. */
function busiest(sent: readonly number[], from: number): number {
  const late = sent.filter(at => at >= from).sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < late.length; last += 1) {
    while ((late[last] ?? 0) - (late[first] ?? 0) >= 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

describe('a hundred agents', () => {
  test('of a hub that was away for minutes come back one by one, each within two intervals', () => {
    const [gone, back] = [2 * MINUTE, 7 * MINUTE];
    const startMs = (agent: number) => (agent * INTERVAL_MS) / AGENTS;
    const { sent, arrivals, pass } = requestsOf({ startMs, answers: ms => ms < gone || ms >= back });

    pass(10 * MINUTE);

    expect(busiest(sent, back)).toBeLessThanOrEqual(PER_SECOND);
    // a hub that is going away is asked by those whose turn it is and by those that try again
    expect(busiest(sent, 0)).toBeLessThanOrEqual(PER_SECOND + 10);
    for (const times of arrivals)
      expect((times.find(at => at >= back) ?? Infinity) - back).toBeLessThan(2 * INTERVAL_MS);
  });

  test('that were cut off at one moment are spread at once', () => {
    const startMs = () => 0;
    const { sent, pass } = requestsOf({ startMs, answers: ms => ms >= MINUTE });

    pass(2 * MINUTE);

    expect(sent.filter(at => at === 0)).toHaveLength(AGENTS);
    expect(busiest(sent, 1)).toBeLessThanOrEqual(PER_SECOND);
  });

  test('that started at one moment do not stay together', () => {
    const { sent, pass } = requestsOf({ startMs: () => 0, answers: () => true });

    pass(10 * MINUTE);

    expect(sent.filter(at => at === 0)).toHaveLength(AGENTS);
    expect(busiest(sent, 1)).toBeLessThanOrEqual(PER_SECOND);
  });
});

describe('the pause', () => {
  test('after failures grows up to two intervals, and starts over with one that arrives', () => {
    const pace = new Pace(() => 1);
    const pauses = [1, 2, 3].map(() => pace.failed(INTERVAL_MS));

    expect(pauses).toEqual([5_000, 10_000, 10_000]);
    pace.arrived(INTERVAL_MS, 0);
    expect(pace.failed(INTERVAL_MS)).toBe(5_000);
  });

  test('of a long interval is half a minute at most', () => {
    const pace = new Pace(() => 1);
    for (let failures = 0; failures < 20; failures += 1) pace.failed(300_000);

    expect(pace.failed(300_000)).toBe(30_000);
  });

  test('counts what the heartbeat took, and is never less than nothing', () => {
    const pace = new Pace(() => 0);

    expect(pace.arrived(INTERVAL_MS, 1_200)).toBe(3_800);
    expect(pace.arrived(INTERVAL_MS, 6_000)).toBe(0);
  });
});
