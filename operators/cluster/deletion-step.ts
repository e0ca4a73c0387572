import type { ClusterSpec } from '#api';
import { type ConditionIntent, timestamp } from '#runtime';
import type { ConnectionState } from './connection.ts';
import type { Goal } from './deletion-cleaning.ts';
import type { HandBackState } from './deletion-downstream.ts';

/** What is known of a Cluster that is being deleted. Times are wall clock, ms. */
export interface DeletionFacts {
  readonly policy: NonNullable<ClusterSpec['deletionPolicy']>;
  readonly connection: ConnectionState['kind'];
  /** Why there is no connection to open. */
  readonly connectionProblem?: string;
  readonly handBack: HandBackState | undefined;
  /** Whether the cluster ever counted as connected: if not, nothing was derived there. */
  readonly everConnected: boolean;
  /** The later of the deletion and the last sign of life. */
  readonly lastContactAt: number;
  /** `spec.cleanupTimeout`, ms. */
  readonly timeoutMs: number;
  readonly now: number;
}

/** What is to be done next about a Cluster that is being deleted; `cleaned` is its condition Cleaned meanwhile. */
export type Step =
  /** Nothing, until something changes or so many milliseconds have passed. */
  | { readonly kind: 'wait'; readonly cleaned: ConditionIntent; readonly ms?: number }
  /** The Projects go, then the downstream is handed back so far. */
  | { readonly kind: 'work'; readonly cleaned: ConditionIntent; readonly goal: Goal }
  /** The downstream is done with, for better or worse: what is left goes in the hub. */
  | { readonly kind: 'finish'; readonly cleaned: ConditionIntent };

/** Reasons of Cleaned that are its last; with those in {@link LEAVING} something of ours stays on the cluster unasked. */
export const FINAL = ['Cleaned', 'Orphaned', 'NothingDerived', 'CleanupTimedOut', 'AlreadyClaimed'];
export const LEAVING = ['CleanupTimedOut', 'AlreadyClaimed'];

const PENDING_MS = 1_000;

/** Decides the next step. */
export function nextStep(facts: DeletionFacts): Step {
  const { policy, handBack } = facts;
  if (handBack?.stage === 'released')
    return { kind: 'finish', cleaned: policy === 'Clean' ? cleanedBut(handBack) : ORPHANED };
  if (handBack?.stage === 'foreign') return { kind: 'finish', cleaned: condition('AlreadyClaimed', foreign(handBack)) };
  if (handBack?.reached) return reachable(policy, handBack);
  return unreachable(facts);
}

function reachable(policy: DeletionFacts['policy'], handBack: HandBackState): Step {
  const { stage, problem } = handBack;
  if (policy === 'Orphan') return { kind: 'work', goal: 'release', cleaned: ORPHANED };
  if (stage === 'clean') return { kind: 'work', goal: 'release', cleaned: cleanedBut(handBack) };
  if (problem === undefined) return { kind: 'work', goal: 'clean', cleaned: condition('Cleaning', CLEANING) };
  const message = `what Paddock derived on the cluster could not be removed: ${problem}; it is tried again: grant the connection's user the missing right, or set spec.deletionPolicy to Orphan to leave it there`;
  return { kind: 'work', goal: 'clean', cleaned: condition('CleanupFailed', message) };
}

function unreachable(facts: DeletionFacts): Step {
  const { policy, connection, handBack, everConnected, lastContactAt, timeoutMs, now } = facts;
  if (connection === 'pending') return { kind: 'wait', ms: PENDING_MS, cleaned: condition('Cleaning', CLEANING) };
  const isClean = handBack?.stage === 'clean';
  if (handBack && handBack.reached === undefined) {
    const begins = connection === 'agent' ? WAITING_FOR_AGENT : condition('Cleaning', CLEANING);
    return { kind: 'wait', cleaned: isClean ? CLEANED : begins };
  }
  if (policy === 'Orphan') return { kind: 'finish', cleaned: ORPHANED };
  if (!handBack && !everConnected) return { kind: 'finish', cleaned: NOTHING_DERIVED };
  const until = lastContactAt + timeoutMs;
  const problem = facts.connectionProblem ?? handBack?.problem ?? 'there is no connection to it';
  if (now < until) {
    if (isClean) return { kind: 'wait', ms: until - now, cleaned: CLEANED };
    const message = `the cluster can't be reached: ${problem}; it is waited for until ${timestamp(until)}, or set spec.deletionPolicy to Orphan to leave what Paddock derived there`;
    return { kind: 'wait', ms: until - now, cleaned: condition('Unreachable', message) };
  }
  if (isClean) return { kind: 'finish', cleaned: cleanedThenLost(lastContactAt) };
  const message = `the cluster was not reached for ${timeoutMs / 1_000} s (spec.cleanupTimeout), since ${timestamp(lastContactAt)}: ${problem}`;
  return { kind: 'finish', cleaned: condition('CleanupTimedOut', message) };
}

const CLEANING = 'what Paddock derived on the cluster is being removed';

/** Not yet `Cleaning`: that is what tells an agent to begin. */
const WAITING_FOR_AGENT: ConditionIntent = condition(
  'WaitingForAgent',
  'the cluster is handed back by its agent, whose next heartbeat is waited for',
);

const CLEANED: ConditionIntent = {
  type: 'Cleaned',
  status: 'True',
  reason: 'Cleaned',
  message: 'nothing that Paddock derived is left on the cluster',
};

/** Objects that grant nothing any more are no reason to wait for the owners of their finalizers. */
function cleanedBut({ held }: HandBackState): ConditionIntent {
  if (held === undefined) return CLEANED;
  const message = `nothing that Paddock derived grants access on the cluster; foreign finalizers keep what is emptied, until their owners remove them: ${held}`;
  return { ...CLEANED, message };
}

/** What goes last is given up without an answer; what was derived is gone. */
function cleanedThenLost(since: number): ConditionIntent {
  const rest = 'namespace paddock-system, the claim in it and the rights of an agent may still be there';
  return { ...CLEANED, message: `${CLEANED.message}; it was not heard from since ${timestamp(since)}, so ${rest}` };
}

const NOTHING_DERIVED: ConditionIntent = {
  type: 'Cleaned',
  status: 'True',
  reason: 'NothingDerived',
  message: 'the cluster was never connected, so nothing was derived on it',
};

const ORPHANED: ConditionIntent = condition(
  'Orphaned',
  'spec.deletionPolicy is Orphan: what Paddock derived stays on the cluster, and nobody looks after it any more',
);

function foreign({ problem }: HandBackState): string {
  return `nothing was touched on the cluster: ${problem ?? 'it is not this Cluster’s'}`;
}

function condition(reason: string, message: string): ConditionIntent {
  return { type: 'Cleaned', status: 'False', reason, message };
}
