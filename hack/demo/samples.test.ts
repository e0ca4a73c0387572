import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '#runtime';
import { type EventObject, pictureOf, type Seen } from './picture.ts';
import { expectationOf, lacking, sampleExpectation } from './samples.ts';

const time = (second: number): string => `2026-01-01T12:00:${String(second).padStart(2, '0')}.000000Z`;

const condition = (type: string, status: 'True' | 'False', message = 'because') => ({
  type,
  status,
  reason: 'Reason',
  message,
  lastTransitionTime: time(0),
});

const namespace = (name: string, labels: Record<string, string>): KubeObject => ({
  kind: 'Namespace',
  metadata: { name, labels },
});

const shared = (kind: string, name: string, selector?: string): KubeObject => ({
  kind,
  metadata: {
    name,
    namespace: 'p-edge-1--payments',
    labels: { 'paddock.dev/shared': 'true' },
    ...(selector === undefined ? {} : { annotations: { 'paddock.dev/namespaces': selector } }),
  },
});

const copy = (name: string, inNamespace: string): KubeObject => ({ metadata: { name, namespace: inNamespace } });

const member = namespace('web', { 'paddock.dev/project': 'payments', tier: 'frontend' });

const seen = (): Seen => ({
  clusters: ['local', 'edge-1'].map(name => ({
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec: { connection: { local: {} } },
    status: { version: 'v1.34.4', conditions: [condition('Connected', 'True'), condition('Ready', 'True')] },
  })),
  projects: [
    {
      apiVersion: 'paddock.dev/v1alpha1',
      kind: 'Project',
      metadata: { name: 'payments', namespace: 'c-edge-1', generation: 2 },
      spec: {},
      status: {
        observedGeneration: 2,
        namespaces: { total: 1, names: ['web'] },
        shared: { objects: 1, copies: 1, pending: 0, conflicts: [] },
        conditions: [condition('Ready', 'True')],
      },
    },
  ],
  events: [],
  sites: [
    {
      cluster: 'edge-1',
      namespaces: [member],
      copies: { Secret: [copy('registry', 'web'), copy('registry', 'other')], ConfigMap: [] },
      interruption: undefined,
    },
  ],
});

const expected = expectationOf({
  hub: [
    { kind: 'Project', metadata: { name: 'payments', namespace: 'c-edge-1' } },
    shared('Secret', 'registry'),
    shared('ConfigMap', 'features', 'tier=backend'),
    { kind: 'Secret', metadata: { name: 'private', namespace: 'p-edge-1--payments' } },
  ],
  downstream: [member, namespace('elsewhere', {})],
  cluster: 'edge-1',
});

describe('what the samples must come to', () => {
  test('follows from membership, sharing and selectors', () => {
    expect(expected).toEqual({
      clusters: ['edge-1', 'local'],
      projects: [{ cluster: 'edge-1', name: 'payments' }],
      namespaces: [{ cluster: 'edge-1', name: 'web', project: 'payments', copies: ['Secret/registry'] }],
    });
  });

  test('is not nothing', () => {
    const { projects, namespaces } = sampleExpectation();

    expect(projects).toEqual([{ cluster: 'edge-1', name: 'payments' }]);
    expect(namespaces.map(({ name, copies }) => [name, ...copies])).toEqual([
      ['payments-api', 'ConfigMap/features', 'Secret/registry'],
      ['payments-web', 'Secret/registry'],
    ]);
  });
});

describe('what is lacking', () => {
  test('is nothing once all is there', () => {
    expect(lacking(expected, pictureOf(seen()))).toEqual([]);
  });

  test('is everything at first', () => {
    expect(lacking(expected, pictureOf({ clusters: [], projects: [], events: [], sites: [] }))).toEqual([
      'there is no Cluster edge-1',
      'there is no Cluster local',
      'there is no Project payments in c-edge-1',
      'namespace web of edge-1 lacks Secret/registry',
    ]);
  });

  test('is a project whose status is of an older spec', () => {
    const before = seen();
    const projects = before.projects.map(project => ({ ...project, metadata: { ...project.metadata, generation: 3 } }));

    expect(lacking(expected, pictureOf({ ...before, projects }))).toEqual([
      'Project payments is not ready: its status is not of its present spec',
    ]);
  });

  test('is named with the condition’s message', () => {
    const before = seen();
    const clusters = before.clusters.map(cluster => ({
      ...cluster,
      status: { conditions: [condition('Connected', 'True'), condition('Ready', 'False', 'claimed by another')] },
    }));

    expect(lacking(expected, pictureOf({ ...before, clusters }))[0]).toBe(
      'Cluster edge-1 is not ready: Reason: claimed by another',
    );
  });
});

describe('the picture', () => {
  test('has the events about our kinds alone, the newest first, repeated ones at their last time', () => {
    const event = (name: string, second: number, more: Partial<EventObject> = {}): EventObject => ({
      metadata: { name, uid: name },
      eventTime: time(second),
      reason: 'NamespaceAttached',
      note: name,
      regarding: { apiVersion: 'paddock.dev/v1alpha1', kind: 'Project', name: 'payments' },
      ...more,
    });
    const events = [
      event('first', 1),
      event('repeated', 0, { series: { lastObservedTime: time(3) } }),
      event('last', 5),
      event('pod', 9, { regarding: { apiVersion: 'v1', kind: 'Pod', name: 'p' } }),
    ];

    const picture = pictureOf({ ...seen(), events });

    expect(picture.events.map(({ note }) => note)).toEqual(['last', 'repeated', 'first']);
    expect(picture.events[0]?.regarding).toBe('project/payments');
  });

  test('has of a namespace its own copies only', () => {
    expect(pictureOf(seen()).namespaces).toEqual([
      { cluster: 'edge-1', name: 'web', project: 'payments', copies: ['Secret/registry'] },
    ]);
  });
});
