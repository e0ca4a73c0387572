import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { VERSION } from '../../operators/version.ts';
import { DevCommand, operatorPids, processesOf } from '../../test/support/dev-command.ts';
import { eventually } from '../../test/support/eventually.ts';
import { type Binaries, ensureBinaries } from '../control-plane/binaries.ts';
import { type CommandResult, run } from '../control-plane/command.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
/** With a processor that is shared with much else. */
const READY_TIMEOUT_MS = 240_000;
const WITHIN_MS = 60_000;
const APPLIED = 'paddock-agent-registration';
const VERSION_OF = 'jsonpath={.metadata.resourceVersion}';
const OWN = ['get', 'clusters.paddock.dev', 'remote-1'];

let scratch: string;
let dir: string;
let dev: DevCommand;
let binaries: Binaries;

async function startDev(): Promise<void> {
  dev = new DevCommand({ dir, downstreams: 0, agents: 1 });
  await eventually(() => dev.ready, { timeoutMs: READY_TIMEOUT_MS, what: 'ready is printed' });
}

async function ended(timeoutMs: number): Promise<void> {
  await eventually(() => processesOf(dir).length === 0, { timeoutMs, what: 'everything has ended' });
}

beforeAll(async () => {
  binaries = await ensureBinaries({ log: () => undefined });
  scratch = mkdtempSync(join(tmpdir(), 'paddock-dev-agents-'));
  dir = join(scratch, 'd');
  await startDev();
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  dev?.signal('SIGKILL');
  await ended(40_000);
  rmSync(scratch, { recursive: true, force: true });
}, 60_000);

function kubectl(kubeconfig: string, ...args: string[]): Promise<CommandResult> {
  const cache = ['--cache-dir', join(scratch, `cache-${kubeconfig}`)];
  return run(binaries.kubectl, ['--kubeconfig', join(dir, `${kubeconfig}.kubeconfig`), ...cache, ...args]);
}

async function output(kubeconfig: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, ...args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

async function isConnected(): Promise<void> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Connected")].status}';
  await eventually(async () => (await output('hub', ...OWN, '-o', path)) === 'True', {
    timeoutMs: WITHIN_MS,
    what: 'the cluster is connected',
  });
}

const heartbeat = () => output('hub', '-n', 'c-remote-1', 'get', 'lease', 'heartbeat', '-o', 'jsonpath={.spec}');

/** What changes when a cluster is registered anew. */
async function registration(): Promise<object> {
  return {
    uses: await output('hub', '-n', 'c-remote-1', 'get', 'leases', '-l', 'paddock.dev/registration', '-o', 'name'),
    secret: await output('hub', '-n', 'c-remote-1', 'get', 'secret', 'registration', '-o', 'jsonpath={.metadata.uid}'),
    applied: await output('remote-1', '-n', 'paddock-system', 'get', 'secret', APPLIED, '-o', VERSION_OF),
    credential: readFileSync(join(dir, 'agent-remote-1.kubeconfig'), 'utf8'),
  };
}

test('ready means that the hub has heard of the agent', async () => {
  expect(await output('hub', ...OWN, '-o', 'jsonpath={.status.agent.version}')).toBe(VERSION);
  await isConnected();
}, 90_000);

test('remote-1.kubeconfig is an admin’s', async () => {
  expect(await output('remote-1', 'auth', 'can-i', '*', '*')).toBe('yes\n');
});

test('agent-remote-1.kubeconfig is the agent’s, of the hub: it reads its own Cluster and no other', async () => {
  const own = await kubectl('agent-remote-1', ...OWN, '-o', 'name');
  const other = await kubectl('agent-remote-1', 'get', 'clusters.paddock.dev', 'local', '-o', 'name');
  const all = await kubectl('agent-remote-1', 'get', 'secrets', '-A');

  expect(own).toMatchObject({ code: 0, stdout: 'cluster.paddock.dev/remote-1\n' });
  expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') });
  expect(other.stderr).toContain('system:serviceaccount:c-remote-1:agent');
  expect(all).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') });
  expect(statSync(join(dir, 'agent-remote-1.kubeconfig')).mode & 0o777).toBe(0o600);
});

test('an agent that is killed is started again, and its heartbeats go on', async () => {
  const [cluster, project, rbac, agent] = operatorPids(dir);
  if (agent === undefined) throw new Error('operators.pid does not name the agent');
  expect(processesOf(join(dir, 'operators', 'agent-remote-1.kubeconfig'))).toEqual([agent]);

  process.kill(agent, 'SIGKILL');

  const another = await eventually(
    () => {
      const [first, second, third, successor] = operatorPids(dir);
      const others = first === cluster && second === project && third === rbac;
      return others && successor !== agent ? successor : undefined;
    },
    { timeoutMs: 10_000, what: 'operators.pid names its successor' },
  );
  expect(processesOf(dir)).toContain(another);
  const last = await heartbeat();
  await eventually(async () => (await heartbeat()) !== last, { timeoutMs: WITHIN_MS, what: 'a heartbeat arrives' });
  await isConnected();
}, 180_000);

test('SIGTERM ends everything; the next start goes on without registering anew', async () => {
  const inHub = ['-n', 'c-remote-1', 'get', 'secret', 'registration', '-o', 'yaml'];
  await eventually(async () => (await output('hub', ...inHub)).includes('paddock.dev/spent'), {
    timeoutMs: WITHIN_MS,
    what: 'the registration is spent',
  });
  const before = await registration();
  const last = await heartbeat();

  dev.signal('SIGTERM');
  await ended(40_000);
  await startDev();

  expect(await registration()).toEqual(before);
  expect(await heartbeat()).not.toBe(last);
  await isConnected();
}, 480_000);
