import { pino } from 'pino';
import { type Cluster, ClusterResource, clusterNamespace } from '#api';
import { type Clock, type Credentials, type Logger, systemClock, type TransportOptions } from '#runtime';
import { runAgent } from '../../operators/agent/run.ts';
import { eventually } from './eventually.ts';
import { type Fleet, SecretType, type Site } from './fleet.ts';
import { credentialsOf } from './operators.ts';

/** How tests connect their cluster that are run once for each way: see jest.config.js. */
export const BY_AGENT = Reflect.get(globalThis, 'CONNECTION') === 'agent';

/** An agent in this process, as the ServiceAccount that its manifest makes. */
export interface RunningAgent {
  stop(): Promise<void>;
  /** Resolves when the agent has ended by itself; rejects with its reason. */
  readonly ended: Promise<void>;
  /** Every line that it logged, as JSON. */
  readonly logged: readonly string[];
}

/** Creates a Cluster that is connected by agent. */
export async function createAgentCluster(fleet: Fleet, name: string, spec: Partial<Cluster['spec']> = {}) {
  const connection = { agent: {} };
  return await fleet.hub.client.create(
    ClusterResource,
    {},
    {
      apiVersion: 'paddock.dev/v1alpha1',
      kind: 'Cluster',
      metadata: { name },
      spec: { connection, defaultProjects: false, ...spec },
    },
  );
}

/** The manifest that joins the cluster, once it is there. */
export async function manifestOf(fleet: Fleet, name: string, except = ''): Promise<string> {
  const key = { namespace: clusterNamespace(name), name: 'registration' };
  return await eventually(
    async () => {
      const secret = await fleet.hub.client.find(SecretType, key);
      const manifest = Buffer.from(secret?.data?.['agent.yaml'] ?? '', 'base64').toString('utf8');
      return manifest !== '' && manifest !== except ? manifest : undefined;
    },
    { timeoutMs: 30_000, what: `Secret ${key.namespace}/${key.name} holds a manifest` },
  );
}

/** Applies a manifest as the person does who joins the cluster. */
export async function applyManifest(site: Site, manifest: string): Promise<void> {
  const { code, stderr } = await site.controlPlane.kubectl(['apply', '-f', '-'], { input: manifest });
  if (code !== 0) throw new Error(`kubectl apply failed: ${stderr}`);
}

/** Of the choice between replicas: quicker than in production, so that tests need not wait long. */
export const AGENT_TIMINGS = { leaseMs: 4_000, renewDeadlineMs: 3_000, retryMs: 500 };

/** A kubeconfig of the downstream for the ServiceAccount that the manifest makes there. */
export function agentKubeconfig({ controlPlane }: Site): string {
  return controlPlane.kubeconfigFor({
    user: 'system:serviceaccount:paddock-system:paddock-agent',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:paddock-system', 'system:authenticated'],
  });
}

export interface StartAgentOptions {
  readonly identity?: string;
  /** How it reaches its cluster [as the ServiceAccount of its manifest]. */
  readonly downstream?: Credentials;
  readonly clock?: Clock;
  readonly afterWrite?: TransportOptions['afterWrite'];
}

/** Starts the agent of a cluster to which its manifest was applied. */
export function startAgent(site: Site, options: StartAgentOptions = {}): RunningAgent {
  const { identity, clock, afterWrite, downstream = credentialsOf(agentKubeconfig(site)) } = options;
  const stop = new AbortController();
  const logged: string[] = [];
  const ended = runAgent(
    {
      downstream,
      log: recorded(logged),
      version: 'v0.0.0-test',
      freeze: true,
      leaderElection: AGENT_TIMINGS,
      ...(identity === undefined ? {} : { identity }),
      ...(clock ? { clock } : {}),
      ...(afterWrite ? { transport: { afterWrite } } : {}),
    },
    stop.signal,
  );
  ended.catch(() => undefined); // whoever cares awaits it
  return {
    ended,
    logged,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** Keeps what is logged, and prints it where a test is to be watched. */
function recorded(lines: string[]): Logger {
  const write = (line: string) => {
    lines.push(line);
    if (process.env.TEST_LOG_LEVEL !== undefined) process.stdout.write(line);
  };
  return pino({ name: 'agent', level: process.env.TEST_LOG_LEVEL ?? 'info' }, { write });
}

/** Applies the manifest of a Cluster to the downstream once it is there. */
export async function joinByAgent(fleet: Fleet, name: string, site: Site): Promise<void> {
  await applyManifest(site, await manifestOf(fleet, name));
}

/** Starts the agent, and again whenever it ends by itself, as the kubelet does. */
export function superviseAgent(site: Site, options: StartAgentOptions = {}): RunningAgent {
  const stop = new AbortController();
  let agent = startAgent(site, options);
  const ended = (async () => {
    while (!stop.signal.aborted) {
      await agent.ended.catch(() => undefined);
      await systemClock.sleep(500, stop.signal);
      if (!stop.signal.aborted) agent = startAgent(site, options);
    }
  })();
  return {
    ended,
    get logged() {
      return agent.logged;
    },
    stop: async () => {
      stop.abort();
      await agent.stop().catch(() => undefined);
      await ended;
    },
  };
}
