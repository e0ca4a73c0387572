import { describe, expect, test } from '@jest/globals';
import type { Picture } from './picture.ts';
import { Screen } from './screen.ts';
import { age, changes, renderView } from './view.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const ROOMY = { now: NOW, width: 120, height: 50 };

const healthy: Picture = {
  clusters: [{ name: 'edge-1', connected: 'True', ready: 'True', version: 'v1.34.4', message: '' }],
  projects: [
    {
      cluster: 'edge-1',
      name: 'payments',
      ready: 'True',
      current: true,
      namespaces: 2,
      copies: 3,
      conflicts: [],
      message: '',
    },
  ],
  namespaces: [
    {
      cluster: 'edge-1',
      name: 'payments-api',
      project: 'payments',
      copies: ['ConfigMap/features', 'Secret/registry'],
    },
  ],
  events: [
    event('newer', NOW - 7_000, 'namespace payments-web joined the project'),
    event('older', NOW - 180_000, 'namespace payments-api joined the project'),
  ],
  interruptions: [],
};

const conflicting: Picture = {
  ...healthy,
  projects: healthy.projects.map(project => ({
    ...project,
    ready: 'False',
    conflicts: [{ namespace: 'payments-jobs', kind: 'Secret', name: 'smtp', reason: 'Conflict' }],
    message: 'Conflict: Secret payments-jobs/smtp: delete or rename it',
  })),
};

function event(id: string, at: number, note: string): Picture['events'][number] {
  return { id, at, reason: 'NamespaceAttached', regarding: 'project/payments', note };
}

