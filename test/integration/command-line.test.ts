import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource } from '#api';
import { findCondition } from '#runtime';
import { run } from '../../hack/control-plane/command.ts';
import { type Exit, ManagedProcess } from '../../hack/control-plane/processes.ts';
import { createAgentCluster, manifestOf } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'operators', 'main.ts');
const GRACE_MS = 35_000;
/** A process starts slowly on a busy machine. */
const WITHIN_MS = 60_000;

let fleet: Fleet;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'paddock-command-line-'));
  fleet = await startFleet({ downstreams: 0 });
}, 60_000);

afterAll(async () => {
  await fleet?.stop();
  rmSync(dir, { recursive: true, force: true });
});

function fileWith(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const paddock = (...args: string[]) => run(process.execPath, [MAIN, ...args], { timeoutMs: 60_000 });

test('a command line that makes no sense ends with 2 and says what is possible', async () => {
  const { code, stdout, stderr } = await paddock('agent', '--hub-url', 'https://hub.example.com');

  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('--hub-url');
  expect(stderr).toContain('Usage: paddock agent');
});

test('an agent without its manifest ends with 1 and one line that says what to do', async () => {
  const kubeconfig = fileWith('downstream.kubeconfig', fleet.hub.controlPlane.adminKubeconfig);

  const { code, stdout, stderr } = await paddock('agent', '--kubeconfig', kubeconfig, '--metrics-port', '0');

  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  const lines = stdout.trim().split('\n');
  const last: unknown = JSON.parse(lines.at(-1) ?? '');
  expect(last).toMatchObject({
    level: 'fatal',
    msg: 'Secret paddock-system/paddock-agent-registration does not exist: apply agent.yaml of Secret registration in the hub',
  });
  expect(lines.filter(line => line.includes('"fatal"'))).toHaveLength(1);
  expect(stdout).not.toContain('stack');
}, 90_000);

/** The cluster operator in a process of its own, as a Pod of the hub: its address of the hub is not for others. */
function clusterOperator(...flags: string[]): ManagedProcess {
  const kubeconfig = fileWith('hub.kubeconfig', fleet.operatorKubeconfig('cluster'));
  const common = ['--kubeconfig', kubeconfig, '--identity', 'test', '--metrics-port', '0'];
  const { hostname } = new URL(fleet.hub.controlPlane.url);
  const operator = new ManagedProcess({
    name: 'operator cluster',
    command: process.execPath,
    args: [MAIN, 'run', 'cluster', ...common, ...flags],
    env: { ...process.env, KUBERNETES_SERVICE_HOST: hostname },
    logFile: join(dir, 'cluster.log'),
  });
  operator.start();
  return operator;
}

test('a cluster operator that is not told how agents reach the hub says so', async () => {
  const operator = clusterOperator();
  try {
    await createAgentCluster(fleet, 'remote-1');

    await eventually(
      async () => {
        const { status } = await fleet.hub.client.get(ClusterResource, { name: 'remote-1' });
        const { message = '' } = findCondition(status?.conditions, 'Connected') ?? {};
        return message.includes('start the cluster operator with --hub-url and --hub-ca');
      },
      { timeoutMs: WITHIN_MS, what: 'the Cluster says what is missing' },
    );
  } finally {
    await operator.stop({ graceMs: GRACE_MS });
  }
}, 180_000);

test('the manifest has the address and the image that the cluster operator is told', async () => {
  const ca = fileWith('ca.crt', fleet.hub.controlPlane.caPem);
  const hub = ['--hub-url', 'https://hub.example.com:6443', '--hub-ca', ca];
  const operator = clusterOperator(...hub, '--agent-image', 'registry.example.com/paddock:v1');
  const ended = new Promise<Exit>(resolve => operator.onExit(resolve));
  try {
    await eventually(
      async () => (await fleet.hub.client.get(ClusterResource, { name: 'remote-1' })).status?.registration,
      { timeoutMs: WITHIN_MS, what: 'the Cluster has a manifest' },
    );

    const manifest = await manifestOf(fleet, 'remote-1');

    expect(manifest).toContain('server: https://hub.example.com:6443\n');
    expect(manifest).toContain('image: registry.example.com/paddock:v1\n');
  } finally {
    await operator.stop({ graceMs: GRACE_MS });
  }
  expect(await ended).toMatchObject({ code: 0, signal: null });
}, 180_000);
