import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { eventually } from '../../test/support/eventually.ts';
import { ConfigMaps, FakeApiServer, Leases, Namespaces } from '../../test/support/fake-api-server/index.ts';
import type { KubeObject, ResourceType } from '../index.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

const ConfigMapType: ResourceType<ConfigMap> = ConfigMaps;
const COPY = { namespace: 'y', name: 'a' };
const within = (what: string) => ({ timeoutMs: 20_000, what });

let server: FakeApiServer;
let dir: string;
let operator: ChildProcess;
let output: Promise<string>;

beforeEach(async () => {
  server = await FakeApiServer.start({ kinds: [ConfigMaps, Leases, Namespaces] });
  for (const name of ['x', 'y', 'z'])
    server.store.create<KubeObject>({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  dir = mkdtempSync(join(tmpdir(), 'paddock-example-'));
  const kubeconfig = join(dir, 'kubeconfig');
  const context = { name: 'fake', context: { cluster: 'fake', user: 'fake' } };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    contexts: [context],
    clusters: [{ name: 'fake', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'fake', user: {} }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  operator = spawn(process.execPath, [join(import.meta.dirname, 'configmap-copier.ts')], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  output = operator.stdout ? text(operator.stdout) : Promise.resolve('');
});
afterEach(async () => {
  operator.kill('SIGKILL');
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const source = (namespace: string, n: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'x', labels: { 'example.com/copy-to': namespace } },
  data: { n },
});
const copy = (key = COPY) => server.store.get(ConfigMapType, key);

test('the example copies, follows, restores, moves and prunes, and leaves foreign objects alone', async () => {
  server.store.create(source('y', '1'));
  const foreign = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'z' },
    data: { n: 'foreign' },
  };
  server.store.create<ConfigMap>(foreign);
  await eventually(() => copy()?.data?.n === '1', within('the copy appears'));

  server.store.update(source('y', '2'));
  await eventually(() => copy()?.data?.n === '2', within('the copy follows'));

  server.store.update<ConfigMap>({ ...copy(), apiVersion: 'v1', kind: 'ConfigMap', data: { n: 'edited' } });
  await eventually(() => copy()?.data?.n === '2', within('the edited copy is restored'));
  server.store.delete(ConfigMaps, COPY);
  await eventually(() => copy()?.data?.n === '2', within('the deleted copy is restored'));

  server.store.update(source('z', '3'));
  await eventually(() => copy() === undefined, within('the copy leaves its old place'));
  expect(copy({ namespace: 'z', name: 'a' })?.data?.n).toBe('foreign');
  server.store.delete(ConfigMaps, { namespace: 'z', name: 'a' });
  await eventually(() => copy({ namespace: 'z', name: 'a' })?.data?.n === '3', within('the copy takes the free place'));

  server.store.delete(ConfigMaps, { namespace: 'x', name: 'a' });
  await eventually(() => copy({ namespace: 'z', name: 'a' }) === undefined, within('the copy goes with its source'));

  operator.kill('SIGTERM');
  const [code] = await once(operator, 'exit');
  expect([code, await output]).toEqual([0, expect.stringContaining('holding the lease')]);
  const lease = server.store.get<KubeObject & { spec?: { holderIdentity?: string } }>(Leases, {
    namespace: 'default',
    name: 'configmap-copier',
  });
  expect(lease?.spec?.holderIdentity).toBe('');
});
