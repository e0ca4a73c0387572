import { describe, expect, test } from '@jest/globals';
import type { Cluster, ClusterStatus } from '#api';
import { type Credentials, findCondition } from '#runtime';
import { localHolder, resolveConnection } from './connection.ts';
import { statusEvents } from './events.ts';
import type { Summary } from './inventory/inventory.ts';
import { desiredStatus, isStatusCurrent, pausedStatus, type StatusInputs } from './status.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const LATER = NOW + 60_000;

const hubCredentials: Credentials = { resolve: async () => ({ server: 'https://hub', tls: {}, headers: {} }) };

function aCluster(status?: ClusterStatus, metadata: Cluster['metadata'] = {}): Cluster {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'edge-1', generation: 3, uid: 'u', ...metadata },
    spec: { connection: { local: {} } },
    ...(status ? { status } : {}),
  };
}

const identity = { apiServer: { url: 'https://edge' }, version: 'v1.34.4', distribution: 'kubernetes' } as const;
const connected = { type: 'Connected', status: 'True', reason: 'Connected', message: 'm' } as const;
const lost = { type: 'Connected', status: 'Unknown', reason: 'HeartbeatLost', message: 'm' } as const;

function inputs(overrides: Partial<StatusInputs> = {}): StatusInputs {
  const cluster = overrides.cluster ?? aCluster();
  const connection = resolveConnection(cluster, {
    hubCredentials,
    clusters: [cluster],
    secret: () => ({ known: true, get: () => undefined }),
  });
  return { cluster, connection, namespace: { state: 'ready', message: '' }, observation: {}, now: NOW, ...overrides };
}

function summaryOf(status: ClusterStatus): string[] {
  return (status.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);
}

const WORKING = desiredStatus(inputs({ observation: { connected, identity, claim: 'ours', lastHeartbeatAt: NOW } }));

