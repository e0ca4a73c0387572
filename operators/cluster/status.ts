import { type Cluster, type ClusterStatus, clusterNamespace } from '#api';
import {
  type Condition,
  type ConditionIntent,
  findCondition,
  jsonEqual,
  type KubeObject,
  mergeConditions,
  timestamp,
} from '#runtime';
import { isByAgent } from '../engagement/agent.ts';
import type { ConnectionState } from './connection.ts';
import {
  existing,
  OBSERVED_CONDITIONS,
  OBSERVED_FIELDS,
  type Observed,
  observedConditions,
  observedFields,
} from './observed.ts';
import { registrationState, renewalAdvice, waitingRegistration } from './registration/secret.ts';
import type { Observation } from './session.ts';
import { NEW_KUBECONFIG_FAILS } from './trial.ts';

/** How it stands with the cluster's namespace in the hub. */
export interface NamespaceState {
  readonly state: 'ready' | 'terminating' | 'conflict' | 'failed';
  /** What to do about it; empty when ready. */
  readonly message: string;
  /** Of one that is being deleted: finalizers keep what is in it. */
  readonly isKept?: boolean;
}

export interface StatusInputs {
  readonly cluster: Cluster;
  readonly namespace: NamespaceState;
  readonly connection: ConnectionState;
  readonly observation: Observation;
  /** For a cluster by agent: the metadata of its Secret `registration`. */
  readonly registration?: KubeObject | undefined;
  /** For a cluster by agent: no manifest can be made. */
  readonly hubAddressUnknown?: boolean;
  /** Wall clock, ms. */
  readonly now: number;
}

/** The conditions of this operator; others in the status are somebody else's. */
const OWN_CONDITIONS = ['Connected', 'Ready', 'Reconciling', 'Stalled', 'Paused'];
/** Of the status of a Cluster by agent the fields that no agent writes. */
export const OWN_FIELDS = [
  'observedGeneration',
  'namespace',
  'lastHeartbeat',
  'agent',
  'registration',
  'policiesEnforced',
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
  const connected = connectedCondition(inputs);
  const changed = findCondition(status.conditions, 'Connected')?.status !== connected.status;
  const seen = observation.lastHeartbeatAt === undefined ? undefined : timestamp(observation.lastHeartbeatAt);
  const lastHeartbeat = (changed ? seen : undefined) ?? status.lastHeartbeat;
  const { generation = 0 } = metadata;
  return {
    observedGeneration: generation,
    namespace: clusterNamespace(metadata.name ?? ''),
    ...(lastHeartbeat ? { lastHeartbeat } : {}),
    ...policiesEnforced(inputs, connected),
    ...(isByAgent(cluster) ? agentFields(inputs) : observedFields(observed(inputs, connected), status)),
    conditions: mergeConditions(status.conditions, conditions(inputs, connected), {
      now,
      observedGeneration: generation,
    }),
  };
}

/** The status of a paused Cluster: all as it was, and the condition Paused. */
export function pausedStatus(cluster: Cluster, now: number): ClusterStatus {
  const { status = {} } = cluster;
  const kept = own(cluster);
  const message = 'the annotation paddock.dev/paused stops Paddock here: remove it to go on';
  const intent: ConditionIntent = { type: 'Paused', status: 'True', reason: 'Paused', message };
  const others = (kept.conditions ?? []).filter(({ type }) => type !== 'Paused');
  return { ...kept, conditions: [...others, ...mergeConditions(status.conditions, [intent], { now })] };
}

/** Whether writing `wanted` would change nothing. */
export function isStatusCurrent(cluster: Cluster, wanted: ClusterStatus): boolean {
  return jsonEqual(comparable(own(cluster)), comparable(wanted));
}

function conditions(inputs: StatusInputs, connected: ConditionIntent): ConditionIntent[] {
  const stalled = stalledCondition(inputs);
  const ready = stalled ? { ...stalled, type: 'Ready', status: 'False' as const } : readyCondition(inputs, connected);
  const working = !stalled && WORK_IN_PROGRESS.includes(ready.reason);
  const reconciling = working ? [{ ...ready, type: 'Reconciling', status: 'True' as const }] : [];
  const { cluster } = inputs;
  const seen = isByAgent(cluster) ? [] : observedConditions(observed(inputs, connected), cluster.status ?? {});
  return [connected, ready, ...seen, ...reconciling, ...(stalled ? [stalled] : [])];
}

/**
 * Whether the cluster was seen to enforce its admission policies: what they guard is given by this field alone. Not known
 * while the cluster is not connected, since another API server may come back, nor after a change of the spec.
 */
function policiesEnforced(
  { cluster, observation }: StatusInputs,
  connected: ConditionIntent,
): Pick<ClusterStatus, 'policiesEnforced'> {
  const { status = {}, metadata } = cluster;
  if (connected.status !== 'True') return {};
  const { policies } = observation;
  if (policies !== undefined) return { policiesEnforced: policies === 'inPlace' };
  const isOfThisSpec = status.observedGeneration === metadata.generation;
  return isOfThisSpec && status.policiesEnforced !== undefined ? { policiesEnforced: status.policiesEnforced } : {};
}

