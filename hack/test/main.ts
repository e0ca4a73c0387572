import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { ensureBinaries } from '../control-plane/binaries.ts';

/** Everything `make test` runs: the checks first, since they are quick, then all tests. */
interface Counts {
  passed: number;
  failed: number;
}

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

async function runChecks(counts: Counts): Promise<void> {
  for (const [what, command, ...args] of CHECKS) {
    console.log(`\n== ${what}`);
    if ((await run(command, args)) === 0) counts.passed += 1;
    else counts.failed += 1;
  }
}

/** Jest's own report goes to the terminal; the counts come from its JSON. */
async function runJest(counts: Counts, patterns: readonly string[]): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-test-'));
  const report = join(dir, 'report.json');
  const flags = ['--json', `--outputFile=${report}`, '--testLocationInResults', `--maxWorkers=${WORKERS}`, ...patterns];
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  try {
    const code = await run(process.execPath, [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      jest,
      ...flags,
    ]);
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, numPendingTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    counts.passed += numPassedTests;
    counts.failed += numFailedTests + numRuntimeErrorTestSuites;
    if (numPendingTests > 0) throw new Error(`${numPendingTests} tests were skipped: a skipped test proves nothing`);
    if (code !== 0 && numFailedTests + numRuntimeErrorTestSuites === 0) counts.failed += 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const counts: Counts = { passed: 0, failed: 0 };
try {
  const patterns = process.argv.slice(2);
  if (patterns.length === 0) await runChecks(counts);
  console.log('\n== binaries of the control plane');
  await ensureBinaries({ log: line => console.log(line) });
  console.log('\n== tests');
  await runJest(counts, patterns);
} catch (error) {
  console.error(error);
  counts.failed += 1;
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
