import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bundle, version } from './bundle.ts';

let dir: string;
let outfile: string;
let paddock: (...args: string[]) => string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-bundle-test-'));
  outfile = join(dir, 'paddock.mjs');
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

test('is ASCII: beyond Latin-1, Node would hold its source twice as large', () => {
  expect([...readFileSync(outfile, 'utf8').matchAll(/.{0,30}[^\0-\x7F].{0,30}/g)].map(([around]) => around)).toEqual(
    [],
  );
});
