import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ClusterResource, LABEL_CLUSTER } from '#api';
import { Namespaces } from '#runtime';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { eventually, untilStill } from '../support/eventually.ts';
import { type Fleet, SecretType, type Site, startFleet } from '../support/fleet.ts';
import type { RunningOperators } from '../support/operators.ts';
import { TunnelProxy } from '../support/tunnel-proxy.ts';
import { ClusterFixture, editedKubeconfig } from './cluster-fixture.ts';

let fleet: Fleet;
let hub: Site;
let edge: Site;
let clusters: ClusterFixture;
let operator: RunningOperators;

beforeAll(async () => {
  fleet = await startFleet({ downstreams: 1 });
  hub = fleet.hub;
  edge = fleet.edge(1);
  clusters = new ClusterFixture(hub);
  operator = fleet.start(['cluster'], { elect: { identity: 'one' } });
}, 120_000);

afterAll(async () => {
  await fleet?.stop();
});

/** What was written since there were so many writes, but for the status of the hub's own Cluster, which may still settle. */
function writesSince(count: number) {
  return operator.writes.slice(count).filter(({ path }) => !path.endsWith('/clusters/second/status'));
}

describe('a local Cluster', () => {
  test('is connected and claimed', async () => {
    const created = await fleet.importLocal();

    await clusters.becomes('local', 'Ready', { status: 'True' });
    await clusters.becomes('local', 'NodesReady', { status: 'True' });

    const { status } = await clusters.get('local');
    expect(status).toMatchObject({
      namespace: 'c-local',
      version: 'v1.34.4',
      distribution: 'kubernetes',
      apiServer: { url: hub.controlPlane.url, caSHA256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(status?.conditions?.map(({ type }) => type).sort()).toEqual(['Connected', 'NodesReady', 'Ready']);
    const claim = await hub.client.get(ConfigMaps, CLAIM);
    expect(claim.data).toMatchObject({ cluster: created.metadata.uid, name: 'local' });
    const namespace = await hub.client.get(Namespaces, { name: 'c-local' });
    expect(namespace.metadata?.labels).toMatchObject({
      'paddock.dev/cluster': 'local',
      'paddock.dev/owner': 'cluster.local',
      'paddock.dev/plane': 'hub',
    });
  });

  test('of two, the younger is stalled until the elder is gone', async () => {
    await clusters.create('second', { connection: { local: {} } });

    const stalled = await clusters.becomes('second', 'Stalled', { status: 'True', reason: 'LocalTaken' });
    expect(stalled.message).toContain('Cluster local stands for the hub already');
    await clusters.becomes('second', 'Ready', { status: 'False', reason: 'LocalTaken' });
    expect((await clusters.condition('local', 'Ready'))?.status).toBe('True');

    await clusters.remove('local');
    await clusters.becomes('second', 'Ready', { status: 'True' }, 40_000);
    expect(await clusters.condition('second', 'Stalled')).toBeUndefined();
  });
});

describe('a pushed Cluster', () => {
  test('waits for its Secret', async () => {
    await clusters.createPushed('edge-1');

    const missing = await clusters.becomes('edge-1', 'Connected', { status: 'False', reason: 'KubeconfigMissing' });

    expect(missing.message).toContain('Secret c-edge-1/edge-1 does not exist');
  });

  test('executes nothing', async () => {
    const marker = join(edge.controlPlane.dir, 'executed');
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: [marker] };
    await clusters.putKubeconfig(
      'edge-1',
      editedKubeconfig(edge.controlPlane.adminKubeconfig, { user: { exec, token: 'x' } }),
    );

    await clusters.becomes('edge-1', 'Connected', { status: 'False', reason: 'KubeconfigRefused' });

    expect(existsSync(marker)).toBe(false);
    expect(await edge.client.find(Namespaces, { name: 'paddock-system' })).toBeUndefined();
  });

  test('names the proxy that it can’t reach, without the password, and not the server', async () => {
    const proxy = await TunnelProxy.start({ kind: 'http' });
    await proxy.stop();
    await clusters.putKubeconfig(
      'edge-1',
      editedKubeconfig(edge.controlPlane.adminKubeconfig, {
        cluster: { 'proxy-url': `http://paddock:swordfish@127.0.0.1:${proxy.port}` },
      }),
    );

    const { message } = await clusters.becomes('edge-1', 'Connected', { status: 'Unknown', reason: 'Unreachable' });

    expect(message).toContain(`the proxy 127.0.0.1:${proxy.port} has never let`);
    expect(message).not.toMatch(/swordfish|paddock:/);
    expect(message).not.toContain(edge.controlPlane.url);
  });

  test('is connected and claimed when the Secret is right', async () => {
    await clusters.putKubeconfig('edge-1', edge.controlPlane.adminKubeconfig);

    await clusters.becomes('edge-1', 'Ready', { status: 'True' });
    await clusters.becomes('edge-1', 'NodesReady', { status: 'True' });

    const { status, metadata } = await clusters.get('edge-1');
    expect(status?.apiServer?.url).toBe(edge.controlPlane.url);
    const claim = await edge.client.get(ConfigMaps, CLAIM);
    expect(claim.data).toMatchObject({ cluster: metadata.uid, name: 'edge-1' });
    const system = await edge.client.get(Namespaces, { name: 'paddock-system' });
    expect(system.metadata?.labels).toMatchObject({ 'paddock.dev/owner': 'cluster.edge-1' });
    expect(system.metadata?.labels).not.toHaveProperty(['paddock.dev/plane']);
    await clusters.hasEvent('edge-1', 'Connected');
  });

  test('stays connected when its credential is replaced by another that works', async () => {
    await untilStill(() => operator.writes.length);
    const before = await clusters.get('edge-1');
    const other = edge.controlPlane.kubeconfigFor({ user: 'paddock', groups: ['system:masters'] });
    const writes = operator.writes.length;
    const start = await heartbeats();

    await clusters.putKubeconfig('edge-1', other);

    await eventually(async () => (await heartbeats()) >= start + 2, { timeoutMs: 30_000, what: 'two heartbeats' });
    expect(writesSince(writes)).toEqual([]);
    expect((await clusters.get('edge-1')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  test('takes a Secret as Cluster API writes it', async () => {
    const value = Buffer.from(edge.controlPlane.adminKubeconfig).toString('base64');
    const metadata = { name: 'edge-1-kubeconfig', labels: { 'cluster.x-k8s.io/cluster-name': 'edge-1' } };
    const body = { metadata, type: 'cluster.x-k8s.io/secret', data: { value } };
    await hub.client.create(SecretType, { namespace: 'c-edge-1' }, body);
    const start = await heartbeats();
    const connection = { kubeconfig: { secretRef: { name: 'edge-1-kubeconfig' } } };

    await hub.client.mergePatch(ClusterResource, { name: 'edge-1' }, { spec: { connection } });

    await eventually(async () => (await heartbeats()) >= start + 2, { timeoutMs: 30_000, what: 'two heartbeats' });
    expect((await clusters.condition('edge-1', 'Connected'))?.status).toBe('True');
    const back = { kubeconfig: { secretRef: { name: 'edge-1' } } };
    const { metadata: current } = await hub.client.mergePatch(
      ClusterResource,
      { name: 'edge-1' },
      { spec: { connection: back } },
    );
    await eventually(async () => (await clusters.get('edge-1')).status?.observedGeneration === current.generation, {
      timeoutMs: 10_000,
      what: 'the status is of this spec',
    });
  });

  test('is left alone while paused, and goes on where it was', async () => {
    const before = await clusters.get('edge-1');
    const pause = async (value: string | null) => {
      const annotations = { 'paddock.dev/paused': value };
      await hub.client.mergePatch(ClusterResource, { name: 'edge-1' }, { metadata: { annotations } });
    };

    await pause('true');
    await clusters.becomes('edge-1', 'Paused', { status: 'True' });

    const paused = await clusters.get('edge-1');
    expect(paused.status?.conditions).toEqual(expect.arrayContaining(before.status?.conditions ?? []));
    expect({ ...paused.status, conditions: [] }).toEqual({ ...before.status, conditions: [] });
    await pause(null);
    await eventually(async () => !(await clusters.condition('edge-1', 'Paused')), {
      timeoutMs: 10_000,
      what: 'Paused goes',
    });
    expect((await clusters.condition('edge-1', 'Ready'))?.status).toBe('True');
  });

  test('causes no write while its heartbeats go on', async () => {
    await untilStill(() => operator.writes.length);
    const settled = await clusters.get('edge-1');
    const writes = operator.writes.length;
    const start = await heartbeats();

    await eventually(async () => (await heartbeats()) >= start + 3, { timeoutMs: 20_000, what: 'three heartbeats' });

    expect(writesSince(writes)).toEqual([]);
    expect((await clusters.get('edge-1')).metadata.resourceVersion).toBe(settled.metadata.resourceVersion);
  });

  test('is disconnected when its Secret is deleted', async () => {
    await hub.client.delete(SecretType, { namespace: 'c-edge-1', name: 'edge-1' });

    await clusters.becomes('edge-1', 'Connected', { status: 'False', reason: 'KubeconfigMissing' });
    await clusters.hasEvent('edge-1', 'Disconnected');
  });
});

describe('a namespace in the way', () => {
  test('is reported, left as it is, and adopted once it is labelled', async () => {
    const key = { name: 'c-taken' };
    await hub.client.create(Namespaces, {}, { metadata: { ...key, labels: { team: 'other' } } });
    await clusters.createPushed('taken');

    const stalled = await clusters.becomes('taken', 'Stalled', { status: 'True', reason: 'NamespaceConflict' });
    expect(stalled.message).toContain('label it paddock.dev/cluster=taken');
    await clusters.hasEvent('taken', 'NamespaceConflict');
    expect((await hub.client.get(Namespaces, key)).metadata?.labels).not.toHaveProperty([LABEL_CLUSTER]);

    await hub.client.mergePatch(Namespaces, key, { metadata: { labels: { [LABEL_CLUSTER]: 'taken' } } });
    await clusters.becomes('taken', 'Connected', { reason: 'KubeconfigMissing' });
    expect(await clusters.condition('taken', 'Stalled')).toBeUndefined();
    const { metadata } = await hub.client.get(Namespaces, key);
    expect(metadata?.labels).toMatchObject({ team: 'other', 'paddock.dev/owner': 'cluster.taken' });
  });

  test('is waited for while it is being deleted, and made anew', async () => {
    const key = { name: 'c-going' };
    const metadata = { ...key, labels: { [LABEL_CLUSTER]: 'going' }, finalizers: ['example.com/wait'] };
    await hub.client.create(Namespaces, {}, { metadata });
    await hub.client.delete(Namespaces, key);
    await clusters.createPushed('going');
    await clusters.becomes('going', 'Reconciling', { status: 'True', reason: 'NamespaceTerminating' });

    await hub.client.mergePatch(Namespaces, key, { metadata: { finalizers: [] } });

    await clusters.becomes('going', 'Ready', { status: 'False', reason: 'KubeconfigMissing' });
    expect(await clusters.condition('going', 'Reconciling')).toBeUndefined();
  });

  test('that loses a part of our mark gets it back', async () => {
    const key = { name: 'c-edge-1' };
    await hub.client.mergePatch(Namespaces, key, { metadata: { labels: { [LABEL_CLUSTER]: null } } });

    await eventually(async () => (await hub.client.get(Namespaces, key)).metadata?.labels?.[LABEL_CLUSTER], {
      timeoutMs: 10_000,
      what: 'the label is back',
    });
  });
});

/** GETs of /readyz that the downstream has answered. */
async function heartbeats(): Promise<number> {
  const { body } = await edge.client.transport.request({ method: 'GET', path: '/metrics' });
  const counts = body.matchAll(/^apiserver_request_total\{[^}]*subresource="\/readyz"[^}]*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
