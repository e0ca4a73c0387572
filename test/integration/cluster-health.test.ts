import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterResource } from '#api';
import { eventually } from '../support/eventually.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import type { RunningOperators } from '../support/operators.ts';
import { ClusterFixture, editedKubeconfig } from './cluster-fixture.ts';

let fleet: Fleet;
let clusters: ClusterFixture;
let operator: RunningOperators;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 2 });
  clusters = new ClusterFixture(fleet.hub);
  operator = fleet.start(['cluster']);
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
});

describe('a server that accepts connections and says nothing', () => {
  let silent: Server;
  let url: string;

  beforeAll(async () => {
    silent = createServer(() => undefined);
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    if (typeof address !== 'object' || address === null) throw new Error('the listener has no address');
    url = `https://127.0.0.1:${address.port}`;
  });

  afterAll(() => {
    silent.close();
  });

  test('is Unreachable, and delays nobody', async () => {
    const { controlPlane } = fleet.edge(2);
    await clusters.createPushed('dead');
    await clusters.putKubeconfig('dead', editedKubeconfig(controlPlane.adminKubeconfig, { cluster: { server: url } }));
    await clusters.becomes('dead', 'Connected', { status: 'Unknown', reason: 'Connecting' });

    await clusters.createPushed('edge-2');
    await clusters.putKubeconfig('edge-2', controlPlane.adminKubeconfig);

    await clusters.becomes('edge-2', 'Ready', { status: 'True' });
    expect((await clusters.condition('dead', 'Connected'))?.status).toBe('Unknown');
    const dead = await clusters.becomes('dead', 'Connected', { status: 'Unknown', reason: 'Unreachable' });
    expect(dead.message).toContain(`${url} has never answered: timed out`);
  });

  test('says what the connection fails of', async () => {
    const { controlPlane } = fleet.edge(2);
    const at = (server: string) => editedKubeconfig(controlPlane.adminKubeconfig, { cluster: { server } });
    const message = async () => (await clusters.condition('dead', 'Connected'))?.message ?? '';

    await clusters.putKubeconfig('dead', at('https://127.0.0.1:1'));
    await eventually(async () => (await message()).includes('connection refused'), {
      timeoutMs: 10_000,
      what: 'refused',
    });
    await clusters.putKubeconfig('dead', at('https://no-such-host.invalid'));
    await eventually(async () => /no such host|could not be resolved/.test(await message()), {
      timeoutMs: 10_000,
      what: 'no such host',
    });

    expect(await clusters.condition('dead', 'Connected')).toMatchObject({ status: 'Unknown', reason: 'Unreachable' });
  });
});

describe('an API server that stops', () => {
  beforeAll(async () => {
    await clusters.createPushed('edge-1');
    await clusters.putKubeconfig('edge-1', fleet.edge(1).controlPlane.adminKubeconfig);
    await clusters.becomes('edge-1', 'Ready', { status: 'True' });
  });

  test('loses its heartbeat after the timeout, and has it again after a start', async () => {
    const { controlPlane } = fleet.edge(1);
    await controlPlane.stopApiServer();

    const lost = await clusters.becomes('edge-1', 'Connected', { status: 'Unknown', reason: 'HeartbeatLost' });
    expect(lost.message).toMatch(/no heartbeat from .* for 4 s: connection/);
    const { status } = await clusters.get('edge-1');
    const silence = Date.parse(lost.lastTransitionTime) - Date.parse(status?.lastHeartbeat ?? '');
    expect(silence).toBeGreaterThanOrEqual(3_000); // both are rounded down to seconds
    await clusters.becomes('edge-1', 'Ready', { status: 'Unknown', reason: 'HeartbeatLost' });
    await clusters.hasEvent('edge-1', 'Disconnected');
    await controlPlane.startApiServer();

    await clusters.becomes('edge-1', 'Ready', { status: 'True' });
  });

  test('is still HeartbeatLost, not Unreachable, for an operator that starts meanwhile', async () => {
    const { controlPlane } = fleet.edge(1);
    await controlPlane.stopApiServer();
    await operator.stop();
    operator = fleet.start(['cluster']);

    await clusters.becomes('edge-1', 'Connected', { status: 'Unknown', reason: 'HeartbeatLost' });

    await controlPlane.startApiServer();
    await clusters.becomes('edge-1', 'Ready', { status: 'True' });
  });

  test('a restart of the operator is not one of its clusters, however long it was away', async () => {
    await operator.stop();
    const lastHeartbeat = new Date(Date.now() - 3_600_000).toISOString().replace(/\.\d+/, '');
    const patch = { status: { lastHeartbeat } };
    await fleet.hub.client.mergePatch(ClusterResource, { name: 'edge-2' }, patch, { subresource: 'status' });
    const before = await clusters.get('edge-2');

    operator = fleet.start(['cluster']);
    const start = operator.writes.length;
    await clusters.createPushed('later');
    await clusters.putKubeconfig('later', 'not a kubeconfig');
    await clusters.becomes('later', 'Connected', { status: 'False', reason: 'KubeconfigInvalid' });
    await eventually(async () => (await readyzOf(2)) > 1, { timeoutMs: 10_000, what: 'edge-2 was asked again' });

    expect(operator.writes.slice(start).filter(({ path }) => path.endsWith('/edge-2/status'))).toEqual([]);
    expect((await clusters.get('edge-2')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });
});

describe('a server that answers wrongly', () => {
  test('with a certificate of an unknown CA is TLSInvalid', async () => {
    const ca = Buffer.from(fleet.hub.controlPlane.caPem).toString('base64');
    const cluster = { 'certificate-authority-data': ca };
    await clusters.createPushed('wrong-ca');

    await clusters.putKubeconfig('wrong-ca', editedKubeconfig(fleet.edge(2).controlPlane.adminKubeconfig, { cluster }));

    await clusters.becomes('wrong-ca', 'Connected', { status: 'False', reason: 'TLSInvalid' });
  });

  test('with a certificate for another name is TLSInvalid', async () => {
    const cluster = { 'tls-server-name': 'elsewhere.example' };
    await clusters.createPushed('wrong-name');

    await clusters.putKubeconfig(
      'wrong-name',
      editedKubeconfig(fleet.edge(2).controlPlane.adminKubeconfig, { cluster }),
    );

    const wrong = await clusters.becomes('wrong-name', 'Connected', { status: 'False', reason: 'TLSInvalid' });
    expect(wrong.message).toContain('another host name');
  });

  test('that does not know the credential is Unauthorized', async () => {
    const user = { token: 'not-a-token' };
    await clusters.createPushed('wrong-token');

    await clusters.putKubeconfig('wrong-token', editedKubeconfig(fleet.edge(2).controlPlane.adminKubeconfig, { user }));

    await clusters.becomes('wrong-token', 'Connected', { status: 'False', reason: 'Unauthorized' });
  });
});

/** GETs of /readyz that a downstream has answered. */
async function readyzOf(edge: number): Promise<number> {
  const { body } = await fleet.edge(edge).client.transport.request({ method: 'GET', path: '/metrics' });
  const counts = body.matchAll(/^apiserver_request_total\{[^}]*subresource="\/readyz"[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
