import type { ClusterStatus } from '#api';
import { type EventIntent, findCondition } from '#runtime';

import { NEW_KUBECONFIG_FAILS } from './trial.ts';

/** What stalls a Cluster and is worth an event when it begins. */
const STALLED_EVENTS = ['AlreadyClaimed', 'NamespaceConflict'];

/** Reasons of a Connected that is True by the kubeconfig before. */
const NOT_TAKEN = [NEW_KUBECONFIG_FAILS, 'KubeconfigInvalid', 'KubeconfigRefused'];

/** The events that a change of status makes: none where nothing changed. */
export function statusEvents(before: ClusterStatus | undefined, after: ClusterStatus): EventIntent[] {
  return [...connectionEvents(before, after), ...stalledEvents(before, after)];
}

function connectionEvents(before: ClusterStatus | undefined, after: ClusterStatus): EventIntent[] {
  const was = findCondition(before?.conditions, 'Connected');
  const is = findCondition(after.conditions, 'Connected');
  if (is?.status === 'True' && NOT_TAKEN.includes(is.reason) && was?.reason !== is.reason)
    return [{ type: 'Warning', reason: is.reason, action: 'Reconnect', note: is.message }];
  if (!is || (was?.status === 'True') === (is.status === 'True')) return [];
  if (is.status === 'True') return [{ type: 'Normal', reason: 'Connected', action: 'Probe', note: is.message }];
  return [{ type: 'Warning', reason: 'Disconnected', action: 'Probe', note: `${is.reason}: ${is.message}` }];
}

function stalledEvents(before: ClusterStatus | undefined, after: ClusterStatus): EventIntent[] {
  const was = findCondition(before?.conditions, 'Stalled');
  const is = findCondition(after.conditions, 'Stalled');
  if (!is || is.reason === was?.reason || !STALLED_EVENTS.includes(is.reason)) return [];
  return [{ type: 'Warning', reason: is.reason, action: 'Reconcile', note: is.message }];
}
