import { beforeEach, describe, expect, test } from '@jest/globals';
import { type Lease, type Renewal, WriteRefusedError, writtenAfter } from '#runtime';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { JoinedEngagements } from './joined.ts';
import { engagingProblem, HUB_TIMES, hubIdentity, leavingIdentity, writerAnnotation, writersOf } from './lease.ts';

const UID = 'cluster-uid';
const FENCE = HUB_TIMES.renewDeadlineMs;

let clock: FakeClock;
let version: number;
let engagements: JoinedEngagements;

beforeEach(() => {
  clock = new FakeClock();
  version = 10;
  const manager = 'paddock-project';
  engagements = new JoinedEngagements({ fieldManager: manager, clock, writtenAfter: () => clock.monotonic() });
});

function lease(holderIdentity: string, writers: readonly string[] = ['paddock-project']): Lease {
  version += 1;
  const annotations = Object.fromEntries(writers.map(writer => [writerAnnotation(writer), 'since']));
  return { metadata: { resourceVersion: String(version), annotations }, spec: { holderIdentity } };
}

/** A Lease is seen to be changed. */
const seen = (changed: Lease) => engagements.seen('edge-1', changed, { initial: false });
const write = () => engagements.assertMayWrite('edge-1', UID);

/** Engaged in good order: the Lease was there, this operator has joined it. */
function joined(): void {
  engagements.seen('edge-1', lease(hubIdentity(UID), []), { initial: true });
  seen(lease(hubIdentity(UID)));
  engagements.joined('edge-1', clock.monotonic());
}

describe('nothing is written', () => {
  test('while no Lease is known', () => {
    expect(write).toThrow(WriteRefusedError);
    expect(write).toThrow('the hub does not hold Lease c-edge-1/engagement; nothing is written to the cluster');
  });

  test('while the Lease is the agent’s, another Cluster’s, nobody’s or being given up', () => {
    for (const holder of ['agent/x', hubIdentity('an older uid'), '', leavingIdentity(UID)]) {
      joined();
      expect(write).not.toThrow();
      seen(lease(holder));
      expect(write).toThrow('the hub does not hold');
      expect(engagements.isHubs('edge-1', UID)).toBe(false);
    }
  });

  test('before this operator has put its name on the Lease, however often that is renewed', () => {
    seen(lease(hubIdentity(UID), []));
    seen(lease(hubIdentity(UID), ['paddock-rbac']));
    expect(write).toThrow('does not name this operator');
  });

  test('by a name that is on the Lease from an earlier process', () => {
    engagements.seen('edge-1', lease(hubIdentity(UID)), { initial: true });
    seen(lease(hubIdentity(UID)));
    expect(write).toThrow('does not name this operator');
  });

  test('when somebody has taken the name off, until it is joined again', () => {
    joined();
    expect(seen(lease(hubIdentity(UID), []))).toBe(true);
    expect(write).toThrow('does not name this operator');
    seen(lease(hubIdentity(UID)));
    expect(write).toThrow('does not name this operator');
    engagements.joined('edge-1', clock.monotonic());
    expect(write).not.toThrow();
  });

  test('when the Lease went to another and came back, until it is joined again', () => {
    joined();
    seen(lease('agent/x'));
    seen(lease(hubIdentity(UID)));
    expect(write).toThrow('does not name this operator');
  });

  test('when the Lease is gone', () => {
    joined();
    engagements.gone('edge-1');
    expect(write).toThrow('the hub does not hold');
    engagements.joined('edge-1', clock.monotonic()); // an answer that comes late makes no Lease
    expect(write).toThrow('the hub does not hold');
  });
});

describe('while the hub renews', () => {
  test('writes go through, and a renewal is no news', () => {
    joined();
    for (let minutes = 0; minutes < 5; minutes++) {
      clock.pass(HUB_TIMES.renewMs);
      expect(seen(lease(hubIdentity(UID)))).toBe(false);
      expect(write).not.toThrow();
    }
  });

  test('a restart of 20 s just before a renewal makes no difference', () => {
    joined();
    clock.pass(11_000 + 20_000);
    expect(write).not.toThrow();
  });

  test('without renewals nothing is written from the hub’s own deadline on, and before others may take the Lease', () => {
    joined();
    clock.pass(FENCE - 1);
    expect(write).not.toThrow();
    clock.pass(1);
    expect(write).toThrow(
      'no renewal of Lease c-edge-1/engagement was seen for 35 s: see that the cluster operator runs',
    );
    expect(FENCE).toBeLessThan(HUB_TIMES.leaseMs);
  });

  test('and when they come again, it goes on without joining anew', () => {
    joined();
    clock.pass(10 * FENCE);
    expect(write).toThrow();
    seen(lease(hubIdentity(UID)));
    expect(write).not.toThrow();
    expect(engagements.hasJoined('edge-1')).toBe(true);
  });
});

describe('the age of the Lease', () => {
  test('counts from when the name was sent, not from when the answer came', () => {
    engagements.seen('edge-1', lease(hubIdentity(UID)), { initial: true });
    const sentAt = clock.monotonic();
    clock.pass(FENCE);
    engagements.joined('edge-1', sentAt);
    expect(write).toThrow('no renewal');
  });

  test('is not that of its news: a frozen process wakes up and hears of old renewals', () => {
    const renewals: Renewal[] = [{ version: '1', at: 0 }];
    const manager = 'paddock-project';
    engagements = new JoinedEngagements({ fieldManager: manager, clock, writtenAfter: v => writtenAfter(v, renewals) });
    joined();
    const [first, second] = [lease(hubIdentity(UID)), lease(hubIdentity(UID))];
    clock.pass(FENCE + 1); // and only now it hears
    renewals.push({ version: '1000', at: clock.monotonic() }); // of its own lease, which it has renewed since
    seen(first);
    seen(second);
    expect(write).toThrow('no renewal');

    version = 1_000; // a renewal after that is a fresh one
    seen(lease(hubIdentity(UID)));
    expect(write).not.toThrow();
  });

  test('one cluster’s says nothing of another’s', () => {
    joined();
    expect(() => engagements.assertMayWrite('edge-2', UID)).toThrow(WriteRefusedError);
  });
});

describe('what a Lease says', () => {
  test('names its writers', () => {
    expect(writersOf(lease(hubIdentity(UID), ['paddock-project', 'paddock-rbac']))).toEqual([
      'paddock-project',
      'paddock-rbac',
    ]);
    expect(writersOf({})).toEqual([]);
  });

  test('is told with the holder by name', () => {
    expect(engagingProblem('edge-1', 'agent/uid-1').message).toContain(
      'its agent (for the Cluster with uid uid-1) holds Lease c-edge-1/engagement',
    );
    expect(engagingProblem('edge-1', hubIdentity('u')).message).toContain('the hub (for the Cluster with uid u)');
    expect(engagingProblem('edge-1', leavingIdentity('u')).message).toContain('about to stop writing');
    expect(engagingProblem('edge-1', undefined).message).toContain('could not be written');
  });
});
