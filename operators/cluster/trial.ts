import {
  ApiError,
  Backoff,
  type Clock,
  type Cluster as ClusterConnection,
  ClusterReplacedError,
  type ConditionIntent,
  ConnectionError,
  errorMessage,
  isForbidden,
  isUnauthorized,
} from '#runtime';
import type { Connection, Refusal } from './connection.ts';
import { outcomeOfError } from './outcome.ts';

/** Reason of a Connected that is True by the kubeconfig before, while the new one does not work. */
export const NEW_KUBECONFIG_FAILS = 'NewKubeconfigFails';

/** What begins to work is taken within 30 s: the longest pause and the longest try together stay below. */
const BACKOFF = { base: 1_000, max: 10_000, resetAfter: 60_000 };

export interface TrialOptions {
  readonly connection: Connection;
  /** What is to go on over the connection. */
  readonly cluster: Pick<ClusterConnection, 'reconnect'>;
  readonly clock: Clock;
  /** Called once, when the cluster has moved. */
  readonly taken: () => void;
  /** Called when {@link Trial.problem} may have changed. */
  readonly failed: () => void;
}

/** A connection that is tried beside the one in use, until it works or nobody wants it any more. */
export class Trial {
  readonly connection: Connection;
  readonly #options: TrialOptions;
  readonly #stop = new AbortController();
  #problem: string | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
    this.connection = options.connection;
    void this.#run();
  }

  /** Why it did not work the last time, and what to do about it. */
  get problem(): string | undefined {
    return this.#problem;
  }

  stop(): void {
    this.#stop.abort(new Error('this connection is not wanted any more'));
  }

  async #run(): Promise<void> {
    const { connection, cluster, clock, taken, failed } = this.#options;
    const { signal } = this.#stop;
    const backoff = new Backoff({ ...BACKOFF, clock });
    while (!signal.aborted) {
      const error = await cluster.reconnect(connection.credentials, signal).then(
        () => undefined,
        (cause: unknown) => ({ cause }),
      );
      if (!error) return taken(); // also when it was stopped in the last moment: the cluster has moved
      if (signal.aborted) return;
      this.#problem = trialProblem(error.cause);
      failed();
      await clock.sleep(backoff.next(), signal);
    }
  }
}

/** Condition Connected while another connection is tried and fails; that of a cluster which is lost stays as it is. */
export function withTrialProblem(
  connected: ConditionIntent | undefined,
  problem: string | undefined,
): ConditionIntent | undefined {
  if (connected?.status !== 'True' || problem === undefined) return connected;
  const message = `${connected.message} by the kubeconfig before; the new one does not work and is tried again: ${problem}`;
  return { ...connected, reason: NEW_KUBECONFIG_FAILS, message };
}

/** Condition Connected while the kubeconfig that is there is refused and the one before works; otherwise as it is. */
export function withRefusal(
  connected: ConditionIntent | undefined,
  refusal: Refusal | undefined,
): ConditionIntent | undefined {
  if (connected?.status !== 'True' || refusal === undefined) return connected;
  const message = `${connected.message} by the kubeconfig before; the new one is not used: ${refusal.message}`;
  return { ...connected, reason: refusal.reason, message };
}

/** Why new credentials were not taken, without anything that differs from try to try. */
export function trialProblem(error: unknown): string {
  if (error instanceof ClusterReplacedError)
    return `${error.message}; put a kubeconfig of the same cluster into the Secret, or delete the Secret first if this Cluster is to stand for another`;
  if (isUnauthorized(error))
    return 'the server does not know the credential (401): put a valid one into the kubeconfig Secret';
  if (isForbidden(error))
    return 'the credential may not get namespace kube-system (403): grant its user what Paddock needs there';
  if (error instanceof ApiError) return `the server answers ${error.code}: ${error.status.message ?? error.reason}`;
  if (!(error instanceof ConnectionError)) return errorMessage(error);
  const outcome = outcomeOfError(error);
  if (outcome.kind === 'healthy') return errorMessage(error);
  return outcome.kind === 'silent' && outcome.proxy !== undefined
    ? `the proxy ${outcome.proxy}: ${outcome.message}`
    : outcome.message;
}
