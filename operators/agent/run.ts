import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ClusterResource, GROUP, SYSTEM_NAMESPACE } from '#api';
import {
  Client,
  type Clock,
  type Credentials,
  errorMessage,
  LeaderElection,
  type Logger,
  Manager,
  type ManagerOptions,
  type ServingOptions,
  systemClock,
  Transport,
  type TransportOptions,
} from '#runtime';
import { parseDuration } from '../engagement/duration.ts';
import { AGENT_TIMES, agentIdentity, engagementKey } from '../engagement/lease.ts';
import { setUpAgentProjects } from '../project/agent.ts';
import { setUpAgentAccess } from '../rbac/agent.ts';
import { systemNamespacesFrom } from '../settings.ts';
import { HubCredential } from './credential.ts';
import { HandBack } from './hand-back.ts';
import { Heartbeats } from './heartbeat.ts';
import { HubCluster } from './hub-cluster.ts';
import { type Registration, RegistrationError, readRegistration } from './manifest-secret.ts';
import { ObservedStatus } from './observed.ts';
import { OwnCluster } from './own-cluster.ts';

export interface AgentOptions extends Pick<ManagerOptions, 'timings' | 'freeze'> {
  /** How this process reaches the cluster that it runs in. */
  readonly downstream: Credentials;
  readonly log: Logger;
  /** Unique among replicas [host name and a random part]. */
  readonly identity?: string;
  /** Where /healthz, /readyz and /metrics are served [nowhere]. */
  readonly serving?: ServingOptions;
  /** Namespaces of project `system` beside those of Kubernetes. */
  readonly systemNamespaces?: readonly string[];
  /** Of Paddock; shown in the Cluster's status. */
  readonly version: string;
  /** Timings of the choice between replicas. */
  readonly leaderElection?: { readonly leaseMs?: number; readonly renewDeadlineMs?: number; readonly retryMs?: number };
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
  readonly clock?: Clock;
}

/** The Lease downstream that one of the replicas holds. */
const LEASE = 'paddock-agent';
const DEFAULT_INTERVAL = '5s';
const READYZ_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

/**
 * Runs the agent in the cluster that the credentials lead to. Resolves after a stop in good order; rejects when the
 * process must end: RegistrationError says what a person has to do.
 */
export async function runAgent(options: AgentOptions, stop: AbortSignal): Promise<void> {
  const { downstream, log, transport: observed, clock = systemClock } = options;
  const identity = options.identity ?? `${hostname()}_${randomBytes(6).toString('hex')}`;
  const transport = new Transport({ ...observed, credentials: downstream });
  try {
    const client = new Client(transport, { fieldManager: 'paddock-agent' });
    const credential = new HubCredential({ downstream: client, clock, log, signal: stop });
    const registration = await register(client, credential, { log, clock, stop });
    if (registration) await work({ ...options, clock, identity, credential, registration, client }, stop);
  } finally {
    await transport.close();
  }
}

/** Waits for the hub as long as it does not answer; an answer that a person has to act on ends the process. */
async function register(
  client: Client,
  credential: HubCredential,
  { log, clock, stop }: { readonly log: Logger; readonly clock: Clock; readonly stop: AbortSignal },
): Promise<Registration | undefined> {
  for (let failures = 0; !stop.aborted; failures += 1) {
    try {
      await credential.resolve();
      return await readRegistration(client, stop);
    } catch (error) {
      if (error instanceof RegistrationError) throw error;
      log.warn({ reason: errorMessage(error) }, 'not registered yet; trying again');
      await clock.sleep(Math.random() * Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), stop);
    }
  }
  return undefined;
}

interface Work extends AgentOptions {
  readonly clock: Clock;
  readonly identity: string;
  readonly credential: HubCredential;
  readonly registration: Registration;
  /** Of the cluster that the process runs in. */
  readonly client: Client;
}

