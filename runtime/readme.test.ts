import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DEFAULT_TIMINGS } from './watcher.ts';

const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');
const readme = read('README.md');
/** Without the spaces that line the columns up. */
const tables = readme.replaceAll(/ +/g, ' ');

describe('the README', () => {
  test('shows the example as it is, which is short', () => {
    const example = read('examples/configmap-copier.ts');
    expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
    expect(example.split('\n').length - 1).toBeLessThanOrEqual(45);
  });

  test('tells the defaults of the watcher', () => {
    const { watchSeconds, idleMs, initIdleMs, backoffBaseMs, backoffMaxMs, backoffResetMs, pageSize } = DEFAULT_TIMINGS;
    const row = (what: string, value: string) => expect(tables).toContain(`| ${what} | ${value} |`);
    row('a watch is asked to last', `${watchSeconds.join(' to ')} s, at random`);
    row('a silent watch is opened again after', `${idleMs / 1000} s`);
    row('it is listed after two watches that brought nothing', `${(2 * idleMs) / 60_000} min`);
    row('a silent streaming list is given up for pages after', `${initIdleMs / 1000} s`);
    row('pages of a list', `${pageSize} objects`);
    row(
      'pause after a failed watch',
      `at random up to ${backoffBaseMs / 1000} s, doubled up to ${backoffMaxMs / 1000} s`,
    );
    row('the pause starts over after', `${backoffResetMs / 60_000} min`);
  });
});
