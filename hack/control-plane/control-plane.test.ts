import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../../test/support/eventually.ts';
import { AdminClient } from './admin-client.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { isFree } from './ports.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'paddock-test-'));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs kubectl and fails unless it succeeds. */
async function kubectl(controlPlane: ControlPlane, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await controlPlane.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function portOf(controlPlane: ControlPlane): number {
  return Number(new URL(controlPlane.url).port);
}

/** Processes that run now; a zombie, dead but not yet collected by init, runs no more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true; // no /proc here
  }
}

describe('two control planes side by side', () => {
  let hub: ControlPlane;
  let edge: ControlPlane;

  beforeAll(async () => {
    hub = await startControlPlane({ name: 'hub' });
    edge = await startControlPlane({ name: 'edge-1', scheduler: true });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([hub?.stop(), edge?.stop()]);
  });

  test('hold different objects', async () => {
    await kubectl(hub, 'create', 'configmap', 'only-here');

    expect(await kubectl(hub, 'get', 'configmaps', '-o', 'name')).toContain('configmap/only-here');
    expect(await kubectl(edge, 'get', 'configmaps', '-o', 'name')).not.toContain('configmap/only-here');
  });

  test('finish the deletion of a namespace, which takes a controller manager', async () => {
    await kubectl(edge, 'create', 'namespace', 'passing');

    await kubectl(edge, 'delete', 'namespace', 'passing', '--timeout=60s');

    expect(await kubectl(edge, 'get', 'namespaces', '-o', 'name')).not.toContain('namespace/passing');
  });

  test('do not trust each other’s clients', async () => {
    const stranger = join(scratch, 'stranger.kubeconfig');
    writeFileSync(stranger, hub.adminKubeconfig.replaceAll(hub.url, edge.url));

    const { code, stderr } = await edge.kubectl(['--kubeconfig', stranger, 'get', 'namespaces']);

    expect(code).not.toBe(0);
    expect(stderr).toMatch(/certificate/);
  });

  test('know a user and its groups from a client certificate, and RBAC applies to it', async () => {
    const path = join(scratch, 'alice.kubeconfig');
    writeFileSync(path, hub.kubeconfigFor({ user: 'alice', groups: ['dev', 'ops'] }));
    const asAlice = async (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
      hub.kubectl(['--kubeconfig', path, ...args]);

    const whoami = JSON.parse((await asAlice('auth', 'whoami', '-o', 'json')).stdout);

    expect(whoami.status.userInfo).toMatchObject({
      username: 'alice',
      groups: ['dev', 'ops', 'system:authenticated'],
    });
    expect((await asAlice('get', 'namespaces')).stderr).toMatch(/User "alice" cannot list resource "namespaces"/);
  });

  test('answer anonymous requests for health only', async () => {
    const anonymous = new AdminClient({ url: hub.url, caPem: hub.caPem });

    expect(await anonymous.request({ path: '/readyz' })).toEqual({ status: 200, text: 'ok' });
    expect(await anonymous.request({ path: '/api' })).toMatchObject({ status: 401 });
    anonymous.close();
  });

  test('a restarted API server has the same address and objects', async () => {
    const { url } = edge;
    await kubectl(edge, 'create', 'configmap', 'kept');

    await edge.restartApiServer();

    expect(edge.url).toBe(url);
    expect(await kubectl(edge, 'get', 'configmap', 'kept', '-o', 'name')).toContain('kept');
  });

  test('after a compaction the past can’t be listed any more', async () => {
    const path = '/api/v1/namespaces/default/configmaps?limit=1';
    const first = JSON.parse((await hub.api.request({ path })).text);
    const version = first.metadata.resourceVersion;
    await kubectl(hub, 'create', 'configmap', 'later');

    const past = `${path}&resourceVersion=${version}&resourceVersionMatch=Exact`;

    await hub.compactEtcd();
    // Or the API server would answer from its cache.
    await hub.restartApiServer();

    expect((await hub.api.request({ path: past })).status).toBe(410);
  });
});

test('started again with the same folder it is the same cluster at the same address', async () => {
  const dir = join(scratch, 'again');
  const before = await startControlPlane({ name: 'again', dir });
  await kubectl(before, 'create', 'configmap', 'kept', '--from-literal=a=b');
  await before.stop();
  expect(await isFree(portOf(before))).toBe(true);

  const after = await startControlPlane({ name: 'again', dir });
  try {
    expect(after.url).toBe(before.url);
    expect(after.adminKubeconfig).toBe(before.adminKubeconfig);
    expect(await kubectl(after, 'get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}')).toBe('b');
  } finally {
    await after.stop();
  }
});

test('says what to do when its port was taken meanwhile', async () => {
  const dir = join(scratch, 'taken');
  const before = await startControlPlane({ name: 'taken', dir, controllerManager: false });
  await before.stop();
  const squatter = createServer().listen(portOf(before), '127.0.0.1');
  try {
    await expect(startControlPlane({ name: 'taken', dir })).rejects.toThrow(
      new RegExp(`port ${portOf(before)}, where the API server .* is taken: end the process`),
    );
  } finally {
    squatter.close();
  }
});

test('a start that fails leaves nothing running and quotes the log', async () => {
  const dir = join(scratch, 'failing');

  const start = startControlPlane({ name: 'failing', dir, apiServerFlags: ['--no-such-flag'] });

  await expect(start).rejects.toThrow(
    /kube-apiserver of failing ended before it was ready;[\s\S]*unknown flag: --no-such-flag/,
  );
  const again = await startControlPlane({ name: 'failing', dir, controllerManager: false });
  await again.stop();
});

test('a frozen API server is stopped all the same', async () => {
  const controlPlane = await startControlPlane({ name: 'frozen', controllerManager: false });
  const { pid } = controlPlane.apiServer;
  controlPlane.apiServer.freeze();

  await controlPlane.stop();

  expect(pid !== undefined && isRunning(pid)).toBe(false);
});

test('nothing outlives a parent that is killed, not even what is frozen', async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, 'killed-parent.ts'), join(scratch, 'killed')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  parent.stdout.on('data', chunk => {
    output += String(chunk);
  });
  const line = await eventually(() => /^pids (.*)$/m.exec(output)?.[1], {
    timeoutMs: 60_000,
    what: 'it tells its pids',
  });
  const pids = line.split(' ').map(Number);
  expect(pids.filter(isRunning)).toHaveLength(3);

  parent.kill('SIGKILL');

  await eventually(() => !pids.some(isRunning), { timeoutMs: 10_000, what: `the processes ${line} are gone` });
});
