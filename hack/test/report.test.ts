import { describe, expect, test } from '@jest/globals';
import { afterSecondRun, countsOf, failuresOf, flakyLines, isWorthASecondRun, type JestReport } from './report.ts';

const result = (name: string, tests: Record<string, string>, status = 'failed') => ({
  name: `/root/${name}`,
  status,
  assertionResults: Object.entries(tests).map(([fullName, each]) => ({ fullName, status: each })),
});
const report = (over: Partial<JestReport>): JestReport => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  numPendingTests: 0,
  testResults: [],
  ...over,
});

describe('what failed', () => {
  test('is told by file, once for a file that runs in two projects', () => {
    const testResults = [
      result('test/a.test.ts', { one: 'passed' }, 'passed'),
      result('test/b.test.ts', { one: 'passed', two: 'failed' }),
      result('test/b.test.ts', { one: 'failed' }),
      result('test/c.test.ts', {}),
    ];
    expect(failuresOf(report({ testResults }), '/root')).toEqual([
      { file: 'test/b.test.ts', tests: ['two', 'one'] },
      { file: 'test/c.test.ts', tests: [] },
    ]);
  });

  test('counts files that could not be run', () => {
    expect(countsOf(report({ numFailedTests: 2, numRuntimeErrorTestSuites: 1 }))).toEqual({ passed: 3, failed: 3 });
  });

  test.each([
    [0, false],
    [1, true],
    [6, true],
    [7, false],
  ])('%i files are run once more: %s', (count, expected) => {
    expect(isWorthASecondRun(Array.from({ length: count }, () => ({ file: 'a', tests: [] })))).toBe(expected);
  });
});

describe('after the second run', () => {
  const counts = { passed: 10, failed: 3 };

  test('what passes then counts as passed', () => {
    const failure = { file: 'a', tests: ['one', 'two'] };
    expect(afterSecondRun(counts, failure, { passed: 5, failed: 0 })).toEqual({ passed: 12, failed: 1 });
  });

  test('the tests of a file that did not run before are added', () => {
    expect(afterSecondRun(counts, { file: 'a', tests: [] }, { passed: 5, failed: 0 })).toEqual({
      passed: 15,
      failed: 2,
    });
  });

  test.each([
    ['fails again', { passed: 4, failed: 1 }],
    ['runs nothing', { passed: 0, failed: 0 }],
  ])('a file that %s stays failed', (_, second) => {
    expect(afterSecondRun(counts, { file: 'a', tests: ['one'] }, second)).toEqual(counts);
  });

  test('says what to write down', () => {
    expect(flakyLines({ file: 'test/a.test.ts', tests: ['one', 'two'] })).toEqual([
      'flaky: test/a.test.ts, one',
      'flaky: test/a.test.ts, two',
    ]);
    expect(flakyLines({ file: 'test/a.test.ts', tests: [] })).toEqual([
      'flaky: test/a.test.ts, (the file did not run)',
    ]);
  });
});
