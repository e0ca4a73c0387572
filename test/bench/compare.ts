import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Figures, type Paired, paired } from './paired.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const runFile = promisify(execFile);

export interface CompareOptions {
  /** With its flags, without `--json`. */
  readonly benchmark: readonly string[];
  /** A commit, as git names it. */
  readonly revision: string;
  readonly turns: number;
  readonly log: (line: string) => void;
}

export interface Comparison {
  readonly revision: string;
  readonly turns: number;
  readonly figures: Readonly<Record<string, Paired>>;
}

/**
 * Measures this checkout and another commit in turns, each by its own benchmark, and prints what they have in common:
 * single runs of one and the same code differ by more than what is looked for. Every other turn begins with the other.
 */
export async function compare({ benchmark, revision, turns, log }: CompareOptions): Promise<Comparison> {
  const commit = await commitOf(revision);
  const dir = mkdtempSync(join(tmpdir(), 'paddock-bench-'));
  const before = join(dir, 'before');
  try {
    await checkOut(commit, before, log);
    const figures: Record<'now' | 'before', Figures[]> = { now: [], before: [] };
    for (let turn = 0; turn < turns; turn++) {
      for (const side of turn % 2 === 0 ? (['now', 'before'] as const) : (['before', 'now'] as const)) {
        log(`turn ${turn + 1} of ${turns}: ${side === 'now' ? 'this checkout' : commit.slice(0, 7)}`);
        figures[side].push(await measure(side === 'now' ? ROOT : before, benchmark));
      }
    }
    return { revision: commit, turns, figures: paired(figures.now, figures.before) };
  } finally {
    await runFile('git', ['worktree', 'remove', '--force', before], { cwd: ROOT }).catch(() => undefined);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function commitOf(revision: string): Promise<string> {
  try {
    const { stdout } = await runFile(
      'git',
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
      {
        cwd: ROOT,
      },
    );
    return stdout.trim();
  } catch (cause) {
    throw new Error(`--compare "${revision}": git knows no commit of that name here`, { cause });
  }
}

/** A second checkout with the packages that its lock file names. */
async function checkOut(commit: string, dir: string, log: (line: string) => void): Promise<void> {
  await runFile('git', ['worktree', 'add', '--detach', dir, commit], { cwd: ROOT });
  const [ours, theirs] = [ROOT, dir].map(each => readFileSync(join(each, 'package-lock.json'), 'utf8'));
  if (ours === theirs && existsSync(join(ROOT, 'node_modules'))) {
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    return;
  }
  log('installing the packages of the other commit');
  await runFile('npm', ['ci', '--no-audit', '--no-fund'], { cwd: dir });
}

async function measure(dir: string, benchmark: readonly string[]): Promise<Figures> {
  const args = [join(dir, 'test', 'bench', 'main.ts'), ...benchmark, '--json'];
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${dir}: the benchmark ended with ${code}`);
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Figures;
}