describe('the view', () => {
  test('shows clusters, projects, namespaces and events', () => {
    expect(renderView(healthy, ROOMY)).toEqual([
      'CLUSTER   CONNECTED   READY   VERSION',
      'edge-1    True        True    v1.34.4',
      '',
      'PROJECT           READY   NAMESPACES   COPIES   CONFLICTS',
      'edge-1/payments   True    2            3        0',
      '',
      'NAMESPACE             PROJECT    COPIES',
      'edge-1/payments-api   payments   ConfigMap/features Secret/registry',
      '',
      'AGE   EVENT               OBJECT             NOTE',
      '7s    NamespaceAttached   project/payments   namespace payments-web joined the project',
      '3m    NamespaceAttached   project/payments   namespace payments-api joined the project',
    ]);
  });

  test('says below a table why something is not ready', () => {
    const lines = renderView(conflicting, ROOMY);

    expect(lines).toContain('edge-1/payments   False   2            3        1');
    expect(lines).toContain('  payments: Conflict: Secret payments-jobs/smtp: delete or rename it');
  });

  test('says what can not be watched', () => {
    const lines = renderView({ ...healthy, interruptions: ['edge-1: connection refused'] }, ROOMY);

    expect(lines).toContain("can't be watched: edge-1: connection refused");
  });

  test('shows a dash for what is not known yet', () => {
    const clusters = [{ name: 'edge-1', connected: '', ready: '', version: '', message: '' }];

    expect(renderView({ ...healthy, clusters }, ROOMY)[1]).toBe('edge-1    -           -       -');
  });

  test.each([
    [60, 50],
    [20, 12],
    [10, 3],
    [1, 1],
  ])('fits into %d columns and %d rows', (width, height) => {
    const lines = renderView(conflicting, { now: NOW, width, height });

    expect(lines.length).toBeLessThanOrEqual(height);
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(width);
  });

  test('old events give way first', () => {
    const lines = renderView(healthy, { ...ROOMY, height: 11 });

    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toContain('payments-web');
  });

  test.each([
    [-5_000, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [7_199_000, '119m'],
    [7_200_000, '2h'],
    [Number.NaN, '?'],
  ])('%d ms are %s', (ms, text) => {
    expect(age(ms)).toBe(text);
  });
});

describe('changes, for a reader of lines', () => {
  test('are everything at first, events in the order in which they happened', () => {
    expect(changes(undefined, healthy)).toEqual([
      'cluster edge-1: connected True, ready True, v1.34.4',
      'project edge-1/payments: ready True, 2 namespaces, 3 copies, 0 conflicts',
      'namespace edge-1/payments-api: in project payments, copies ConfigMap/features Secret/registry',
      'event NamespaceAttached of project/payments: namespace payments-api joined the project',
      'event NamespaceAttached of project/payments: namespace payments-web joined the project',
    ]);
  });

  test('are nothing when nothing changed', () => {
    expect(changes(healthy, { ...healthy })).toEqual([]);
  });

  test('name what is different and what is gone, but not events that expired', () => {
    const after = { ...conflicting, namespaces: [], events: [] };

    expect(changes(healthy, after)).toEqual([
      'project edge-1/payments: ready False, 2 namespaces, 3 copies, 1 conflicts, Conflict: Secret payments-jobs/smtp: delete or rename it',
      'namespace edge-1/payments-api: gone',
    ]);
  });
});

const ESCAPE = '\x1b';
const TOKENS = new RegExp(`${ESCAPE}\\[[?\\d]*[A-Za-z]|\\n|[^${ESCAPE}\\n]+`, 'g');
const UP = new RegExp(`^${ESCAPE}\\[(\\d+)F$`);

/** Keeps what a terminal would show, of the sequences that the screen uses. */
class Terminal {
  readonly isTTY: boolean;
  readonly columns = 80;
  readonly rows = 40;
  #lines: string[] = [];
  #row = 0;
  #column = 0;

  constructor({ isTTY }: { readonly isTTY: boolean }) {
    this.isTTY = isTTY;
  }

  on(): this {
    return this;
  }

  write(text: string): boolean {
    for (const token of text.match(TOKENS) ?? []) this.#take(token);
    return true;
  }

  #take(token: string): void {
    const up = UP.exec(token)?.[1];
    const line = this.#lines[this.#row] ?? '';
    if (up !== undefined) this.#moveTo(this.#row - Number(up));
    else if (token === '\n') this.#moveTo(this.#row + 1);
    else if (token === `${ESCAPE}[K`) this.#lines[this.#row] = line.slice(0, this.#column);
    else if (token === `${ESCAPE}[J`) this.#lines.length = Math.min(this.#lines.length, this.#row);
    else if (!token.startsWith(ESCAPE)) {
      this.#lines[this.#row] = line.slice(0, this.#column) + token + line.slice(this.#column + token.length);
      this.#column += token.length;
    }
  }

  #moveTo(row: number): void {
    this.#row = row;
    this.#column = 0;
  }

  get text(): string[] {
    return Array.from(this.#lines, line => line ?? '');
  }
}

describe('the screen', () => {
  test('of a terminal is drawn in place, below the lines that stay', () => {
    const terminal = new Terminal({ isTTY: true });
    const screen = new Screen(terminal);

    screen.note('first');
    screen.show(conflicting);
    screen.note('second');
    screen.show(healthy);

    expect(terminal.text.slice(0, 4)).toEqual(['first', 'second', '', 'CLUSTER   CONNECTED   READY   VERSION']);
    expect(terminal.text.filter(line => line.startsWith('CLUSTER'))).toHaveLength(1);
    expect(terminal.text.some(line => line.includes('delete or rename'))).toBe(false);
  });

  test('of a log gets each change as a line, and the view at the end', () => {
    const log = new Terminal({ isTTY: false });
    const screen = new Screen(log);

    screen.note('first');
    screen.show({ ...healthy, projects: [], namespaces: [], events: [] });
    screen.show({ ...healthy, projects: [], namespaces: [], events: [] });
    screen.finish();

    expect(log.text.slice(0, 4)).toEqual([
      'first',
      'cluster edge-1: connected True, ready True, v1.34.4',
      '',
      'CLUSTER   CONNECTED   READY   VERSION',
    ]);
  });
});
