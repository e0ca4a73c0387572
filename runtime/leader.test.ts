import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../test/support/eventually.ts';
import { FakeApiServer, Leases } from '../test/support/fake-api-server/index.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import { Client } from './client.ts';
import { WriteRefusedError } from './errors.ts';
import { LeaderElection, type LeaderElectionOptions, type Lease, writtenAfter } from './leader.ts';
import { silentLogger } from './log.ts';
import type { ResourceType } from './resource.ts';
import { Transport } from './transport.ts';

const LeaseType: ResourceType<Lease> = Leases;
const KEY = { namespace: 'x', name: 'lease' };
const within = (what: string) => ({ timeoutMs: 5_000, what });

/** A process with a clock and connections of its own. */
interface Contender {
  readonly clock: FakeClock;
  readonly election: LeaderElection;
  readonly stop: AbortController;
  acquired: boolean;
}

describe('LeaderElection', () => {
  let server: FakeApiServer;
  let transports: Transport[];
  let contenders: Contender[];

  beforeEach(async () => {
    server = await FakeApiServer.start({ kinds: [Leases] });
    transports = [];
    contenders = [];
  });
  afterEach(async () => {
    server.faults.clear();
    for (const { stop } of contenders) stop.abort(new Error('the test is over'));
    await Promise.all(transports.map(transport => transport.close()));
    await server.stop();
  });

  type Overrides = Partial<Pick<LeaderElectionOptions, 'renewMs' | 'onAttempt'>>;

  function contender(identity: string, start = Date.UTC(2026, 0, 1), overrides: Overrides = {}): Contender {
    const transport = new Transport({
      credentials: { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) },
    });
    transports.push(transport);
    const clock = new FakeClock(start);
    const client = new Client(transport, { fieldManager: 'test' });
    const election = new LeaderElection({ ...overrides, client, ...KEY, identity, log: silentLogger, clock });
    const created = { clock, election, stop: new AbortController(), acquired: false };
    contenders.push(created);
    return created;
  }

  function acquire(who: Contender): Promise<void> {
    return who.election.acquire(who.stop.signal).then(() => {
      who.acquired = true;
    });
  }

  /** Waits until the contender has tried and sleeps, or has got it. */
  const tried = (who: Contender) => eventually(() => who.acquired || who.clock.waiting > 0, within('it has tried'));

  /** Time passes for one contender, which tries as often as it does. */
  async function passFor(who: Contender, ms: number): Promise<void> {
    for (let left = ms; left > 0 && !who.acquired; left -= 500) {
      await who.clock.advance(Math.min(500, left));
      await tried(who);
    }
  }

  const lease = (): Lease['spec'] => server.store.get(LeaseType, KEY)?.spec;

  test('the first gets it at once, and writes what other clients expect', async () => {
    const a = contender('a');
    await acquire(a);
    expect(a.election.held).toBe(true);
    a.election.assertHeld();
    expect(lease()).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  test('of many at the same moment one gets it', async () => {
    const many = Array.from({ length: 8 }, (_, n) => contender(`c${n}`));
    for (const each of many) void acquire(each).catch(() => undefined);
    await Promise.all(many.map(tried));
    expect(many.filter(({ acquired }) => acquired)).toHaveLength(1);
    expect(many.filter(({ election }) => election.held)).toHaveLength(1);
  });

  test('while the holder renews, nobody else gets it', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await acquire(a);
    void acquire(b).catch(() => undefined);
    const holding = a.election.hold(a.stop.signal);
    await tried(b);
    for (let seconds = 0; seconds < 60; seconds += 2) {
      const before = server.requests.count({ verb: 'patch' });
      await a.clock.advance(2_000);
      await eventually(
        () => server.requests.count({ verb: 'patch' }) > before && a.clock.waiting > 0,
        within('a renewal'),
      );
      await passFor(b, 2_000);
    }
    expect(b.acquired).toBe(false);
    expect(a.election.held).toBe(true);
    expect(lease()).toMatchObject({ holderIdentity: 'a', renewTime: '2026-01-01T00:01:00.000000Z' });
    a.stop.abort();
    await holding;
  });

  test('a holder that no longer renews is succeeded after the lease, by the clock of the successor', async () => {
    const a = contender('a');
    const b = contender('b', Date.UTC(2031, 5, 5)); // clocks need not agree
    await acquire(a);
    void acquire(b).catch(() => undefined);
    await tried(b);
    await passFor(b, 14_500);
    expect(b.acquired).toBe(false);
    await passFor(b, 3_500);
    expect(b.acquired).toBe(true);
    expect(lease()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('a holder that claims the lease for years is succeeded after ten minutes, and counts that overflow begin anew', async () => {
    const spec = { holderIdentity: 'a', leaseDurationSeconds: 2 ** 31 - 1, leaseTransitions: 2 ** 31 - 1 };
    server.store.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...KEY }, spec });
    const b = contender('b');
    void acquire(b).catch(() => undefined);
    await tried(b);
    await passFor(b, 598_000);
    expect(b.acquired).toBe(false);
    await passFor(b, 5_000);
    expect(b.acquired).toBe(true);
    expect(lease()).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 0 });
  });

  test('the guard refuses from the renewal deadline on, before anybody else may write', async () => {
    const a = contender('a');
    await acquire(a);
    a.clock.pass(9_999);
    a.election.assertHeld();
    a.clock.pass(1);
    expect(() => a.election.assertHeld()).toThrow(WriteRefusedError);
    expect(() => a.election.assertHeld()).toThrow('not the holder of lease x/lease: nothing is written');
  });

  test('a holder that was frozen, and succeeded meanwhile, learns that it has lost', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await acquire(a);
    const holding = a.election.hold(a.stop.signal).then(
      () => 'stopped',
      error => String(error),
    );
    const takeover = acquire(b);
    await tried(b);
    await passFor(b, 20_000);
    await takeover;
    // a wakes up: its clock has gone on while it stood still
    a.clock.pass(20_000);
    expect(a.election.held).toBe(false);
    expect(await holding).toContain('lease lease was lost');
    expect(lease()?.holderIdentity).toBe('b');
    await a.election.release(); // has nothing to give up
    expect(lease()?.holderIdentity).toBe('b');
  });

  test('a holder that was frozen but not succeeded goes on', async () => {
    const a = contender('a');
    await acquire(a);
    void a.election.hold(a.stop.signal).catch(() => undefined);
    await eventually(() => a.clock.waiting > 0, within('it waits for its next renewal'));
    a.clock.pass(60_000);
    expect(a.election.held).toBe(false);
    await eventually(() => a.election.held, within('it has renewed'));
    expect(lease()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('a server that does not answer: the holder gives up after the deadline', async () => {
    const a = contender('a');
    await acquire(a);
    const holding = a.election.hold(a.stop.signal).then(
      () => 'stopped',
      error => String(error),
    );
    server.faults.inject('internalError');
    for (let seconds = 0; seconds < 12; seconds += 2) {
      await eventually(() => a.clock.waiting > 0 || !a.election.held, within('it has tried'));
      await a.clock.advance(2_000);
    }
    expect(await holding).toContain('was lost');
  });

  test('an answer that comes late counts from when the renewal was sent', async () => {
    const a = contender('a');
    const hold = server.faults.inject('hold', { verb: 'create' });
    const acquired = acquire(a);
    await eventually(() => hold.hits === 1, within('it is on its way'));
    a.clock.pass(9_000);
    hold.remove();
    await acquired;
    a.clock.pass(999);
    expect(a.election.held).toBe(true);
    a.clock.pass(1);
    expect(a.election.held).toBe(false);
  });

  test('a process that finds its own identity takes over at once', async () => {
    const before = contender('a');
    await acquire(before);
    const again = contender('a');
    await acquire(again);
    expect(lease()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('whoever released it gets it again at the first try', async () => {
    const a = contender('a');
    await acquire(a);
    await a.election.release();

    await a.election.acquire(a.stop.signal); // a second try would wait for the clock, which stands

    expect(lease()).toMatchObject({ holderIdentity: 'a' });
    expect(a.election.held).toBe(true);
  });

  test('a released lease lets the next one in at its next try', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await acquire(a);
    void acquire(b).catch(() => undefined);
    await tried(b);
    await a.election.release();
    expect(a.election.held).toBe(false);
    expect(lease()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    await passFor(b, 2_500);
    expect(b.acquired).toBe(true);
    expect(lease()).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 15, leaseTransitions: 1 });
  });

  test('a lease that somebody deleted is made anew', async () => {
    const a = contender('a');
    await acquire(a);
    void a.election.hold(a.stop.signal).catch(() => undefined);
    await eventually(() => a.clock.waiting > 0, within('it waits'));
    server.store.delete(LeaseType, KEY);
    for (let tries = 0; tries < 2; tries++) {
      const before = server.requests.count();
      await a.clock.advance(2_000);
      await eventually(() => server.requests.count() > before && a.clock.waiting > 0, within('it tries again'));
    }
    expect(lease()).toMatchObject({ holderIdentity: 'a' });
    expect(a.election.held).toBe(true);
  });

  test('a lease that somebody has written to is released all the same', async () => {
    const a = contender('a');
    await acquire(a);
    const known = server.store.get(LeaseType, KEY);
    if (!known) throw new Error('no lease');
    server.store.update({ ...known, metadata: { ...known.metadata, annotations: { x: 'y' } } });

    await a.election.release();

    expect(lease()?.holderIdentity).toBe('');
  });

  test('renewals may be further apart than tries; one that fails is tried again soon', async () => {
    let attempts = 0;
    const a = contender('a', 0, { renewMs: 6_000, onAttempt: () => attempts++ });
    await acquire(a);
    void a.election.hold(a.stop.signal).catch(() => undefined);
    const waits = () => eventually(() => a.clock.waiting > 0, within('it waits'));
    await waits();
    await a.clock.advance(5_999);
    expect(attempts).toBe(1);
    const fault = server.faults.inject('internalError');
    await a.clock.advance(1);
    await eventually(() => attempts === 2 && a.clock.waiting > 0, within('a renewal fails'));
    expect(a.election.held).toBe(true);
    fault.remove();
    await a.clock.advance(2_000);
    await eventually(() => attempts === 3 && a.clock.waiting > 0, within('it tries again'));
    await a.clock.advance(5_999);
    expect(attempts).toBe(3);
    expect(lease()?.renewTime).toBe('1970-01-01T00:00:08.000000Z');
  });

  test('a holder that finds another in its place writes no more, however recent its own renewal', async () => {
    const a = contender('a');
    await acquire(a);
    void a.election.hold(a.stop.signal).catch(() => undefined);
    await eventually(() => a.clock.waiting > 0, within('it waits'));
    server.store.delete(LeaseType, KEY);
    await acquire(contender('b'));
    await a.clock.advance(2_000); // refused: the version that it knows is gone
    await eventually(() => a.clock.waiting > 0, within('it waits to try again'));
    await a.clock.advance(2_000);
    await eventually(() => a.election.holder === 'b', within('it has looked'));
    expect(a.election.held).toBe(false);
    expect(a.election.holder).toBe('b');
  });

  test('waiting ends with its signal', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await acquire(a);
    const waiting = b.election.acquire(b.stop.signal);
    await tried(b);
    b.stop.abort(new Error('the process stops'));
    await expect(waiting).rejects.toThrow('the process stops');
  });
});

describe('when a Lease was written', () => {
  const renewals = [
    { version: '5', at: 100 },
    { version: '9', at: 200 },
    { version: '12', at: 300 },
  ];

  test('is after the newest renewal that the server counted before it', () => {
    expect(writtenAfter('11', renewals)).toBe(200);
    expect(writtenAfter('100', renewals)).toBe(300);
  });

  test('is unknown for one that is older than all of them', () => {
    expect(writtenAfter('4', renewals)).toBe(Number.NEGATIVE_INFINITY);
    expect(writtenAfter('4', [])).toBe(Number.NEGATIVE_INFINITY);
  });

  test('is taken from the renewals that an election remembers, as many as a minute has', async () => {
    const server = await FakeApiServer.start({ kinds: [Leases] });
    const transport = new Transport({
      credentials: { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) },
    });
    const clock = new FakeClock();
    const stop = new AbortController();
    const client = new Client(transport, { fieldManager: 'test' });
    const election = new LeaderElection({ client, ...KEY, identity: 'a', log: silentLogger, clock });
    await election.acquire(stop.signal);
    const holding = election.hold(stop.signal);
    for (let renewed = 1; renewed < 40; renewed++) {
      await eventually(() => clock.waiting > 0, within('it waits'));
      await clock.advance(2_000);
      await eventually(() => election.renewals.at(-1)?.at === renewed * 2_000, within('it has renewed'));
    }
    expect(election.renewals).toHaveLength(32);
    const { version = '', at = 0 } = election.renewals.at(-2) ?? {};
    expect(writtenAfter(String(Number(version) + 1), election.renewals)).toBe(at);
    stop.abort();
    await holding;
    await transport.close();
    await server.stop();
  });
});
