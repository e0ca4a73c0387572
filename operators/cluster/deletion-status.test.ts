import { describe, expect, test } from '@jest/globals';
import type { Cluster, Project } from '#api';
import { deletionStatus, whatIsLeft, withWhatIsLeft } from './deletion-status.ts';

const NOW = Date.UTC(2026, 0, 2);
const timedOut = { type: 'Cleaned', status: 'False', reason: 'CleanupTimedOut', message: 'not reached' } as const;

function aCluster(status: Cluster['status']): Cluster {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'edge-1', generation: 2 },
    spec: { connection: { local: {} } },
    ...(status ? { status } : {}),
  };
}

function aProject(name: string, namespaces: number, copies: number): Project {
  return {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Project',
    metadata: { name, namespace: 'c-edge-1' },
    spec: {},
    status: {
      namespaces: { total: namespaces, names: [] },
      shared: { objects: 1, copies, pending: 0, conflicts: [] },
    },
  };
}

describe('the status', () => {
  const connected = { type: 'Connected', status: 'True', reason: 'Connected', message: 'yes' } as const;
  const before = aCluster({
    version: 'v1.34.4',
    conditions: [
      { ...connected, lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'NodesReady', status: 'True', reason: 'Ready', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      { type: 'Stalled', status: 'True', reason: 'X', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ],
  });

  test('keeps what it does not name, and is written once', () => {
    const status = deletionStatus(before, { cleaned: timedOut, connected, now: NOW });

    expect(status?.version).toBe('v1.34.4');
    const types = status?.conditions?.map(({ type }) => type);
    expect(types).toEqual(['Cleaned', 'Connected', 'NodesReady', 'Ready', 'Reconciling']);
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Deleting',
      message: timedOut.message,
    });
    expect(deletionStatus(aCluster(status), { cleaned: timedOut, connected, now: NOW + 5_000 })).toBeUndefined();
  });
});

describe('what is left', () => {
  test('names the projects that had something there', () => {
    const projects = [aProject('b', 2, 4), aProject('a', 1, 0), aProject('none', 0, 0)];

    expect(whatIsLeft(projects, { claim: true })).toMatch(
      /^0 copies in 1 namespaces of project a, 4 copies in 2 namespaces of project b, ConfigMap paddock-system\/claim;/,
    );
    expect(whatIsLeft([], { claim: false })).toBeUndefined();
  });

  test('is named up to ten projects', () => {
    const projects = Array.from({ length: 12 }, (_, index) => aProject(`p${index + 10}`, 1, 1));

    expect(whatIsLeft(projects, { claim: true })).toContain('those of 2 more projects');
  });

  test('is added once: what was said stays when the Projects are gone', () => {
    const first = withWhatIsLeft(aCluster(undefined), timedOut, [aProject('a', 1, 3)]);
    expect(first.message).toContain('3 copies in 1 namespaces of project a');

    const conditions = [{ ...first, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    expect(withWhatIsLeft(aCluster({ conditions }), timedOut, [])).toEqual(first);
  });

  test('is nothing where nothing is left unasked', () => {
    const cleaned = { ...timedOut, reason: 'Orphaned' };
    expect(withWhatIsLeft(aCluster(undefined), cleaned, [aProject('a', 1, 3)])).toEqual(cleaned);
  });
});
