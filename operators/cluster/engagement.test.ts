import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, silentLogger, Transport } from '#runtime';
import { eventually } from '../../test/support/eventually.ts';
import { FakeApiServer, Leases } from '../../test/support/fake-api-server/index.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import {
  EngagementLeases,
  engagementKey,
  HUB_TIMES,
  hubIdentity,
  leavingIdentity,
  writerAnnotation,
} from '../engagement/lease.ts';
import { Engagement } from './engagement.ts';

const KEY = engagementKey('edge-1');
const UID = 'uid-1';
const NEVER = new AbortController().signal;
const within = (what: string) => ({ timeoutMs: 10_000, what });

let server: FakeApiServer;
let transport: Transport;
let client: Client;
let clock: FakeClock;
let engagements: Engagement[];
let changes: number;

beforeEach(async () => {
  server = await FakeApiServer.start({ kinds: [Leases] });
  transport = new Transport({ credentials: { resolve: async () => ({ server: server.url, tls: {}, headers: {} }) } });
  client = new Client(transport, { fieldManager: 'paddock-cluster' });
  clock = new FakeClock();
  engagements = [];
  changes = 0;
});

afterEach(async () => {
  server.faults.clear();
  await Promise.all(engagements.map(engagement => engagement.stop()));
  await transport.close();
  await server.stop();
});

function engage(uid = UID): Engagement {
  const engagement = new Engagement({
    client,
    cluster: 'edge-1',
    uid,
    log: silentLogger,
    clock,
    onChange: () => changes++,
    after: Promise.resolve(),
  });
  engagements.push(engagement);
  return engagement;
}

const spec = () => server.store.get(EngagementLeases, KEY)?.spec;
const sleeps = () => eventually(() => clock.waiting > 0, within('it waits'));

function put(holderIdentity: string, annotations: Record<string, string> = {}): void {
  const existing = server.store.get(EngagementLeases, KEY);
  const { name, namespace } = KEY;
  const metadata = { name, namespace, annotations };
  const body = { ...EngagementLeases, apiVersion: 'coordination.k8s.io/v1', metadata };
  const leased = { ...body, spec: { holderIdentity, leaseDurationSeconds: 45 } };
  if (existing) server.store.update(leased);
  else server.store.create(leased);
}

describe('the hub', () => {
  test('writes nothing while the Lease is the agent’s, and takes it when that has run out', async () => {
    put('agent/x');
    const engagement = engage();
    await engagement.settled(NEVER);

    expect(engagement.problem).toMatchObject({ reason: 'Engaging', terminal: false });
    expect(engagement.problem?.message).toContain(
      'its agent (for the Cluster with uid x) holds Lease c-edge-1/engagement',
    );
    expect(() => engagement.assertHeld()).toThrow('its agent (for the Cluster with uid x)');

    for (let waited = 0; waited < 60_000 && engagement.problem; waited += 1_000) {
      await sleeps();
      await clock.advance(1_000);
    }
    expect(engagement.problem).toBeUndefined();
    expect(clock.monotonic()).toBeGreaterThanOrEqual(45_000);
    expect(spec()?.holderIdentity).toBe(hubIdentity(UID));
    expect(changes).toBe(2);
  });

  test('goes on at once after a restart, since its identity is the same', async () => {
    const before = engage();
    await before.settled(NEVER);
    await before.stop();
    expect(spec()?.holderIdentity).toBe(hubIdentity(UID));

    const after = engage();
    await after.settled(NEVER);

    expect(after.problem).toBeUndefined();
    expect(() => after.assertHeld()).not.toThrow();
    expect(spec()?.leaseTransitions).toBe(0);
  });

  test('writes the Lease once in ten seconds, and each time anew', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);
    await sleeps();
    const before = server.requests.count({ verb: 'patch' });
    for (let seconds = 0; seconds < 60; seconds++) {
      await clock.advance(1_000);
      await sleeps();
    }
    const renewals = server.requests.count({ verb: 'patch' }) - before;
    expect(renewals).toBeGreaterThanOrEqual(5);
    expect(renewals).toBeLessThanOrEqual(6);
    expect(() => engagement.assertHeld()).not.toThrow();
  });

  test('that can’t renew writes no more from the deadline on, and says so', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);
    server.faults.inject('internalError');
    for (let seconds = 0; seconds < 40; seconds++) {
      await sleeps();
      await clock.advance(1_000);
    }
    expect(() => engagement.assertHeld()).toThrow('nothing is written to the cluster');
    await eventually(() => engagement.problem?.message.includes('could not be written'), within('a problem'));
  });
});

describe('giving the Lease up', () => {
  /** Lets time pass until it is given up; how long that took, ms. */
  async function release(engagement: Engagement, meanwhile: (now: number) => void = () => undefined): Promise<number> {
    const begun = clock.monotonic();
    let ended = false;
    const released = engagement.release(NEVER).finally(() => {
      ended = true;
    });
    while (!ended) {
      await eventually(() => ended || clock.waiting > 0, within('it waits'));
      meanwhile(clock.monotonic() - begun);
      if (!ended) await clock.advance(100);
    }
    await released;
    return clock.monotonic() - begun;
  }

  test('is done at once where no operator writes', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);

    expect(await release(engagement)).toBeLessThan(1_000);

    expect(spec()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(() => engagement.assertHeld()).toThrow();
  });

  test('waits for the operators that write, and tells them first', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);
    put(hubIdentity(UID), { [writerAnnotation('paddock-project')]: 'since' });
    const holders: (string | undefined)[] = [];

    const took = await release(engagement, now => {
      if (now < 3_000) holders.push(spec()?.holderIdentity);
      if (now >= 3_000 && spec()?.holderIdentity !== '') put(leavingIdentity(UID)); // it has taken its name off
    });

    expect(new Set(holders)).toEqual(new Set([leavingIdentity(UID)]));
    expect(took).toBeGreaterThanOrEqual(3_000);
    expect(spec()?.holderIdentity).toBe('');
  });

  test('waits no longer than an operator that does not answer would trust the Lease', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);
    put(hubIdentity(UID), { [writerAnnotation('paddock-project')]: 'since' });

    const took = await release(engagement);

    expect(took).toBeGreaterThanOrEqual(HUB_TIMES.renewDeadlineMs);
    expect(took).toBeLessThan(HUB_TIMES.leaseMs);
    expect(spec()?.holderIdentity).toBe('');
  });

  test('takes nothing from an agent that has it already', async () => {
    const engagement = engage();
    await engagement.settled(NEVER);
    put('agent/x');

    await release(engagement);

    expect(spec()?.holderIdentity).toBe('agent/x');
  });
});
