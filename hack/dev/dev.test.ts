import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DevCommand, operatorPids, processesOf } from '../../test/support/dev-command.ts';
import { eventually } from '../../test/support/eventually.ts';
import { parseDevArguments } from './arguments.ts';
import { type Dev, startDev } from './dev.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
const EDIT = '{"spec":{"displayName":"Edited by a user"}}';

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'paddock-dev-test-'));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Something that runs and does nothing, in place of the operators. */
function idleOperator(): string {
  const path = join(scratch, 'idle.mjs');
  writeFileSync(path, 'setInterval(() => {}, 1_000);\n');
  return path;
}

describe('without operators', () => {
  let dir: string;
  let dev: Dev;

  beforeAll(async () => {
    dir = join(scratch, 'plain');
    dev = await startDev({ dir, downstreams: 1, operators: [], log: () => undefined });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await dev?.stop();
  });

  test('is ready when every controller manager works', async () => {
    expect(await dev.ready()).toBe(true);
  });

  test.each(['hub', 'edge-1'])('%s.kubeconfig is an admin’s', async name => {
    const kubeconfig = join(dir, `${name}.kubeconfig`);

    const { stdout } = await dev.hub.kubectl(['--kubeconfig', kubeconfig, 'auth', 'can-i', '*', '*']);

    expect(stdout).toBe('yes\n');
  });

  test('the hub has the namespace for the operators', async () => {
    expect(await dev.hub.api.ok('/api/v1/namespaces/paddock-system')).toBe(true);
  });

  test('the hub has the Cluster objects and their credentials', async () => {
    const { stdout } = await dev.hub.kubectl(['get', 'clusters.paddock.dev,secrets', '-A', '-o', 'name']);

    expect(stdout.trim().split('\n')).toEqual([
      'cluster.paddock.dev/edge-1',
      'cluster.paddock.dev/local',
      'secret/edge-1',
    ]);
  });

  test('an API server that is killed comes back', async () => {
    const { apiServer, api } = dev.downstreams[0] ?? dev.hub;
    const { pid } = apiServer;

    apiServer.signal('SIGKILL');

    await eventually(() => apiServer.pid !== undefined && apiServer.pid !== pid, {
      timeoutMs: 30_000,
      what: 'another API server is started',
    });
    await eventually(() => api.ok('/readyz'), { timeoutMs: 30_000, what: 'it is ready' });
  });

  test('after a stop nothing runs; the next start goes on with the same clusters', async () => {
    const before = dev;
    await before.hub.kubectl(['create', 'configmap', 'kept']);
    await before.hub.kubectl(['patch', 'clusters.paddock.dev', 'edge-1', '--type=merge', '-p', EDIT]);
    const kubeconfig = readFileSync(join(dir, 'edge-1.kubeconfig'), 'utf8');

    await before.stop();
    const left = processesOf(dir);
    dev = await startDev({ dir, downstreams: 1, operators: [], log: () => undefined });

    expect(left).toEqual([]);
    expect(await dev.hub.api.ok('/api/v1/namespaces/default/configmaps/kept')).toBe(true);
    const edited = await dev.hub.kubectl([
      'get',
      'clusters.paddock.dev',
      'edge-1',
      '-o',
      'jsonpath={.spec.displayName}',
    ]);
    expect(edited.stdout).toBe('Edited by a user');
    expect(readFileSync(join(dir, 'edge-1.kubeconfig'), 'utf8')).toBe(kubeconfig);
  });
});

describe('operators', () => {
  test('are named in operators.pid and started again when they die', async () => {
    const dir = join(scratch, 'operators');
    const operators = ['cluster', 'project'];
    const dev = await startDev({
      dir,
      downstreams: 0,
      operators,
      operatorsEntryPoint: idleOperator(),
      log: () => undefined,
    });
    try {
      const [first, second] = operatorPids(dir);
      if (first === undefined || second === undefined) throw new Error('operators.pid names fewer than two');

      process.kill(first, 'SIGKILL');

      const [another] = await eventually(
        () => {
          const pids = operatorPids(dir);
          return pids.length === 2 && !pids.includes(first) ? pids : undefined;
        },
        { timeoutMs: 10_000, what: 'operators.pid names its successor' },
      );
      expect(operatorPids(dir)).toEqual([another, second]);
      expect(processesOf(join(dir, 'operators'))).toEqual(expect.arrayContaining([another, second]));
    } finally {
      await dev.stop();
    }
    expect(processesOf(dir)).toEqual([]);
  }, 120_000);
});

describe('npm run dev', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'ends with npm, by %s',
    async signal => {
      const dir = join(scratch, `npm-${signal}`);
      const npm = new DevCommand({ dir, downstreams: 0 });
      await eventually(() => operatorPids(dir).length > 0, { timeoutMs: 60_000, what: 'the operators are started' });

      npm.signal(signal);

      await eventually(() => processesOf(dir).length === 0, { timeoutMs: 40_000, what: 'everything has ended' });
    },
    120_000,
  );
});

describe('the command line', () => {
  const from = '/from/here';

  test('names the folder and how many clusters of each kind', () => {
    const all = ['--dir', '/d', '--downstreams', '3', '--agents', '2'];
    expect(parseDevArguments(all, { from })).toEqual({ dir: '/d', downstreams: 3, agents: 2 });
    expect(parseDevArguments(['--dir', 'd'], { from })).toEqual({ dir: '/from/here/d', downstreams: 1, agents: 0 });
  });

  test.each([
    [[], /--dir DIR is missing/],
    [['--dir', 'd', '--downstreams', 'two'], /--downstreams two is not a number from 0 to 20/],
    [['--dir', 'd', '--downstreams', '21'], /--downstreams 21 is not a number from 0 to 20/],
    [['--dir', 'd', '--agents', '-1'], /--agents/],
    [['--dir', 'd', '--agents', '1.5'], /--agents 1.5 is not a number from 0 to 20/],
    [['--dir', 'd', '--upstreams', '1'], /--upstreams/],
    [['d'], /'d'/],
  ])('%j is refused', (args, message) => {
    expect(() => parseDevArguments(args, { from })).toThrow(message);
  });
});
