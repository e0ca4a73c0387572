import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '#api';
import { orderOf } from './order.ts';

const clusterUid = 'uid';

function aCluster({ metadata = {}, ...rest }: Partial<Cluster> = {}): Cluster {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'edge-1', uid: clusterUid, deletionTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: { connection: { agent: {} } },
    ...rest,
  };
}

const cleaned = (reason: string, status: 'True' | 'False' = 'False') => ({
  status: {
    conditions: [{ type: 'Cleaned', status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  },
});

describe('what an agent does about its Cluster', () => {
  test.each([
    ['it is being deleted, and the hub has not said what for: the API may be uninstalled', aCluster()],
    ['it is the one of another uid', aCluster({ metadata: { uid: 'another' }, ...cleaned('Cleaning') })],
    ['the hub waits for the agent', aCluster(cleaned('WaitingForAgent'))],
    ['its Projects go first', aCluster(cleaned('DeletingProjects'))],
    ['the hub thought the agent lost', aCluster(cleaned('Unreachable'))],
    ['the hub has given it up', aCluster(cleaned('CleanupTimedOut'))],
    ['the cluster is another’s', aCluster(cleaned('AlreadyClaimed'))],
    ['no agent is to work for it', aCluster({ spec: { connection: { local: {} } }, ...cleaned('Cleaning') })],
    ['it is paused', aCluster({ metadata: { annotations: { 'paddock.dev/paused': 'true' } }, ...cleaned('Cleaning') })],
  ])('nothing while %s', (_why, cluster) => {
    expect(orderOf(cluster, { clusterUid })).toBe('wait');
  });

  test('while the Cluster stands it works, whatever the status says', () => {
    const { deletionTimestamp: _never, ...metadata } = aCluster().metadata;

    expect(orderOf({ ...aCluster(cleaned('Cleaning')), metadata }, { clusterUid })).toBe('engage');
  });

  test.each([
    ['Cleaning', 'clean'],
    ['CleanupFailed', 'clean'],
    ['Cleaned', 'release'],
    ['Orphaned', 'leave'],
  ] as const)('told %s: %s', (reason, order) => {
    expect(orderOf(aCluster(cleaned(reason)), { clusterUid })).toBe(order);
  });
});
