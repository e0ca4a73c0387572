import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..');

/** The bundled `paddock` command: one file that needs nothing but Node. */
export const BUNDLE = join(ROOT, 'dist', 'paddock.mjs');

/** As the bundle gives it: `v0.1.0`. */
export function version(): string {
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return `v${manifest.version}`;
}

/** Writes the bundle. */
export async function bundle(outfile = BUNDLE): Promise<void> {
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [join(ROOT, 'operators', 'main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'external',
    define: { PADDOCK_VERSION: JSON.stringify(version()) }, // operators/version.ts
    logLevel: 'warning',
    // CommonJS dependencies ask for Node's modules by require
    banner: {
      js: "import{createRequire as __paddockRequire}from'node:module';const require=__paddockRequire(import.meta.url);",
    },
  });
}
