import { describe, expect, test } from '@jest/globals';
import { type DeletionFacts, nextStep } from './deletion-step.ts';

const DELETED_AT = Date.UTC(2026, 0, 1, 12);
const TIMEOUT_MS = 300_000;

const given = (facts: Partial<DeletionFacts>): DeletionFacts => ({
  policy: 'Clean',
  connection: 'usable',
  handBack: { stage: 'begun' },
  everConnected: true,
  lastContactAt: DELETED_AT,
  timeoutMs: TIMEOUT_MS,
  now: DELETED_AT,
  ...facts,
});

const LATE = DELETED_AT + TIMEOUT_MS;
const unreached = { stage: 'begun', reached: false, problem: 'connection refused' } as const;

describe('a cluster that can not be reached', () => {
  test('is waited for until its time is up, and the message says until when, why, and what ends it', () => {
    const step = nextStep(given({ handBack: unreached, now: DELETED_AT + 60_000 }));

    expect(step).toMatchObject({ kind: 'wait', ms: TIMEOUT_MS - 60_000 });
    expect(step.cleaned).toMatchObject({ type: 'Cleaned', status: 'False', reason: 'Unreachable' });
    expect(step.cleaned.message).toContain('connection refused');
    expect(step.cleaned.message).toContain('2026-01-01T12:05:00Z');
    expect(step.cleaned.message).toContain('spec.deletionPolicy to Orphan');
  });

  test('is let go after it', () => {
    const step = nextStep(given({ handBack: unreached, now: LATE }));

    expect(step).toMatchObject({ kind: 'finish', cleaned: { status: 'False', reason: 'CleanupTimedOut' } });
    expect(step.cleaned.message).toContain('300 s (spec.cleanupTimeout), since 2026-01-01T12:00:00Z');
  });

  test('is never let go before this process has tried it once, however late', () => {
    expect(nextStep(given({ now: LATE }))).toMatchObject({ kind: 'wait', cleaned: { reason: 'Cleaning' } });
  });

  test('nor before its Secret was looked for', () => {
    const step = nextStep(given({ connection: 'pending', handBack: undefined, now: LATE }));

    expect(step).toMatchObject({ kind: 'wait', ms: 1_000 });
  });

  test('is not waited for with Orphan', () => {
    expect(nextStep(given({ policy: 'Orphan', handBack: unreached }))).toMatchObject({
      kind: 'finish',
      cleaned: { status: 'False', reason: 'Orphaned' },
    });
  });

  test('because there is no kubeconfig is waited for too, if it ever was connected', () => {
    const facts = {
      connection: 'none',
      connectionProblem: 'Secret c-x/x does not exist',
      handBack: undefined,
    } as const;

    const step = nextStep(given(facts));

    expect(step).toMatchObject({ kind: 'wait', ms: TIMEOUT_MS });
    expect(step.cleaned.message).toContain('Secret c-x/x does not exist');
    expect(nextStep(given({ ...facts, everConnected: false }))).toMatchObject({
      kind: 'finish',
      cleaned: { status: 'True', reason: 'NothingDerived' },
    });
  });
});

describe('a cluster that answers', () => {
  test('is cleaned, then released, then done with', () => {
    const steps = [
      { stage: 'begun', reached: true },
      { stage: 'clean', reached: true },
      { stage: 'released', reached: true },
    ] as const;

    expect(steps.map(handBack => nextStep(given({ handBack })))).toMatchObject([
      { kind: 'work', goal: 'clean', cleaned: { reason: 'Cleaning' } },
      { kind: 'work', goal: 'release', cleaned: { status: 'True', reason: 'Cleaned' } },
      { kind: 'finish', cleaned: { status: 'True', reason: 'Cleaned' } },
    ]);
  });

  test('and refuses is tried again without end, and says why', () => {
    const handBack = { stage: 'begun', reached: true, problem: 'secrets is forbidden' } as const;

    const step = nextStep(given({ handBack, now: LATE + 1 }));

    expect(step).toMatchObject({ kind: 'work', goal: 'clean', cleaned: { reason: 'CleanupFailed' } });
    expect(step.cleaned.message).toContain('secrets is forbidden');
  });

  test('is only released with Orphan', () => {
    const handBack = { stage: 'begun', reached: true } as const;

    expect(nextStep(given({ policy: 'Orphan', handBack }))).toMatchObject({ kind: 'work', goal: 'release' });
  });

  test('and is another’s is left as it is', () => {
    const handBack = { stage: 'foreign', reached: true, problem: 'it is claimed by Cluster theirs' } as const;

    const step = nextStep(given({ handBack }));

    expect(step).toMatchObject({ kind: 'finish', cleaned: { status: 'False', reason: 'AlreadyClaimed' } });
    expect(step.cleaned.message).toContain('Cluster theirs');
  });
});

describe('a cluster by agent', () => {
  const agent = { connection: 'agent' } as const;

  test('that no agent has ever joined is done with at once', () => {
    const step = nextStep(given({ ...agent, handBack: undefined, everConnected: false }));

    expect(step).toMatchObject({ kind: 'finish', cleaned: { status: 'True', reason: 'NothingDerived' } });
  });

  test('is not told to begin before its agent was heard from, however late', () => {
    const step = nextStep(given({ ...agent, now: LATE }));

    expect(step).toMatchObject({ kind: 'wait', cleaned: { status: 'False', reason: 'WaitingForAgent' } });
  });

  test('an agent that joined and was never seen to be connected is waited for all the same', () => {
    const step = nextStep(given({ ...agent, handBack: unreached, everConnected: false }));

    expect(step).toMatchObject({ kind: 'wait', ms: TIMEOUT_MS });
  });

  test('that is clean stays so when its agent falls silent: that is what ends it', () => {
    const handBack = { ...unreached, stage: 'clean' } as const;

    expect(nextStep(given({ ...agent, handBack }))).toMatchObject({
      kind: 'wait',
      ms: TIMEOUT_MS,
      cleaned: { status: 'True', reason: 'Cleaned' },
    });
    const last = nextStep(given({ ...agent, handBack, now: LATE }));
    expect(last).toMatchObject({ kind: 'finish', cleaned: { status: 'True', reason: 'Cleaned' } });
    expect(last.cleaned.message).toContain('not heard from since 2026-01-01T12:00:00Z');
    expect(nextStep(given({ ...agent, handBack: { stage: 'clean' } }))).toMatchObject({
      kind: 'wait',
      cleaned: { status: 'True', reason: 'Cleaned' },
    });
  });
});

test.each(['clean', 'released'] as const)(
  'what finalizers keep, and grants nothing, is named and not waited for: %s',
  stage => {
    const held = 'rolebindings blue-1/paddock:web (other.example.com/hold)';
    const { cleaned } = nextStep(given({ handBack: { stage, reached: true, held } }));

    expect(cleaned).toMatchObject({ status: 'True', reason: 'Cleaned' });
    expect(cleaned.message).toContain(held);
  },
);
