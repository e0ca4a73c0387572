import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type KubeObject, silentLogger, Transport } from '#runtime';
import { eventually } from '../../test/support/eventually.ts';
import { FakeApiServer, Leases } from '../../test/support/fake-api-server/index.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { AgentReport } from '../engagement/heartbeat.ts';
import { reportOf } from '../engagement/heartbeat.ts';
import { Heartbeats } from './heartbeat.ts';

const KEY = { namespace: 'c-edge-1', name: 'heartbeat' };

describe('Heartbeats', () => {
  let server: FakeApiServer;
  let clock: FakeClock;
  let stop: AbortController;
  let heartbeats: Heartbeats;
  let report: AgentReport;

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [Leases] });
    clock = new FakeClock();
    stop = new AbortController();
    report = {};
    const credentials = { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) };
    heartbeats = new Heartbeats({
      cluster: 'edge-1',
      identity: 'agent-1',
      transport: new Transport({ credentials }),
      report: async () => report,
      intervalMs: () => 5_000,
      writeGuard: () => undefined,
      clock,
      random: () => 0.5,
      log: silentLogger,
    });
  });
  afterEach(async () => {
    server.faults.clear();
    stop.abort(new Error('the test is over'));
    await heartbeats.stopped();
    await server.stop();
  });

  const told = () => reportOf(server.store.get<KubeObject>(Leases, KEY) ?? {});
  const sleeps = () => eventually(() => clock.waiting > 0, { timeoutMs: 5_000, what: 'it waits for its next turn' });

  test('one that is wanted now comes without waiting for its turn, with what is to be told', async () => {
    heartbeats.start(stop.signal);
    await sleeps();
    report = { handBack: { cluster: 'uid', stage: 'clean' } };

    await heartbeats.now(); // the clock stands

    expect(told()).toEqual(report);
  });

  test('what was wanted while another was on its way is not taken for told by that', async () => {
    const held = server.faults.inject('hold', { verb: 'create' });
    heartbeats.start(stop.signal);
    await eventually(() => held.hits > 0, { timeoutMs: 5_000, what: 'the first is on its way' });
    report = { handBack: { cluster: 'uid', stage: 'released' } };
    const now = heartbeats.now();

    server.faults.clear();
    await now;

    expect(told()).toEqual(report);
  });

  test('one that does not arrive is tried again, and only then counts as told', async () => {
    heartbeats.start(stop.signal);
    await sleeps();
    const fault = server.faults.inject('internalError', { limit: 1 });
    let arrived = false;
    const now = heartbeats.now().then(() => {
      arrived = true;
    });
    await eventually(() => fault.hits === 1 && clock.waiting > 0, { timeoutMs: 5_000, what: 'it fails' });
    expect(arrived).toBe(false);

    await clock.advance(5_000);
    await now;

    expect(arrived).toBe(true);
  });
});
