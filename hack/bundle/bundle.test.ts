import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bundle, version } from './bundle.ts';

let dir: string;
let paddock: (...args: string[]) => string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-bundle-test-'));
  const outfile = join(dir, 'paddock.mjs');
  await bundle(outfile);
  paddock = (...args) => execFileSync(process.execPath, [outfile, ...args], { encoding: 'utf8' });
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

test('knows its version', () => {
  expect(version()).toMatch(/^v\d/);
  expect(paddock('--version')).toBe(`paddock ${version()}\n`);
});

test.each(['run', 'agent'])('says what %s takes', command => {
  expect(paddock(command, '--help')).toContain(`Usage: paddock ${command} `);
});