describe('conditions', () => {
  test('of a new Cluster', () => {
    expect(summaryOf(desiredStatus(inputs()))).toEqual([
      'Connected=Unknown Connecting',
      'Ready=Unknown Connecting',
      'Reconciling=True Connecting',
    ]);
  });

  test('of one that works', () => {
    expect(summaryOf(WORKING)).toEqual(['Connected=True Connected', 'Ready=True Ready']);
    expect(WORKING).toMatchObject({ ...identity, observedGeneration: 3, namespace: 'c-edge-1' });
  });

  test('stay as they are while a restarted operator has learnt nothing', () => {
    const cluster = aCluster(WORKING);

    expect(isStatusCurrent(cluster, desiredStatus(inputs({ cluster, now: LATER })))).toBe(true);
  });

  test('of one that is somebody else’s', () => {
    const claim = { reason: 'AlreadyClaimed', message: 'of another hub', terminal: true } as const;

    const status = desiredStatus(inputs({ observation: { connected, identity, claim } }));

    expect(summaryOf(status)).toEqual([
      'Connected=True Connected',
      'Ready=False AlreadyClaimed',
      'Stalled=True AlreadyClaimed',
    ]);
    const cluster = aCluster(status);
    expect(isStatusCurrent(cluster, desiredStatus(inputs({ cluster, now: LATER })))).toBe(true);
  });

  test('of one that could not be claimed yet', () => {
    const claim = { reason: 'ClaimFailed', message: 'forbidden', terminal: false } as const;

    expect(summaryOf(desiredStatus(inputs({ observation: { connected, identity, claim } })))).toEqual([
      'Connected=True Connected',
      'Ready=False ClaimFailed',
      'Reconciling=True ClaimFailed',
    ]);
  });

  test('of one that another writes to, until that is known to be over', () => {
    const claim = { reason: 'Engaging', message: 'its agent holds the Lease', terminal: false } as const;
    const engaging = ['Connected=True Connected', 'Ready=False Engaging', 'Reconciling=True Engaging'];

    const status = desiredStatus(inputs({ observation: { connected, identity, claim } }));

    expect(summaryOf(status)).toEqual(engaging);
    const cluster = aCluster(status); // after a restart nothing was learnt yet
    expect(isStatusCurrent(cluster, desiredStatus(inputs({ cluster, now: LATER })))).toBe(true);
  });

  test('of one whose namespace is in conflict', () => {
    const namespace = { state: 'conflict', message: 'label it' } as const;

    expect(summaryOf(desiredStatus(inputs({ namespace })))).toEqual([
      'Connected=Unknown NamespaceConflict',
      'Ready=False NamespaceConflict',
      'Stalled=True NamespaceConflict',
    ]);
  });

  test('of a second local one', () => {
    const elder = aCluster(undefined, { name: 'local', creationTimestamp: '2020-01-01T00:00:00Z', uid: 'v' });
    const cluster = aCluster(undefined, { creationTimestamp: '2021-01-01T00:00:00Z' });
    const sources = {
      hubCredentials,
      clusters: [cluster, elder],
      secret: () => ({ known: true, get: () => undefined }),
    };

    const status = desiredStatus(inputs({ cluster, connection: resolveConnection(cluster, sources) }));

    expect(summaryOf(status)).toEqual([
      'Connected=Unknown LocalTaken',
      'Ready=False LocalTaken',
      'Stalled=True LocalTaken',
    ]);
  });

  describe('of one with an agent', () => {
    const byAgent = (status?: ClusterStatus) => ({ ...aCluster(status), spec: { connection: { agent: {} } } });
    const connection = { kind: 'agent', connection: { intervalMs: 5_000, timeoutMs: 15_000 } } as const;
    const registration = (annotations: Record<string, string>) => ({ metadata: { name: 'registration', annotations } });
    const unused = registration({ 'paddock.dev/token-id': 'a', 'paddock.dev/expires-at': '2026-01-02T12:00:00Z' });

    test('before any agent has reported say how its manifest is applied', () => {
      const status = desiredStatus(inputs({ cluster: byAgent(), connection, registration: unused }));

      expect(summaryOf(status)).toEqual(['Connected=Unknown WaitingForAgent', 'Ready=Unknown WaitingForAgent']);
      expect(status.conditions?.[0]?.message).toContain("get secret registration -o jsonpath='{.data.agent\\.yaml}'");
      const expiresAt = '2026-01-02T12:00:00Z';
      expect(status.registration).toEqual({ secretRef: { name: 'registration' }, expiresAt });
    });

    test('without a manifest, for want of an address of the hub', () => {
      const empty = registration({});
      const status = desiredStatus(
        inputs({ cluster: byAgent(), connection, registration: empty, hubAddressUnknown: true }),
      );

      expect(summaryOf(status)).toEqual(['Connected=Unknown WaitingForAgent', 'Ready=Unknown WaitingForAgent']);
      expect(status.conditions?.[0]?.message).toContain('start the cluster operator with --hub-url and --hub-ca');
    });

    test('whose manifest two clusters used', () => {
      const reused = registration({ 'paddock.dev/spent': 'Reused' });
      const status = desiredStatus(inputs({ cluster: byAgent(), connection, registration: reused }));

      expect(summaryOf(status)).toContain('Stalled=True RegistrationReused');
      expect(status.registration).toBeUndefined();
    });

    test('leave out what the agent writes itself', () => {
      const agent = { version: 'v1', replicas: 2 };
      const observation = { connected, claim: 'ours', agent, lastHeartbeatAt: LATER } as const;
      const cluster = byAgent({ version: 'v1.34.4', nodes: { total: 1 }, distribution: 'k3s' });
      const status = desiredStatus(inputs({ cluster, connection, observation }));

      expect(status).toMatchObject({ agent });
      expect(Object.keys(status)).not.toEqual(expect.arrayContaining(['version']));
      expect(isStatusCurrent(byAgent({ ...status, version: 'v1.34.4', nodes: { total: 1 } }), status)).toBe(true);
    });
  });

  test('of one whose Secret comes after all say no more that it is missing', () => {
    const missing = { type: 'Connected', status: 'False', reason: 'KubeconfigMissing', message: 'm' } as const;
    const before = desiredStatus(inputs({ connection: { kind: 'none', connected: missing } }));

    expect(summaryOf(desiredStatus(inputs({ cluster: aCluster(before) })))).toContain('Connected=Unknown Connecting');
  });
});

