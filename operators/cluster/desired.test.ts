import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '#api';
import { planClusterNamespace, systemNamespace } from './desired.ts';

const HUB = 'hub-uid';

function aCluster(connection: Cluster['spec']['connection'] = { local: {} }): Cluster {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'edge-1', uid: 'cluster-uid' },
    spec: { connection },
  };
}

const MARKED = {
  metadata: {
    name: 'c-edge-1',
    uid: 'namespace-uid',
    labels: {
      'app.kubernetes.io/managed-by': 'paddock',
      'paddock.dev/owner': 'cluster.edge-1',
      'paddock.dev/cluster': 'edge-1',
      'paddock.dev/plane': 'hub',
      'paddock.dev/in-use': 'true',
    },
    annotations: { 'paddock.dev/owner-uid': 'cluster-uid', 'paddock.dev/hub': HUB },
  },
};

describe('the namespace in the hub', () => {
  test('that is missing is made with all marks', () => {
    const { labels, annotations } = MARKED.metadata;

    expect(planClusterNamespace(aCluster(), undefined, HUB)).toEqual({
      action: 'create',
      body: { metadata: { name: 'c-edge-1', labels, annotations } },
    });
  });

  test('that has all marks is left as it is', () => {
    expect(planClusterNamespace(aCluster(), MARKED, HUB)).toEqual({ action: 'none' });
  });

  test('of an earlier Cluster of the name loses the note that it is being deleted', () => {
    const annotations = { ...MARKED.metadata.annotations, 'paddock.dev/cluster-deletion': 'earlier' };

    expect(planClusterNamespace(aCluster(), { metadata: { ...MARKED.metadata, annotations } }, HUB)).toEqual({
      action: 'patch',
      patch: { metadata: { uid: 'namespace-uid', annotations: { 'paddock.dev/cluster-deletion': null } } },
    });
  });

  test('with the cluster’s label is adopted, other labels kept', () => {
    const prepared = { metadata: { uid: 'u', labels: { 'paddock.dev/cluster': 'edge-1', team: 'a' } } };
    const { 'paddock.dev/cluster': _there, ...labels } = MARKED.metadata.labels;

    expect(planClusterNamespace(aCluster(), prepared, HUB)).toEqual({
      action: 'patch',
      patch: { metadata: { uid: 'u', labels, annotations: MARKED.metadata.annotations } },
    });
  });

  test.each([
    ['no label', {}],
    ['another cluster’s label', { 'paddock.dev/cluster': 'edge-2' }],
    ['managed-by alone', { 'app.kubernetes.io/managed-by': 'paddock' }],
  ])('with %s is in conflict', (_what, labels) => {
    expect(planClusterNamespace(aCluster(), { metadata: { labels } }, HUB)).toMatchObject({ action: 'conflict' });
  });

  test('of ours that lost its label gets it back', () => {
    const { 'paddock.dev/cluster': _lost, ...labels } = MARKED.metadata.labels;
    const stripped = { metadata: { ...MARKED.metadata, labels } };

    expect(planClusterNamespace(aCluster(), stripped, HUB)).toEqual({
      action: 'patch',
      patch: { metadata: { uid: 'namespace-uid', labels: { 'paddock.dev/cluster': 'edge-1' } } },
    });
  });

  test('that is being deleted is waited for', () => {
    const going = { metadata: { ...MARKED.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };

    expect(planClusterNamespace(aCluster(), going, HUB)).toEqual({ action: 'wait' });
  });
});

test('paddock-system is of the hub’s plane only in the hub', () => {
  const pushed = aCluster({ kubeconfig: { secretRef: { name: 'edge-1' } } });

  expect(systemNamespace(aCluster(), HUB).metadata?.labels).toHaveProperty(['paddock.dev/plane'], 'hub');
  expect(systemNamespace(pushed, HUB).metadata?.labels).not.toHaveProperty(['paddock.dev/plane']);
});
