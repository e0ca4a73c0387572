import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readKinds } from './crd.ts';
import { sources } from './source.ts';

const USAGE = `Usage: node hack/generate/main.ts [--check]

Writes api/generated from crds. With --check it writes nothing, and exits 1 naming the files that differ.`;

export interface GenerateOptions {
  /** Folder of the CRDs. */
  readonly crds: string;
  /** Folder of the generated files; files in it that no kind accounts for are removed. */
  readonly output: string;
  /** Only compare. */
  readonly check: boolean;
}

/** Brings the generated files up to date, or only compares. Resolves with the names of the files that differed. */
export async function generate({ crds, output, check }: GenerateOptions): Promise<string[]> {
  const wanted = await sources(await readKinds(crds));
  await mkdir(output, { recursive: true });
  const present = await readdir(output);
  const differing: string[] = [];
  for (const file of new Set([...wanted.keys(), ...present])) {
    const path = join(output, file);
    const source = wanted.get(file);
    const current = present.includes(file) ? await readFile(path, 'utf8') : undefined;
    if (source === current) continue;
    differing.push(file);
    if (check) continue;
    await (source === undefined ? rm(path) : writeFile(path, source));
  }
  return differing;
}

async function main(): Promise<number> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const differing = await generate({
    crds: join(root, 'crds'),
    output: join(root, 'api', 'generated'),
    check: values.check,
  });
  for (const file of differing) console.log(`api/generated/${file} ${values.check ? 'differs from crds' : 'written'}`);
  if (!values.check || differing.length === 0) return 0;
  console.error('Run "node hack/generate/main.ts" and commit what it writes.');
  return 1;
}

if (import.meta.main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof Error ? `${error.message}\n\n${USAGE}` : error);
    process.exitCode = 2;
  }
}