describe('nodes', () => {
  const summary: Summary = {
    nodes: {
      total: 3,
      ready: 2,
      controlPlane: 1,
      etcd: 0,
      worker: 2,
      unhealthy: [{ name: 'w', reasons: ['NotReady'] }],
    },
    capacity: { cpu: '12', memory: '48Gi', pods: '330' },
    allocatable: { cpu: '8', memory: '32Gi', pods: '220' },
    requested: { cpu: '1500m', memory: '1Gi', pods: '7' },
    unhealthyTotal: 1,
  };
  const { unhealthyTotal: _total, ...fields } = summary;
  const observation = { connected, identity, claim: 'ours', inventory: { summary } } as const;
  const counted = desiredStatus(inputs({ observation }));
  const nodesReady = (status: ClusterStatus) => findCondition(status.conditions, 'NodesReady');

  test('are in the status, and the Cluster is Ready whatever their state', () => {
    expect(counted).toMatchObject(fields);
    expect(summaryOf(counted)).toEqual([
      'Connected=True Connected',
      'Ready=True Ready',
      'NodesReady=False NodesUnhealthy',
    ]);
  });

  test('are in no status before they were counted', () => {
    expect(Object.keys(WORKING)).not.toEqual(expect.arrayContaining(['nodes']));
    expect(nodesReady(WORKING)).toBeUndefined();
  });

  test.each([
    ['while a restarted operator has learnt nothing', {}],
    ['while they are not counted yet', { connected, identity, claim: 'ours', inventory: {} }],
    ['of a paused Cluster', undefined],
  ] as const)('stay as they were %s', (_when, seen) => {
    const cluster = aCluster(counted);

    const status = seen
      ? desiredStatus(inputs({ cluster, observation: seen, now: LATER }))
      : pausedStatus(cluster, LATER);

    expect(status).toMatchObject(fields);
    expect(nodesReady(status)).toEqual(nodesReady(counted));
  });

  test('stay as they were while the cluster is not connected, whatever comes late', () => {
    const cluster = aCluster(counted);
    const late = { summary: { ...summary, nodes: { total: 9 }, unhealthyTotal: 0 } };

    const status = desiredStatus(inputs({ cluster, observation: { connected: lost, inventory: late }, now: LATER }));

    expect(status).toMatchObject(fields);
    expect(nodesReady(status)).toEqual(nodesReady(counted));
  });

  test('that can’t be read any more are Unknown, and what was seen stays', () => {
    const nodesUnreadable = { reason: 'Forbidden', message: 'm' } as const;
    const inventory = { summary, nodesUnreadable };

    const status = desiredStatus(inputs({ cluster: aCluster(counted), observation: { ...observation, inventory } }));

    expect(nodesReady(status)).toMatchObject({ status: 'Unknown', ...nodesUnreadable });
    expect(status).toMatchObject(fields);
  });

  test('cause no write by their order, nor by an empty list for none', () => {
    const reordered = (unhealthy: NonNullable<ClusterStatus['nodes']>['unhealthy'] & object) => ({
      ...counted,
      nodes: { ...counted.nodes, unhealthy },
    });
    const [a, b] = [
      { name: 'a', reasons: ['NotReady'] },
      { name: 'b', reasons: ['NotReady'] },
    ];

    expect(isStatusCurrent(aCluster(reordered([a, b])), reordered([b, a]))).toBe(true);
    expect(isStatusCurrent(aCluster(reordered([a, b])), reordered([a]))).toBe(false);
    const { unhealthy: _none, ...nodes } = counted.nodes ?? {};
    expect(isStatusCurrent(aCluster(reordered([])), { ...counted, nodes })).toBe(true);
  });
});

describe('lastHeartbeat', () => {
  test('changes only with Connected', () => {
    const cluster = aCluster(WORKING);
    const observation = { connected, identity, claim: 'ours', lastHeartbeatAt: LATER } as const;
    expect(desiredStatus(inputs({ cluster, observation })).lastHeartbeat).toBe('2026-01-01T12:00:00Z');

    const status = desiredStatus(inputs({ cluster, observation: { ...observation, connected: lost } }));

    expect(status.lastHeartbeat).toBe('2026-01-01T12:01:00Z');
  });
});

describe('comparing statuses', () => {
  test('the order of conditions and what others wrote does not count', () => {
    const others = { type: 'Cleaned', status: 'True', reason: 'R', message: '', lastTransitionTime: 't' } as const;
    const written = {
      ...WORKING,
      conditions: [others, ...(WORKING.conditions ?? [])].reverse(),
    };

    expect(isStatusCurrent(aCluster(written), WORKING)).toBe(true);
  });

  test('a field more or another value counts', () => {
    expect(isStatusCurrent(aCluster(WORKING), { ...WORKING, version: 'v1.35.0' })).toBe(false);
    expect(isStatusCurrent(aCluster({ ...WORKING, distribution: 'k3s' }), WORKING)).toBe(false);
    expect(isStatusCurrent(aCluster(), WORKING)).toBe(false);
    // of an agent that the cluster had before
    expect(isStatusCurrent(aCluster({ ...WORKING, agent: { replicas: 2 } }), WORKING)).toBe(false);
  });
});

