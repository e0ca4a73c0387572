import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readKinds } from './crd.ts';
import { policySources } from './policies.ts';
import { sources } from './source.ts';

const USAGE = `Usage: node hack/generate/main.ts [--check]

Writes api/generated from crds, and operators/cluster/policies/generated from manifests/downstream. With --check it
writes nothing, and exits 1 naming the files that differ.`;

/** What is generated, by the folder that it is made from. Both folders are relative to the root. */
export const TARGETS = [
  { from: 'crds', to: 'api/generated', make: async (folder: string) => sources(await readKinds(folder)) },
  { from: 'manifests/downstream', to: 'operators/cluster/policies/generated', make: policySources },
] as const;

export interface GenerateOptions {
  /** The source of every generated file by its name. */
  readonly wanted: ReadonlyMap<string, string>;
  /** Folder of the generated files; other files in it are removed. */
  readonly output: string;
  /** Only compare. */
  readonly check: boolean;
}

/** Brings the generated files up to date, or only compares. Resolves with the names of the files that differed. */
export async function generate({ wanted, output, check }: GenerateOptions): Promise<string[]> {
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
  let differing = 0;
  for (const { from, to, make } of TARGETS) {
    const wanted = await make(join(root, from));
    const files = await generate({ wanted, output: join(root, to), check: values.check });
    for (const file of files) console.log(`${to}/${file} ${values.check ? `differs from ${from}` : 'written'}`);
    differing += files.length;
  }
  if (!values.check || differing === 0) return 0;
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
