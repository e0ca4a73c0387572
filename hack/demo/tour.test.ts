import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureBinaries } from '../control-plane/binaries.ts';
import { run } from '../control-plane/command.ts';
import { DemoProcess } from './demo-process.ts';
import { comparable, tourSteps } from './tour.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
const START_TIMEOUT_MS = 180_000;
const STEP_TIMEOUT_MS = 60_000;
const ROOT = join(import.meta.dirname, '..', '..');
const README = join(ROOT, 'README.md');

const steps = tourSteps(readFileSync(README, 'utf8'));

describe('the tour in README.md', () => {
  let demo: DemoProcess;

  beforeAll(async () => {
    await ensureBinaries({ log: line => console.error(line) });
    demo = new DemoProcess(mkdtempSync(join(tmpdir(), 'paddock-tour-test-')));
    symlinkSync(join(ROOT, 'manifests'), join(demo.home, 'manifests')); // as in the folder that a reader is in
    await demo.hasWritten('Ctrl-C ends everything', { timeoutMs: START_TIMEOUT_MS });
    // The tour begins with what the README shows above it.
    await demo.hasWritten('2 namespaces, 3 copies', { timeoutMs: START_TIMEOUT_MS });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    demo?.signal('SIGKILL');
    await demo?.ended();
    rmSync(demo?.home ?? '', { recursive: true, force: true });
  });

  test('begins with the file that the demo names', () => {
    const [first] = steps;

    expect(demo.output).toContain(`    ${first?.commands}`);
  });

  // Each one stands where the one before has left the clusters.
  test.each(steps.map((step, index) => ({ ...step, number: index + 1, first: step.commands.split('\n')[0] })))(
    'step $number: $first',
    async ({ commands, output }) => {
      // The first step is what a reader does once in a terminal; here each step has a shell of its own.
      const script = `${steps[0]?.commands}exec 2>&1\n${commands}`;

      const { code, stdout } = await run('/bin/sh', ['-euc', script], { cwd: demo.home, timeoutMs: STEP_TIMEOUT_MS });

      if (output !== undefined) expect(comparable(stdout)).toEqual(comparable(output));
      expect({ code, stdout }).toMatchObject({ code: 0 });
    },
    STEP_TIMEOUT_MS + 10_000,
  );

  test('ends with the demo, which leaves nothing', async () => {
    rmSync(join(demo.home, 'manifests'));
    demo.signal('SIGINT');

    expect(await demo.ended()).toBe(0);
    expect(demo.left()).toEqual([]);
  });
});

describe('reading a tour', () => {
  const markdown = (body: string): string => `# Title\n\n## The five-minute tour\n\n${body}\n\n## Next\n`;
  const block = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;

  test('pairs what is typed with what is printed', () => {
    const body = [block('sh', 'one'), 'prose', block('sh', 'two'), block('text', 'said'), block('yaml', 'a: b')];

    expect(tourSteps(markdown(body.join('\n\n')))).toEqual([
      { commands: 'one\n', output: undefined },
      { commands: 'two\n', output: 'said\n' },
    ]);
  });

  test.each(['# No tour\n', markdown('no block')])('a README without one is an error', text => {
    expect(() => tourSteps(text)).toThrow(/README/);
  });

  test('leaves out what differs from run to run', () => {
    const output = 'NAME     VERSION   AGE\nedge-1   v1.34.4   2m30s\n\n  https://127.0.0.1:4711 10s\n';

    expect(comparable(output)).toEqual(['NAME VERSION AGE', 'edge-1 VERSION AGE', 'https://127.0.0.1:PORT AGE']);
  });
});