async function work(options: Work, stop: AbortSignal): Promise<void> {
  const { downstream, credential, registration, identity, log, clock, serving, timings, freeze, transport } = options;
  const { cluster: name, clusterUid, hub: hubUid } = registration;
  const end = new AbortController();
  const hubCluster = new HubCluster({
    registration,
    downstream: options.client,
    onMismatch: error => end.abort(error),
  });
  const manager = new Manager({
    ...transport,
    credentials: credential,
    controllerName: `${GROUP}/agent`,
    numberedEvents: { prefix: 'agent', count: 1_000 }, // a policy of the hub refuses other names
    fieldManager: 'paddock-agent',
    identity,
    log,
    // the hub is the one of the manifest as long as it has the Cluster that the manifest was made for
    identify: async (hub, call) => {
      await hubCluster.read(hub, call);
      return hubUid;
    },
    leaderElection: {
      ...options.leaderElection,
      credentials: downstream,
      namespace: SYSTEM_NAMESPACE,
      names: [LEASE],
    },
    ...(serving ? { serving } : {}),
    ...(timings ? { timings } : {}),
    ...(freeze === undefined ? {} : { freeze }),
  });
  const own = manager.hub.cache.informer(ClusterResource, { fieldSelector: `metadata.name=${name}` });
  const hubTransport = () => new Transport({ credentials: credential, maxInFlight: 2 });
  const leases = new Client(hubTransport(), { fieldManager: 'paddock-agent' });
  const engagement = new LeaderElection({
    ...AGENT_TIMES,
    ...engagementKey(name),
    client: leases,
    // of its replicas one is active, by the Lease downstream: its successor goes on at once
    identity: agentIdentity(clusterUid),
    log,
  });
  const handBack = new HandBack({
    registration,
    own,
    read: signal => hubCluster.read(manager.hub.client, { signal }),
    engagement,
    tell: () => heartbeats.now(),
    released: () => end.abort(),
    clock,
    log,
  });
  const cluster = new OwnCluster({
    manager,
    handBack,
    registration,
    credentials: downstream,
    engagement,
    onChange: () => void heartbeats.now(),
    clock,
    ...(transport ? { transport } : {}),
  });
  setUpAgentProjects({
    manager,
    cluster: name,
    clusters: own,
    systemNamespaces: systemNamespacesFrom(options.systemNamespaces ?? []),
  });
  setUpAgentAccess({ manager, cluster: name, clusters: own });
  const intervalMs = () => parseDuration(own.get({ name })?.spec.heartbeat?.interval ?? DEFAULT_INTERVAL);
  const heartbeats = new Heartbeats({
    cluster: name,
    identity,
    transport: hubTransport(),
    report: async signal => {
      // a server that says nothing must not keep the heartbeat that tells of it
      const unhealthy = await cluster.unhealthy(Math.min(READYZ_MS, intervalMs()), signal);
      const { problem, settling, policiesProven } = cluster;
      const { report } = handBack;
      return {
        version: options.version,
        ...(unhealthy ? { unhealthy } : {}),
        ...(problem ? { problem } : {}),
        ...(settling ? { settling } : {}),
        ...(policiesProven ? { policiesProven } : {}),
        ...(report ? { handBack: report } : {}),
      };
    },
    intervalMs,
    writeGuard: manager.writeGuard,
    clock,
    log,
  });
  manager.add(credential);
  manager.add(
    new ObservedStatus({
      manager,
      clusters: own,
      cluster: { name, uid: clusterUid },
      identity: () => cluster.identity,
      clock,
    }),
  );
  manager.add(cluster);
  manager.add(heartbeats);
  log.info({ cluster: name, hub: registration.server, uid: clusterUid, hubUid }, 'the agent works for this cluster');
  try {
    await manager.run(AbortSignal.any([stop, end.signal]));
  } catch (error) {
    // the agent's rights went before it
    if (handBack.report?.stage !== 'released') throw error;
  } finally {
    await leases.transport.close();
  }
  if (end.signal.reason instanceof RegistrationError) throw end.signal.reason;
  if (handBack.report?.stage === 'released') log.info({ cluster: name }, 'the cluster was handed back: the agent ends');
}
