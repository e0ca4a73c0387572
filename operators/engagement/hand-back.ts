/**
 * How far a downstream is handed back. `clean`: nothing of ours is left but the claim. `released`: that is given up
 * too. `foreign`: it is claimed by another hub or Cluster.
 */
export type HandBackStage = 'begun' | 'clean' | 'released' | 'foreign';

/** How far an agent has handed its cluster back. */
export interface HandBackReport {
  /** uid of the Cluster that is being deleted: what is said of another one does not count. */
  readonly cluster: string;
  readonly stage: HandBackStage;
  /** What stands in the way, or whose the cluster is. */
  readonly problem?: string;
}

const STAGES: readonly HandBackStage[] = ['begun', 'clean', 'released', 'foreign'];
const LONGEST_PROBLEM = 1_000;
/** The longest report of an agent that is parsed: JSON writes a character with at most six. */
export const LONGEST_REPORT = 16_384;

/** The value of the heartbeat's annotation; undefined while nothing is handed back. */
export function formatHandBack(report: HandBackReport | undefined): string | undefined {
  if (!report) return undefined;
  const { problem, ...rest } = report;
  return JSON.stringify({ ...rest, ...(problem === undefined ? {} : { problem: problem.slice(0, LONGEST_PROBLEM) }) });
}

/** Reads what {@link formatHandBack} wrote; undefined for what it did not write. */
export function parseHandBack(text: string | undefined): HandBackReport | undefined {
  if (text === undefined || text.length > LONGEST_REPORT) return undefined;
  try {
    const { cluster, stage, problem } = JSON.parse(text);
    const known = STAGES.find(each => each === stage);
    if (!known || typeof cluster !== 'string') return undefined;
    return {
      cluster,
      stage: known,
      ...(typeof problem === 'string' ? { problem: problem.slice(0, LONGEST_PROBLEM) } : {}),
    };
  } catch {
    return undefined; // an agent of another version
  }
}
