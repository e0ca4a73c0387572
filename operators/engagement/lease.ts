import { clusterNamespace, GROUP } from '#api';
import { type LeaderElectionOptions, type Lease, Leases, type ResourceType } from '#runtime';
import type { Problem } from './heartbeat.ts';

/**
 * The Lease in `c-<cluster>` whose holder alone writes to the cluster: the hub, for all of its operators, or the
 * cluster's agent. See docs/decisions/0013.
 */
export const ENGAGEMENT_LEASE = 'engagement';

export const EngagementLeases: ResourceType<Lease> = Leases;

type Times = Required<Pick<LeaderElectionOptions, 'leaseMs' | 'renewDeadlineMs' | 'renewMs' | 'retryMs'>>;

/** A restart of the cluster operator, 20 s at most, goes unnoticed: the last renewal is 11 s old when it begins. */
export const HUB_TIMES: Times = { leaseMs: 45_000, renewDeadlineMs: 35_000, renewMs: 10_000, retryMs: 2_000 };

/** The hub takes the lease of an agent that is gone for good after this. */
export const AGENT_TIMES: Times = { leaseMs: 30_000, renewDeadlineMs: 20_000, renewMs: 10_000, retryMs: 2_000 };

/** The hub's identity as the holder for a Cluster: that of all its operators, whichever process runs them. */
export function hubIdentity(clusterUid: string): string {
  return `hub/${clusterUid}`;
}

/** The agents' of a Cluster, whichever of its replicas is active. */
export function agentIdentity(clusterUid: string): string {
  return `agent/${clusterUid}`;
}

/** The hub's while it gives the lease up: its operators stop, and nobody begins. */
export function leavingIdentity(clusterUid: string): string {
  return `${hubIdentity(clusterUid)}/leaving`;
}

const WRITER_PREFIX = `${GROUP}/writer.`;

/** Where a hub operator says, on the Lease, that it writes to the cluster; the value is since when. */
export function writerAnnotation(fieldManager: string): string {
  return `${WRITER_PREFIX}${fieldManager}`;
}

/** The hub's operators that write to the cluster. */
export function writersOf({ metadata }: Lease): string[] {
  const keys = Object.keys(metadata?.annotations ?? {}).filter(key => key.startsWith(WRITER_PREFIX));
  return keys.map(key => key.slice(WRITER_PREFIX.length));
}

/** Where the Lease of a cluster is. */
export function engagementKey(cluster: string): { namespace: string; name: string } {
  return { namespace: clusterNamespace(cluster), name: ENGAGEMENT_LEASE };
}

/** Why one that does not hold the Lease writes nothing; `holder` is who has it, if that is known. */
export function engagingProblem(cluster: string, holder: string | undefined): Problem {
  const { namespace, name } = engagementKey(cluster);
  const lease = `Lease ${namespace}/${name}`;
  const message =
    holder === undefined
      ? `nothing is written to the cluster: ${lease} could not be written; it is tried again`
      : `nothing is written to the cluster yet: ${describe(holder)} holds ${lease}; it is taken when that gives it up or no longer renews it`;
  return { reason: 'Engaging', message, terminal: false };
}

function describe(holder: string): string {
  if (holder.startsWith('agent/')) return `its agent (for the Cluster with uid ${holder.slice('agent/'.length)})`;
  if (holder.endsWith('/leaving')) return 'the hub, which is about to stop writing,';
  return holder.startsWith('hub/') ? `the hub (for the Cluster with uid ${holder.slice('hub/'.length)})` : holder;
}
