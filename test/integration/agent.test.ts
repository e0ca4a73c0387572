import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ClusterResource, clusterNamespace } from '#api';
import { findCondition } from '#runtime';
import { applyManifest, createAgentCluster, manifestOf, type RunningAgent, startAgent } from '../support/agents.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, SecretType, startFleet } from '../support/fleet.ts';

let fleet: Fleet;
let agent: RunningAgent | undefined;
let first: string;

beforeAll(async () => {
  fleet = await startFleet();
  fleet.start(['cluster']);
}, 60_000);

afterAll(async () => {
  await agent?.stop();
  await fleet?.stop();
});

const cluster = () => fleet.hub.client.get(ClusterResource, { name: 'remote-1' });

test('a Cluster by agent waits with a manifest, and says how it is applied', async () => {
  await createAgentCluster(fleet, 'remote-1', { heartbeat: { interval: '2s', timeout: '6s' } });

  first = await manifestOf(fleet, 'remote-1');

  const waiting = await eventually(
    async () => {
      const { status } = await cluster();
      return status?.registration && findCondition(status.conditions, 'Connected') ? status : undefined;
    },
    { timeoutMs: 20_000, what: 'the status names the registration' },
  );
  expect(waiting.registration?.secretRef).toEqual({ name: 'registration' });
  expect(Date.parse(waiting.registration?.expiresAt ?? '') - Date.now()).toBeGreaterThan(23 * 3600_000);
  const connected = findCondition(waiting.conditions, 'Connected');
  expect(connected).toMatchObject({ status: 'Unknown', reason: 'WaitingForAgent' });
  expect(connected?.message).toContain('kubectl -n c-remote-1 get secret registration');
}, 60_000);

test('the manifest is all that it takes', async () => {
  await applyManifest(fleet.edge(), first);
  agent = startAgent(fleet.edge());

  const connected = await fleet.connected('remote-1');

  expect(connected.status?.agent).toEqual({ version: 'v0.0.0-test', replicas: 1 });
  expect(findCondition(connected.status?.conditions, 'Ready')?.status).toBe('True');
}, 60_000);

test('the token of the manifest dies when it was used', async () => {
  const key = { namespace: clusterNamespace('remote-1'), name: 'registration' };
  await eventually(
    async () => (await fleet.hub.client.find(SecretType, key))?.metadata?.annotations?.['paddock.dev/spent'] === 'Used',
    { timeoutMs: 20_000, what: 'the registration is spent' },
  );
  expect((await cluster()).status?.registration).toBeUndefined();
});
