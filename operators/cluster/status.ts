import { type Cluster, type ClusterStatus, clusterNamespace } from '#api';
import { type Condition, type ConditionIntent, findCondition, jsonEqual, mergeConditions, timestamp } from '#runtime';
import type { ConnectionState } from './connection.ts';
import type { Observation } from './session.ts';
import { NEW_KUBECONFIG_FAILS } from './trial.ts';

/** How it stands with the cluster's namespace in the hub. */
export interface NamespaceState {
  readonly state: 'ready' | 'terminating' | 'conflict' | 'failed';
  /** What to do about it; empty when ready. */
  readonly message: string;
}

export interface StatusInputs {
  readonly cluster: Cluster;
  readonly namespace: NamespaceState;
  readonly connection: ConnectionState;
  readonly observation: Observation;
  /** Wall clock, ms. */
  readonly now: number;
}

/** The conditions of this operator; others in the status are somebody else's. */
const OWN_CONDITIONS = ['Connected', 'Ready', 'Reconciling', 'Stalled', 'Paused'];
const OWN_FIELDS = [
  'observedGeneration',
  'namespace',
  'apiServer',
  'version',
  'distribution',
  'lastHeartbeat',
] as const;

/** Verdicts on a connection that a new look at it may confirm: they stay until it is done. */
const KEPT_CONNECTED = [
  'Connected',
  NEW_KUBECONFIG_FAILS,
  'HeartbeatLost',
  'Unreachable',
  'Unauthorized',
  'TLSInvalid',
  'APIUnhealthy',
];
const KEPT_STALLED = ['AlreadyClaimed', 'VersionUnsupported'];

/** The whole status that this operator answers for. What was not learnt yet stays as it is. */
export function desiredStatus(inputs: StatusInputs): ClusterStatus {
  const { cluster, observation, now } = inputs;
  const { metadata, status = {} } = cluster;
  const identity = observation.identity ?? status;
  const connected = connectedCondition(inputs);
  const changed = findCondition(status.conditions, 'Connected')?.status !== connected.status;
  const seen = observation.lastHeartbeatAt === undefined ? undefined : timestamp(observation.lastHeartbeatAt);
  const lastHeartbeat = (changed ? seen : undefined) ?? status.lastHeartbeat;
  const { generation = 0 } = metadata;
  return {
    observedGeneration: generation,
    namespace: clusterNamespace(metadata.name ?? ''),
    ...(identity.apiServer ? { apiServer: identity.apiServer } : {}),
    ...(identity.version ? { version: identity.version } : {}),
    ...(identity.distribution ? { distribution: identity.distribution } : {}),
    ...(lastHeartbeat ? { lastHeartbeat } : {}),
    conditions: mergeConditions(status.conditions, conditions(inputs, connected), {
      now,
      observedGeneration: generation,
    }),
  };
}

/** The status of a paused Cluster: all as it was, and the condition Paused. */
export function pausedStatus({ status = {} }: Cluster, now: number): ClusterStatus {
  const kept = own(status);
  const message = 'the annotation paddock.dev/paused stops Paddock here: remove it to go on';
  const intent: ConditionIntent = { type: 'Paused', status: 'True', reason: 'Paused', message };
  const others = (kept.conditions ?? []).filter(({ type }) => type !== 'Paused');
  return { ...kept, conditions: [...others, ...mergeConditions(status.conditions, [intent], { now })] };
}

/** Whether writing `wanted` would change nothing. */
export function isStatusCurrent(cluster: Cluster, wanted: ClusterStatus): boolean {
  return jsonEqual(comparable(own(cluster.status ?? {})), comparable(wanted));
}

function conditions(inputs: StatusInputs, connected: ConditionIntent): ConditionIntent[] {
  const stalled = stalledCondition(inputs);
  const ready = stalled ? { ...stalled, type: 'Ready', status: 'False' as const } : readyCondition(inputs, connected);
  const working = !stalled && WORK_IN_PROGRESS.includes(ready.reason);
  const reconciling = working ? [{ ...ready, type: 'Reconciling', status: 'True' as const }] : [];
  return [connected, ready, ...reconciling, ...(stalled ? [stalled] : [])];
}

/** Reasons of Ready that go by themselves, or are tried again. */
const WORK_IN_PROGRESS = ['Connecting', 'NamespaceTerminating', 'NamespaceFailed', 'ClaimFailed'];

function connectedCondition({ cluster, namespace, connection, observation }: StatusInputs): ConditionIntent {
  if (namespace.state === 'conflict')
    return { type: 'Connected', status: 'Unknown', reason: 'NamespaceConflict', message: namespace.message };
  if (connection.kind === 'none') return connection.connected;
  if (observation.connected) return observation.connected;
  const before = existing(cluster, 'Connected', KEPT_CONNECTED);
  return (
    before ?? {
      type: 'Connected',
      status: 'Unknown',
      reason: 'Connecting',
      message: 'the cluster is asked for the first time',
    }
  );
}

function stalledCondition({ cluster, namespace, connection, observation }: StatusInputs): ConditionIntent | undefined {
  if (namespace.state === 'conflict') return stalledFor({ reason: 'NamespaceConflict', message: namespace.message });
  if (connection.kind === 'none') return connection.stalled;
  const { claim } = observation;
  if (claim === undefined) return existing(cluster, 'Stalled', KEPT_STALLED);
  return claim !== 'ours' && claim.terminal ? stalledFor(claim) : undefined;
}

function stalledFor({ reason, message }: { reason: string; message: string }): ConditionIntent {
  return { type: 'Stalled', status: 'True', reason, message };
}

/** Condition Ready of a Cluster that is not stalled. */
function readyCondition(
  { cluster, namespace, observation }: StatusInputs,
  connected: ConditionIntent,
): ConditionIntent {
  const type = 'Ready';
  if (namespace.state === 'terminating' || namespace.state === 'failed') {
    const reason = namespace.state === 'terminating' ? 'NamespaceTerminating' : 'NamespaceFailed';
    return { type, status: 'False', reason, message: namespace.message };
  }
  if (connected.status !== 'True') return { ...connected, type };
  const { claim } = observation;
  if (claim === 'ours')
    return { type, status: 'True', reason: 'Ready', message: 'the cluster is connected and belongs to this Cluster' };
  if (claim) return { type, status: 'False', reason: claim.reason, message: claim.message };
  const before = existing(cluster, type, ['Ready']);
  return (
    before ?? {
      type,
      status: 'Unknown',
      reason: 'Connecting',
      message: 'the cluster answers and is about to be claimed',
    }
  );
}

/** The condition as it stands, if its reason is one of these. */
function existing(cluster: Cluster, type: string, reasons: readonly string[]): ConditionIntent | undefined {
  const before = findCondition(cluster.status?.conditions, type);
  if (!before || !reasons.includes(before.reason)) return undefined;
  const { status, reason, message } = before;
  return { type, status, reason, message };
}

function own(status: ClusterStatus): ClusterStatus {
  const fields = OWN_FIELDS.filter(name => status[name] !== undefined).map(name => [name, status[name]]);
  const conditions = status.conditions?.filter(({ type }) => OWN_CONDITIONS.includes(type));
  return { ...Object.fromEntries(fields), ...(conditions ? { conditions } : {}) };
}

/** Conditions are a map by type; their order says nothing. */
function comparable({ conditions = [], ...fields }: ClusterStatus): object {
  const byType = [...conditions].sort((a: Condition, b: Condition) => (a.type < b.type ? -1 : 1));
  return { ...fields, conditions: byType };
}
