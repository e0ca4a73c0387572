import type { ClusterAccess, ClusterAccessStatus, RoleTemplateBinding, RoleTemplateBindingStatus } from '#api';
import { type Condition, type EventIntent, findCondition, isConditionTrue } from '#runtime';

type Conditions = readonly Condition[] | undefined;

/** What ends by itself, and begins for all bindings of a cluster at once: the Cluster has the event. */
const UNTOLD_OF_BINDINGS = ['Pending', 'ClusterNotConnected'];
/** What the person did themselves, just now: one too many is refused without filling the namespace with events. */
const UNTOLD_OF_ACCESSES = ['Deleting', 'Paused', 'TooMany'];
/** What an access is meant to come to. */
const USUAL_OF_ACCESSES = ['Issued', 'Expired'];

/**
 * The events that a change of a binding's status makes, none where reasons are as before: that it can't be given, and
 * that it is in force after all; that somebody may still have a role who lost it, and that they have it no more.
 */
export function bindingEvents(binding: RoleTemplateBinding, after: RoleTemplateBindingStatus): EventIntent[] {
  const { conditions: before } = binding.status ?? {};
  return [...obstacleEvents(before, after.conditions), ...revocationEvents(binding, after.conditions)];
}

function obstacleEvents(before: Conditions, after: Conditions): EventIntent[] {
  const was = obstacleIn(before);
  const is = obstacleIn(after);
  if (is && is.reason !== was?.reason) return [event('Warning', is.reason, 'Bind', is.message)];
  const ready = findCondition(after, 'Ready');
  if (was && ready?.status === 'True') return [event('Normal', ready.reason, 'Bind', ready.message)];
  return [];
}

function obstacleIn(conditions: Conditions): Condition | undefined {
  const ready = findCondition(conditions, 'Ready');
  return ready?.status === 'False' && !UNTOLD_OF_BINDINGS.includes(ready.reason) ? ready : undefined;
}

function revocationEvents(binding: RoleTemplateBinding, after: Conditions): EventIntent[] {
  const was = isConditionTrue(binding.status?.conditions, 'RevocationPending');
  const is = findCondition(after, 'RevocationPending');
  if (is && !was) return [event('Warning', 'RevocationPending', 'Revoke', is.message)];
  return was && !is ? revokedEvents(binding) : [];
}

/** The event of a binding that every cluster has confirmed, where one was waited for. */
export function revokedEvents({ spec, status }: RoleTemplateBinding): EventIntent[] {
  if (!isConditionTrue(status?.conditions, 'RevocationPending')) return [];
  const note = `every cluster has confirmed that those taken out of this binding have lost role ${spec.roleTemplateName}`;
  return [event('Normal', 'Revoked', 'Revoke', note)];
}

/** The events that a change of a ClusterAccess's status makes: issued, over, refused. None tells more than the status. */
export function accessEvents({ status: before }: ClusterAccess, after: ClusterAccessStatus): EventIntent[] {
  const ready = findCondition(after.conditions, 'Ready');
  const was = findCondition(before?.conditions, 'Ready');
  if (!ready || ready.reason === was?.reason || UNTOLD_OF_ACCESSES.includes(ready.reason)) return [];
  const type = USUAL_OF_ACCESSES.includes(ready.reason) ? 'Normal' : 'Warning';
  return [event(type, ready.reason, 'Issue', ready.message)];
}

function event(type: EventIntent['type'], reason: string, action: string, note: string): EventIntent {
  return { type, reason, action, note };
}
