import { describe, expect, test } from '@jest/globals';
import type { ClusterAccess, RoleTemplateBinding } from '#api';
import { aBindingOf } from '../../test/support/access-objects.ts';
import { type AccessReport, accessConditions } from './access-status.ts';
import { type BindingStatusInput, bindingStatusOf } from './binding-status.ts';
import { accessEvents, bindingEvents, revokedEvents } from './events.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const CONFLICT = { reason: 'Conflict', message: 'somebody else’s is there: delete it' };
const OFFLINE = { reason: 'ClusterNotConnected', message: 'cluster edge-1 is not connected' };

/** The events of one status after the other, and the binding as it is then. */
function told(binding: RoleTemplateBinding, ...statuses: Partial<BindingStatusInput>[]) {
  const events: string[] = [];
  let now = binding;
  for (const part of statuses) {
    const rest = { clusters: ['edge-1'], pending: [], obstacle: undefined, paused: false, now: NOW };
    const status = bindingStatusOf({ ...rest, binding: now, ...part });
    if (!status) continue;
    events.push(...bindingEvents(now, status).map(({ type, reason, note }) => `${type} ${reason}: ${note}`));
    now = { ...now, status };
  }
  return { events, binding: now };
}

describe('of a binding', () => {
  test('that is given nothing is told', () => {
    expect(told(aBindingOf(['anna']), {}, {}).events).toEqual([]);
  });

  test('that can’t be given it is told once for each reason, and when it is in force after all', () => {
    const again = { ...CONFLICT, message: 'another one is there: delete it' };
    const refused = { reason: 'GrantFailed', message: 'the server refuses it' };
    const { events } = told(
      aBindingOf(['anna']),
      { pending: ['edge-1'], obstacle: CONFLICT },
      { pending: ['edge-1'], obstacle: again },
      { pending: ['edge-1'], obstacle: refused },
      {},
      {},
    );
    expect(events).toEqual([
      `Warning Conflict: ${CONFLICT.message}`,
      'Warning GrantFailed: the server refuses it',
      'Normal Bound: in force in cluster edge-1',
    ]);
  });

  test('whose cluster is away only a revocation is told, once, and when it is done', () => {
    const { binding } = told(aBindingOf(['anna']), {});
    const away = { pending: ['edge-1'], obstacle: OFFLINE };
    expect(told(binding, away, {}).events).toEqual([]);

    const changed = { ...binding, metadata: { ...binding.metadata, generation: 2 } };
    const { events } = told(changed, away, away, {});
    expect(events).toEqual([
      expect.stringMatching(/^Warning RevocationPending: edge-1 has not confirmed .*reader/),
      expect.stringMatching(/^Normal Revoked: every cluster has confirmed .*reader$/),
    ]);
  });

  test('that is gone it is told where somebody waited for it', () => {
    const deleted = aBindingOf(['anna'], { metadata: { uid: 'uid', deletionTimestamp: '2026-01-01T00:00:00Z' } });
    expect(revokedEvents(deleted)).toEqual([]);
    const { binding } = told(deleted, { pending: ['edge-1'], obstacle: OFFLINE });
    expect(revokedEvents(binding).map(({ reason }) => reason)).toEqual(['Revoked']);
  });
});

test('of a ClusterAccess it is told that it is issued, is over and is refused, once for each reason', () => {
  let access: ClusterAccess = {
    apiVersion: 'paddock.dev/v1alpha1',
    kind: 'ClusterAccess',
    metadata: { name: 'mine', namespace: 'c-edge-1', uid: 'uid', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { user: 'anna' },
  };
  const events: string[] = [];
  const reports: Pick<AccessReport, 'reason' | 'pending'>[] = [
    { reason: 'NotBound' },
    { reason: 'NotBound' },
    { reason: 'Issued' },
    { reason: 'Expired', pending: true },
    { reason: undefined },
  ];
  for (const report of reports) {
    const conditions = accessConditions(access, { cluster: 'edge-1', ...report });
    const status = {
      conditions: conditions.map(condition => ({ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' })),
    };
    events.push(...accessEvents(access, status).map(({ type, reason }) => `${type} ${reason}`));
    access = { ...access, status };
  }
  expect(events).toEqual(['Warning NotBound', 'Normal Issued', 'Normal Expired']);
});
