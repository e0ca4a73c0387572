import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { ensureBinaries } from '../control-plane/binaries.ts';
import {
  afterSecondRun,
  type Counts,
  countsOf,
  type Failure,
  failuresOf,
  flakyLines,
  isWorthASecondRun,
  type JestReport,
} from './report.ts';

/** Everything `make test` runs: the checks first, since they are quick, then all tests, then once more those that failed. */
const ROOT = join(import.meta.dirname, '..', '..');
const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name);

const CHECKS: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ['generated types are those of the CRDs', process.execPath, join(ROOT, 'hack', 'generate', 'main.ts'), '--check'],
  ['lint and format', bin('biome'), 'check', '--error-on-warnings', ROOT],
  ['types', bin('tsc'), '-p', join(ROOT, 'tsconfig.json')],
  ['the bundle builds', process.execPath, join(ROOT, 'hack', 'bundle', 'main.ts')],
];

/** The many API servers of the tests spend a fifth of their time on collecting garbage, unless they may hold more of it. */
const GO = { GOGC: '400' };

/** Tests wait for servers some of the time, so one more than there are processors keeps these busy; each has its servers. */
const WORKER_BYTES = 2 * 2 ** 30;
const WORKERS = Math.max(1, Math.min(availableParallelism() + 1, Math.floor(totalmem() / WORKER_BYTES)));

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...GO, ...process.env } });
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

async function runChecks(): Promise<Counts> {
  const counts = { passed: 0, failed: 0 };
  for (const [what, command, ...args] of CHECKS) {
    console.log(`\n== ${what}`);
    if ((await run(command, args)) === 0) counts.passed += 1;
    else counts.failed += 1;
  }
  return counts;
}

/** Jest's own report goes to the terminal; what is counted comes from its JSON. */
async function runJest(args: readonly string[]): Promise<JestReport> {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-test-'));
  const path = join(dir, 'report.json');
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  const node = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  try {
    const code = await run(process.execPath, [...node, jest, '--json', `--outputFile=${path}`, ...args]);
    const report: JestReport = JSON.parse(readFileSync(path, 'utf8'));
    if (report.numPendingTests > 0)
      throw new Error(`${report.numPendingTests} tests were skipped: a skipped test proves nothing`);
    if (code !== 0 && countsOf(report).failed === 0) throw new Error(`jest ended with ${code}, and says of no failure`);
    return report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Files that failed beside others are run once more, each alone, and told when they pass. */
async function runAgain(failures: readonly Failure[], counts: Counts): Promise<Counts> {
  const flaky: string[] = [];
  let after = counts;
  for (const failure of failures) {
    console.log(`\n== once more, alone: ${failure.file}`);
    const second = countsOf(await runJest(['--runInBand', '--runTestsByPath', failure.file]));
    const before = after;
    after = afterSecondRun(before, failure, second);
    if (after !== before) flaky.push(...flakyLines(failure));
  }
  if (flaky.length > 0) console.log(`\n${flaky.join('\n')}`);
  return after;
}

async function runTests(patterns: readonly string[]): Promise<Counts> {
  const report = await runJest([`--maxWorkers=${WORKERS}`, ...patterns]);
  const failures = failuresOf(report, ROOT);
  return isWorthASecondRun(failures) ? await runAgain(failures, countsOf(report)) : countsOf(report);
}

const patterns = process.argv.slice(2);
let checks: Counts = { passed: 0, failed: 0 };
let tests: Counts = { passed: 0, failed: 1 };
try {
  if (patterns.length === 0) checks = await runChecks();
  console.log('\n== binaries of the control plane');
  await ensureBinaries({ log: line => console.log(line) });
  console.log('\n== tests');
  tests = await runTests(patterns);
} catch (error) {
  console.error(error);
}
const [passed, failed] = [checks.passed + tests.passed, checks.failed + tests.failed];
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