test('a paused Cluster keeps its status and says that it is paused', () => {
  const cluster = aCluster(WORKING, { generation: 4 });

  const status = pausedStatus(cluster, LATER);

  expect(status).toEqual({
    ...WORKING,
    conditions: [...(WORKING.conditions ?? []), findCondition(status.conditions, 'Paused')],
  });
  expect(isStatusCurrent(aCluster(status), pausedStatus(aCluster(status), LATER + 1))).toBe(true);
});

describe('events', () => {
  const gone = desiredStatus(inputs({ cluster: aCluster(WORKING), observation: { connected: lost }, now: LATER }));
  const reasons = (before: ClusterStatus | undefined, after: ClusterStatus) =>
    statusEvents(before, after).map(({ type, reason }) => `${type} ${reason}`);

  test('tell of a connection, its loss, and its return, once each', () => {
    expect(reasons(undefined, WORKING)).toEqual(['Normal Connected']);
    expect(reasons(WORKING, WORKING)).toEqual([]);
    expect(reasons(WORKING, gone)).toEqual(['Warning Disconnected']);
    expect(reasons(gone, gone)).toEqual([]);
    expect(reasons(gone, WORKING)).toEqual(['Normal Connected']);
  });

  test('tell of a conflict when it begins', () => {
    const conflict = desiredStatus(inputs({ namespace: { state: 'conflict', message: 'm' } }));

    expect(reasons(undefined, conflict)).toEqual(['Warning NamespaceConflict']);
    expect(reasons(conflict, conflict)).toEqual([]);
  });
});

test('the oldest local Cluster stands for the hub, of several the first by name', () => {
  const at = (name: string, creationTimestamp: string) => aCluster(undefined, { name, creationTimestamp });
  const [a, b, c] = [at('a', '2021-01-01T00:00:00Z'), at('b', '2020-01-01T00:00:00Z'), at('c', '2020-01-01T00:00:00Z')];

  expect(localHolder([a, c, b])?.metadata.name).toBe('b');
  expect(localHolder([])).toBeUndefined();
});

describe('a new kubeconfig that fails while the one before works', () => {
  const failing = { ...connected, reason: 'NewKubeconfigFails', message: 'connection refused' };
  const status = desiredStatus(inputs({ observation: { connected: failing, identity, claim: 'ours' } }));

  test('leaves the Cluster ready, and is an event when it begins', () => {
    expect(summaryOf(status)).toEqual(['Connected=True NewKubeconfigFails', 'Ready=True Ready']);
    const event = { type: 'Warning', reason: 'NewKubeconfigFails', action: 'Reconnect', note: 'connection refused' };
    expect(statusEvents(WORKING, status)).toEqual([event]);
    expect(statusEvents(status, status)).toEqual([]);
    expect(statusEvents(status, WORKING)).toEqual([]);
  });

  test('stays in the status while a restarted operator has learnt nothing', () => {
    const cluster = aCluster(status);

    expect(isStatusCurrent(cluster, desiredStatus(inputs({ cluster, now: LATER })))).toBe(true);
  });
});

describe('whether policies are enforced', () => {
  const problem = { reason: 'PoliciesNotInstalled', message: 'let through', terminal: false } as const;
  const enforced = (observation: StatusInputs['observation'], cluster = aCluster()) =>
    desiredStatus(inputs({ cluster, observation })).policiesEnforced;
  const PROVEN = desiredStatus(inputs({ observation: { connected, identity, claim: 'ours', policies: 'inPlace' } }));

  test.each<readonly [what: string, policies: StatusInputs['observation']['policies'], is: boolean | undefined]>([
    ['proven', 'inPlace', true],
    ['not proven', problem, false],
    ['not known', undefined, undefined],
  ])('is told as it is: %s', (_what, policies, is) => {
    expect(enforced({ connected, claim: 'ours', ...(policies ? { policies } : {}) })).toBe(is);
  });

  test('stays as it is while a restarted operator has learnt nothing, but not under another spec', () => {
    expect(enforced({}, aCluster(PROVEN))).toBe(true);
    expect(enforced({ connected }, aCluster(PROVEN))).toBe(true);
    expect(enforced({ connected }, aCluster(PROVEN, { generation: 4 }))).toBeUndefined();
  });

  test('is not known of a cluster that is not connected, whatever was known', () => {
    expect(enforced({ connected: lost, policies: 'inPlace' }, aCluster(PROVEN))).toBeUndefined();
  });
});
