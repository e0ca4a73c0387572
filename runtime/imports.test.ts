import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** The packages that the runtime may use; everything else it does itself. */
const PACKAGES = ['@kubernetes/client-node', 'kubernetes-types', 'pino', 'prom-client', 'undici'];

const sources = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(
  file => file.endsWith('.ts') && !file.endsWith('.test.ts'),
);

const allowed = (file: string, specifier: string): boolean => {
  if (specifier.startsWith('node:')) return true;
  if (file.startsWith('examples')) return specifier === '../index.ts';
  if (specifier.startsWith('./')) return sources.includes(specifier.slice(2));
  return PACKAGES.some(name => specifier === name || specifier.startsWith(`${name}/`));
};

test('the runtime imports nothing of ours, so that it could be published alone', () => {
  expect(sources).toContain('index.ts');
  const foreign = sources.flatMap(file => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8');
    const specifiers = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)'([^']+)'/gm);
    return [...specifiers].flatMap(([, specifier = '']) => (allowed(file, specifier) ? [] : [`${file}: ${specifier}`]));
  });
  expect(foreign).toEqual([]);
});
