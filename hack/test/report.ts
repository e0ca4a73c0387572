import { relative } from 'node:path';

/** What is read of the report that jest writes with `--json`. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not be run at all. */
  readonly numRuntimeErrorTestSuites: number;
  /** Skipped ones. */
  readonly numPendingTests: number;
  readonly testResults: readonly {
    /** The file's absolute path. */
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** A file in which something failed. */
export interface Failure {
  /** Relative to the root of the repository. */
  readonly file: string;
  /** The tests that failed; none where the file could not be run. */
  readonly tests: readonly string[];
}

export const countsOf = (report: JestReport): Counts => ({
  passed: report.numPassedTests,
  failed: report.numFailedTests + report.numRuntimeErrorTestSuites,
});

/** By file; a file that runs in two of jest's projects is told once. */
export function failuresOf({ testResults }: JestReport, root: string): Failure[] {
  const byFile = new Map<string, string[]>();
  for (const { name, status, assertionResults } of testResults) {
    if (status === 'passed') continue;
    const file = relative(root, name);
    const failed = assertionResults.filter(each => each.status === 'failed').map(each => each.fullName);
    byFile.set(file, [...(byFile.get(file) ?? []), ...failed]);
  }
  return [...byFile].map(([file, tests]) => ({ file, tests }));
}

/** So many files may fail once beside others; more is a fault that they have in common. */
export const MOST_FLAKY_FILES = 6;

/** What is worth a second run, alone: a failure that a busy machine may have made. */
export const isWorthASecondRun = (failures: readonly Failure[]): boolean =>
  failures.length > 0 && failures.length <= MOST_FLAKY_FILES;

/**
 * What counts after the second run of a file that failed. Where everything in it passes, what failed before counts as
 * passed; where anything fails, what failed before stays failed.
 */
export function afterSecondRun(counts: Counts, { tests }: Failure, second: Counts): Counts {
  if (second.failed > 0 || second.passed === 0) return counts;
  const failed = Math.max(1, tests.length); // a file that could not be run counts as one
  return { passed: counts.passed + (tests.length || second.passed), failed: counts.failed - failed };
}

/** The lines that docs/flaky.md gets. */
export const flakyLines = ({ file, tests }: Failure): string[] =>
  (tests.length > 0 ? tests : ['(the file did not run)']).map(test => `flaky: ${file}, ${test}`);