/** What was seen in the cluster: of its inventory nothing new while it is not connected. */
function observed({ observation }: StatusInputs, connected: ConditionIntent): Observed {
  const { identity } = observation;
  const inventory = connected.status === 'True' ? observation.inventory : undefined;
  return { ...(identity ? { identity } : {}), inventory };
}

function agentFields({ cluster, observation, registration }: StatusInputs): ClusterStatus {
  const agent = observation.agent ?? cluster.status?.agent;
  const waiting = waitingRegistration(registration);
  return { ...(agent ? { agent } : {}), ...(waiting ? { registration: waiting } : {}) };
}

/** Reasons of Ready that go by themselves, or are tried again. */
const WORK_IN_PROGRESS = [
  'Connecting',
  'NamespaceTerminating',
  'NamespaceFailed',
  'ClaimFailed',
  'Engaging',
  'PoliciesNotInstalled',
];

function connectedCondition(inputs: StatusInputs): ConditionIntent {
  const { cluster, namespace, connection, observation } = inputs;
  if (namespace.state === 'conflict')
    return { type: 'Connected', status: 'Unknown', reason: 'NamespaceConflict', message: namespace.message };
  if (connection.kind === 'none') return (connection.refusal && observation.connected) ?? connection.connected;
  if (connection.kind === 'agent' && !cluster.status?.lastHeartbeat && !observation.lastHeartbeatAt)
    return waitingForAgent(inputs);
  if (observation.connected) return observation.connected;
  const before = existing(cluster.status, 'Connected', KEPT_CONNECTED);
  return (
    before ?? {
      type: 'Connected',
      status: 'Unknown',
      reason: 'Connecting',
      message: 'the cluster is asked for the first time',
    }
  );
}

/** No agent has ever reported: what a person has to do for that. */
function waitingForAgent({ cluster, registration, hubAddressUnknown }: StatusInputs): ConditionIntent {
  const name = cluster.metadata.name ?? '';
  const namespace = clusterNamespace(name);
  const advice =
    registrationState(registration).kind === 'waiting'
      ? `apply its manifest there: kubectl -n ${namespace} get secret registration -o jsonpath='{.data.agent\\.yaml}' | base64 -d | kubectl --context ${name} apply -f -`
      : hubAddressUnknown
        ? 'its manifest can not be made, since how agents reach the hub is not known: start the cluster operator with --hub-url and --hub-ca'
        : `its manifest is not there yet: see Secret ${namespace}/registration`;
  return {
    type: 'Connected',
    status: 'Unknown',
    reason: 'WaitingForAgent',
    message: `no agent has reported: ${advice}`,
  };
}

function stalledCondition(inputs: StatusInputs): ConditionIntent | undefined {
  const { cluster, namespace, connection, observation, registration } = inputs;
  if (namespace.state === 'conflict') return stalledFor({ reason: 'NamespaceConflict', message: namespace.message });
  if (namespace.isKept) return stalledFor({ reason: 'NamespaceTerminating', message: namespace.message });
  if (connection.kind === 'none' && !(connection.refusal && observation.connected)) return connection.stalled;
  const { claim } = observation;
  const state = registrationState(registration);
  if (connection.kind === 'agent' && state.kind === 'spent' && state.why === 'Reused')
    return stalledFor({
      reason: 'RegistrationReused',
      message: `two clusters used one registration token, and what they got for it was revoked: find out how it got to the second, then ${renewalAdvice(cluster.metadata.name ?? '')}`,
    });
  if (claim === undefined) return existing(cluster.status, 'Stalled', KEPT_STALLED);
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
  const before = existing(cluster.status, type, ['Ready', 'Engaging', 'PoliciesNotInstalled']);
  return (
    before ?? {
      type,
      status: 'Unknown',
      reason: 'Connecting',
      message: 'the cluster answers and is about to be claimed',
    }
  );
}

/** Of the status, what this operator writes. */
function own(cluster: Cluster): ClusterStatus {
  const { status = {} } = cluster;
  const agent = isByAgent(cluster);
  const names = agent ? OWN_FIELDS : [...OWN_FIELDS, ...OBSERVED_FIELDS];
  const deleting = cluster.metadata.deletionTimestamp ? ['Cleaned'] : [];
  const types = [...OWN_CONDITIONS, ...deleting, ...(agent ? [] : OBSERVED_CONDITIONS)];
  const fields = names.filter(name => status[name] !== undefined).map(name => [name, status[name]]);
  const conditions = status.conditions?.filter(({ type }) => types.includes(type));
  return { ...Object.fromEntries(fields), ...(conditions ? { conditions } : {}) };
}

/** Conditions are a map by type, unhealthy nodes one by name; their order says nothing. */
function comparable({ conditions = [], nodes, ...fields }: ClusterStatus): object {
  const byType = [...conditions].sort((a: Condition, b: Condition) => (a.type < b.type ? -1 : 1));
  const byName = [...(nodes?.unhealthy ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...fields, nodes: nodes && { ...nodes, unhealthy: byName }, conditions: byType };
}
