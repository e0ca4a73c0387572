import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { fieldManager, GROUP, SYSTEM_NAMESPACE } from '#api';
import {
  type Credentials,
  type Logger,
  Manager,
  type ManagerOptions,
  type ServingOptions,
  type TransportOptions,
} from '#runtime';
import { setUpCluster } from './cluster/main.ts';
import { setUpProject } from './project/main.ts';
import { setUpRbac } from './rbac/main.ts';
import { type OperatorContext, type SetUp, systemNamespacesFrom } from './settings.ts';

/** Every operator by the name that `paddock run` knows. */
export const OPERATORS = { cluster: setUpCluster, project: setUpProject, rbac: setUpRbac } as const satisfies Record<
  string,
  SetUp
>;

export type OperatorName = keyof typeof OPERATORS;

export function isOperatorName(name: string): name is OperatorName {
  return Object.hasOwn(OPERATORS, name);
}

export interface RunOptions
  extends Pick<ManagerOptions, 'timings' | 'freeze'>,
    Pick<OperatorContext, 'systemNamespaces' | 'hubAddress' | 'agentImage' | 'clusterLimits' | 'projectLimits'> {
  readonly operators: readonly OperatorName[];
  readonly hubCredentials: Credentials;
  readonly log: Logger;
  /** Unique among replicas [host name and a random part]. */
  readonly identity?: string;
  /** Where the leases live [paddock-system]. */
  readonly namespace?: string;
  /** Where /healthz, /readyz and /metrics are served [nowhere]. */
  readonly serving?: ServingOptions;
  /** Timings of leader election; `false` for a single process in a test. */
  readonly leaderElection?:
    | false
    | { readonly leaseMs?: number; readonly renewDeadlineMs?: number; readonly retryMs?: number };
  /** Passed on to every connection, hub and downstream. */
  readonly transport?: Pick<TransportOptions, 'afterWrite' | 'maxInFlight'>;
}

/**
 * Runs the named operators in this process, sharing one connection and one cache of the hub. Resolves
 * after a stop in good order; rejects when the process must end.
 */
export async function runOperators(options: RunOptions, stop: AbortSignal): Promise<void> {
  const { operators, hubCredentials, log, serving, timings, freeze, transport, hubAddress, agentImage } = options;
  const { clusterLimits, projectLimits } = options;
  const identity = options.identity ?? `${hostname()}_${randomBytes(6).toString('hex')}`;
  const systemNamespaces = systemNamespacesFrom(options.systemNamespaces ?? []);
  const names = operators.map(operator => fieldManager(operator));
  const election = options.leaderElection;
  const manager = new Manager({
    credentials: hubCredentials,
    controllerName: operators.length === 1 ? `${GROUP}/${operators[0]}` : GROUP,
    fieldManager: names[0] ?? '',
    identity,
    log,
    ...transport,
    ...(serving ? { serving } : {}),
    ...(timings ? { timings } : {}),
    ...(freeze === undefined ? {} : { freeze }),
    ...(election === false
      ? {}
      : { leaderElection: { ...election, namespace: options.namespace ?? SYSTEM_NAMESPACE, names } }),
  });
  const context: OperatorContext = {
    manager,
    hubCredentials,
    systemNamespaces,
    ...(hubAddress ? { hubAddress } : {}),
    ...(agentImage ? { agentImage } : {}),
    ...(clusterLimits ? { clusterLimits } : {}),
    ...(projectLimits ? { projectLimits } : {}),
    ...(transport ? { transport } : {}),
  };
  for (const operator of operators) OPERATORS[operator](context);
  await manager.run(stop);
}
