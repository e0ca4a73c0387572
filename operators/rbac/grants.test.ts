import { describe, expect, test } from '@jest/globals';
import { aBindingOf } from '../../test/support/access-objects.ts';
import { holders, placeOf, remaining, type Standing, shareOf, standingOf } from './grants.ts';
import { rbacSubject } from './subjects.ts';

const users = (...names: string[]) => names.map(name => rbacSubject({ kind: 'User', name }));
const project = { cluster: 'edge-1', name: 'blue' };

describe('the place of a binding', () => {
  test.each([
    ['a cluster, in its namespace', 'c-edge-1', { cluster: { name: 'edge-1' } }, { cluster: 'edge-1' }],
    ['another cluster', 'c-edge-2', { cluster: { name: 'edge-1' } }, undefined],
    ['a cluster, in a project’s namespace', 'p-edge-1--blue', { cluster: { name: 'edge-1' } }, undefined],
    ['a project, in its cluster’s namespace', 'c-edge-1', { project }, { cluster: 'edge-1', project: 'blue' }],
    ['a project, in its own', 'p-edge-1--blue', { project }, { cluster: 'edge-1', project: 'blue' }],
    ['another project', 'p-edge-1--red', { project }, undefined],
    ['a project of another cluster', 'p-edge-2--blue', { project }, undefined],
    ['all clusters', 'paddock-system', { global: { clusterSelector: {} } }, undefined],
  ] as const)('%s', (_what, namespace, scope, place) => {
    expect(placeOf(aBindingOf(['anna'], { metadata: { namespace }, spec: { scope } }))).toEqual(place);
  });
});

describe('what a binding means', () => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const annotations = { 'paddock.dev/paused': 'true' };
  test.each<[string, object, { known: boolean; revoked: boolean }, Standing]>([
    ['with its finalizer', {}, { known: true, revoked: false }, 'granted'],
    ['without it yet', { finalizers: [] }, { known: true, revoked: false }, 'kept'],
    ['deleted, without it', { finalizers: [], deletionTimestamp }, { known: true, revoked: false }, 'none'],
    ['of a template that is not known', {}, { known: false, revoked: false }, 'kept'],
    ['paused', { annotations }, { known: true, revoked: false }, 'kept'],
    ['deleted, by whom is not known yet', { deletionTimestamp }, { known: true, revoked: false }, 'kept'],
    ['deleted by somebody', { deletionTimestamp }, { known: true, revoked: true }, 'none'],
    ['deleted by somebody while paused', { deletionTimestamp, annotations }, { known: false, revoked: true }, 'none'],
  ])('%s', (_what, metadata, facts, standing) => {
    expect(standingOf(aBindingOf(['anna'], { metadata }), facts)).toBe(standing);
  });
});

describe('who has a role', () => {
  const [granted, kept, none] = [aBindingOf(['cora', 'anna']), aBindingOf(['bert', 'dora']), aBindingOf(['emil'])];
  const standings = new Map<unknown, Standing>([
    [granted, 'granted'],
    [kept, 'kept'],
    [none, 'none'],
  ]);
  const share = shareOf([granted, kept, none, granted], binding => standings.get(binding) ?? 'none');

  test('are all who are granted it, each once, and who is kept and has it', () => {
    expect(share.granted).toEqual(users('anna', 'cora'));
    expect(holders(share, users('dora', 'emil'))).toEqual(users('anna', 'cora', 'dora'));
    expect(holders(share, [])).toEqual(users('anna', 'cora'));
  });

  test('while revoking are those of them who have it', () => {
    expect(remaining(share, users('emil', 'dora', 'cora'))).toEqual(users('cora', 'dora'));
  });

  test('are told apart by kind and namespace', () => {
    const subjects = [
      { kind: 'User' as const, name: 'x' },
      { kind: 'Group' as const, name: 'x' },
      { kind: 'ServiceAccount' as const, namespace: 'a', name: 'x' },
      { kind: 'ServiceAccount' as const, namespace: 'b', name: 'x' },
    ];
    const binding = aBindingOf([], { spec: { subjects } });
    expect(shareOf([binding], () => 'granted').granted).toHaveLength(4);
  });
});
