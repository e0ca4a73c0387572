import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureBinaries } from '../control-plane/binaries.ts';
import { parseDemoArguments } from './arguments.ts';
import { DemoProcess } from './demo-process.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
const RUN_TIMEOUT_MS = 240_000;

let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'paddock-demo-test-'));
  await ensureBinaries({ log: line => console.error(line) });
}, BUILD_TIMEOUT_MS);

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const home = (): string => mkdtempSync(join(scratch, 'home-'));

describe('with --once', () => {
  test(
    'ends with 0 when the samples have converged, and leaves nothing',
    async () => {
      const demo = new DemoProcess(home(), ['--once']);

      const code = await demo.ended();

      expect({ code, output: demo.output }).toMatchObject({ code: 0 });
      const lines = demo.output.split('\n').map(line => line.replace(/ +/g, ' '));
      expect(lines).toEqual(
        expect.arrayContaining([
          '$ kubectl apply -f manifests/samples',
          expect.stringMatching(/^edge-1 True True v1\./),
          'edge-1/payments True 2 3 0',
          'edge-1/payments-api payments ConfigMap/features Secret/registry',
          'edge-1/payments-web payments Secret/registry',
        ]),
      );
      expect(demo.left()).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'ends with 1 and the reason when it can not start',
    async () => {
      const demo = new DemoProcess(home(), ['--once', '--dir', '/dev/null/demo']);

      expect(await demo.ended()).toBe(1);
      expect(demo.output).toMatch(/ENOTDIR.*\/dev\/null\/demo/);
      expect(demo.left()).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('an end half-way', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s leaves nothing',
    async signal => {
      const demo = new DemoProcess(home());
      await demo.hasWritten('hub is up', { timeoutMs: 60_000 });

      demo.signal(signal);

      expect(await demo.ended()).toBe(0);
      expect(demo.left()).toEqual([]);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('the command line', () => {
  const from = '/from/here';

  test('may name a folder, and that one look is enough', () => {
    expect(parseDemoArguments([], { from })).toEqual({ dir: undefined, once: false });
    expect(parseDemoArguments(['--once', '--dir', 'd'], { from })).toEqual({ dir: '/from/here/d', once: true });
  });

  test.each([
    [['--dir', ''], /--dir is empty/],
    [['--twice'], /--twice/],
    [['d'], /'d'/],
  ])('%j is refused', (args, message) => {
    expect(() => parseDemoArguments(args, { from })).toThrow(message);
  });
});
