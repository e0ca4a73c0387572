import { describe, expect, test } from '@jest/globals';
import type { ClusterAccess } from '#api';
import { deletionDue, isSurplus } from './access-limit.ts';

const CREATED = '2026-01-01T00:00:00Z';

function anAccess(name: string, more: { created?: string; reason?: string; since?: string; expiresAt?: string } = {}) {
  const { created = CREATED, reason, since = CREATED, expiresAt } = more;
  const ready = {
    type: 'Ready',
    status: 'False',
    reason: reason ?? '',
    message: '',
    lastTransitionTime: since,
  } as const;
  const access: ClusterAccess = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'ClusterAccess',
    metadata: { name, uid: `uid-${name}`, creationTimestamp: created },
    spec: { user: 'alice', ttl: '1h' },
    status: { ...(expiresAt === undefined ? {} : { expiresAt }), conditions: reason === undefined ? [] : [ready] },
  };
  return access;
}

describe('of a person’s accesses', () => {
  const five = ['b', 'c', 'd', 'e', 'f'].map(name => anAccess(name));

  test('the sixth by creation is one too many, wherever it is listed', () => {
    const later = anAccess('a', { created: '2026-01-01T00:00:01Z' });

    expect(isSurplus(later, [later, ...five])).toBe(true);
    expect(five.map(access => isSurplus(access, [later, ...five]))).toEqual(five.map(() => false));
  });

  test('the last by name is one too many, of those created in one second', () => {
    const first = anAccess('a');
    const all = [...five, first];

    expect(all.filter(access => isSurplus(access, all)).map(({ metadata }) => metadata.name)).toEqual(['f']);
  });

  test('five are not too many', () => {
    expect(five.some(access => isSurplus(access, five))).toBe(false);
  });
});

test.each<readonly [what: string, access: ClusterAccess, due: string | undefined]>([
  ['one too many', anAccess('a', { reason: 'TooMany', since: '2026-01-01T00:00:02Z' }), '2026-01-01T00:10:02.000Z'],
  [
    'one that expired',
    anAccess('a', { reason: 'Expired', expiresAt: '2026-01-01T00:30:00Z', since: '2026-01-01T00:30:01Z' }),
    '2026-01-01T00:40:01.000Z',
  ],
  ['one that expired before it was issued', anAccess('a', { reason: 'Expired' }), '2026-01-01T01:10:00.000Z'],
  ['one of a person who is not bound any more', anAccess('a', { reason: 'NoLongerBound' }), undefined],
  ['one whose Secret was deleted', anAccess('a', { reason: 'CredentialsDeleted' }), undefined],
  ['one that is issued', anAccess('a', { reason: 'Issued' }), undefined],
])('%s is deleted ten minutes later, or left', (_what, access, due) => {
  const at = deletionDue(access);

  expect(at === undefined ? undefined : new Date(at).toISOString()).toBe(due);
});
