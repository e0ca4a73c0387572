import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ReadyzShim } from '../support/api-shim.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { credentialsOf } from '../support/operators.ts';
import { ClusterFixture, editedKubeconfig } from './cluster-fixture.ts';

let fleet: Fleet;
let clusters: ClusterFixture;
let shim: ReadyzShim;

beforeAll(async () => {
  fleet = await startFleet();
  clusters = new ClusterFixture(fleet.hub);
  shim = await ReadyzShim.start(credentialsOf(fleet.edge().controlPlane.adminKubeconfig));
  fleet.start(['cluster']);
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
  await shim?.stop();
});

test('a server whose /readyz fails counts as unhealthy once that lasts, and not before', async () => {
  const { adminKubeconfig } = fleet.edge().controlPlane;
  const { server, tls } = await shim.credentials.resolve();
  const ca = Buffer.from(`${tls.ca}`).toString('base64');
  const cluster = { server, 'certificate-authority-data': ca };
  await clusters.createPushed('edge-1');
  await clusters.putKubeconfig('edge-1', editedKubeconfig(adminKubeconfig, { cluster }));
  await clusters.becomes('edge-1', 'Ready', { status: 'True' });
  await delay(2_000); // for what is written once it is connected
  const before = await clusters.get('edge-1');

  shim.failing = true;
  await delay(10_000); // the time itself is what is looked at
  shim.failing = false;
  expect(shim.failures).toBeGreaterThan(1);
  await delay(3_000);
  expect((await clusters.get('edge-1')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);

  const start = Date.now();
  shim.failing = true;
  const wanted = { status: 'False', reason: 'APIUnhealthy' } as const;
  const unhealthy = await clusters.becomes('edge-1', 'Connected', wanted, 40_000);
  expect(Date.now() - start).toBeGreaterThanOrEqual(18_000); // since the last that was well, rounded to seconds
  expect(unhealthy.message).toContain('failing checks: etcd');
  shim.failing = false;
  await clusters.becomes('edge-1', 'Connected', { status: 'True' });
}, 120_000);
