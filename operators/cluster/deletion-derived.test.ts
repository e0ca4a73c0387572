import { describe, expect, test } from '@jest/globals';
import { marks } from '#api';
import { isDerived } from './deletion-derived.ts';

const scope = { cluster: 'edge-1', hub: 'hub-uid' };
const owner = { kind: 'project', name: 'payments', uid: 'uid' };
const marked = marks({ owner, ...scope });

describe('what goes when a cluster is handed back', () => {
  test('carries this hub’s marks for the cluster, one label of which may have been stripped', () => {
    expect(isDerived({ metadata: marked }, scope)).toBe(true);
    expect(isDerived({ metadata: { annotations: marked.annotations } }, scope)).toBe(true);
  });

  test.each([
    ['nothing of it', {}],
    ['its labels only', { labels: marked.labels }],
    ['another hub’s uid', { ...marked, annotations: { ...marked.annotations, 'paddock.dev/hub': 'other' } }],
    ['another cluster’s name', { ...marked, labels: { ...marked.labels, 'paddock.dev/cluster': 'edge-2' } }],
    ['the mark of the hub’s own side', { ...marked, labels: { ...marked.labels, 'paddock.dev/plane': 'hub' } }],
  ])('with %s it stays', (_what, metadata) => {
    expect(isDerived({ metadata }, scope)).toBe(false);
  });
});
