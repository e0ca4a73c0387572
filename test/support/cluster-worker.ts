import type { OperatorName } from '../../operators/run.ts';
import { agentKubeconfig, BY_AGENT, type RunningAgent, superviseAgent } from './agents.ts';
import type { Fleet } from './fleet.ts';
import type { OperatorProcess, OperatorProcesses } from './operator-process.ts';
import type { RunningOperators } from './operators.ts';

/** Of every agent here: each takes over the Leases of the one before at once, as if it were started again. */
export const AGENT_IDENTITY = 'agent';

/**
 * Who works on cluster `edge-1` for an operator, as a test stops and starts it: the operator itself, or the agent where
 * the cluster is connected by one; the operator in the hub then goes on running.
 */
export class ClusterWorker {
  readonly #fleet: Fleet;
  readonly #operator: OperatorName;
  #running: RunningAgent | RunningOperators;

  constructor(fleet: Fleet, operator: OperatorName) {
    this.#fleet = fleet;
    this.#operator = operator;
    if (BY_AGENT) fleet.start([operator]);
    this.#running = this.#begin();
  }

  start(): void {
    this.#running = this.#begin();
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  #begin(): RunningAgent | RunningOperators {
    return BY_AGENT
      ? superviseAgent(this.#fleet.edge(), { identity: AGENT_IDENTITY })
      : this.#fleet.start([this.#operator]);
  }
}

/** Another process that does the worker's work until it has made so many writes. */
export function startMortalWorker(
  processes: OperatorProcesses,
  { fleet, operator, killAtWrite }: { fleet: Fleet; operator: OperatorName; killAtWrite: number },
): OperatorProcess {
  const who = BY_AGENT
    ? { operators: ['agent'] as const, kubeconfig: agentKubeconfig(fleet.edge()), identity: AGENT_IDENTITY }
    : { operators: [operator], kubeconfig: fleet.operatorKubeconfig(operator) };
  // one request at a time, so that what has been written when it dies is the first n of the writes, and no other
  return processes.start({ ...who, killAtWrite, maxInFlight: 1 });
}
