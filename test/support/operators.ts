import { KubeConfig } from '@kubernetes/client-node';
import {
  type Credentials,
  createLogger,
  kubeConfigCredentials,
  type TransportOptions,
  type WatcherTimings,
} from '#runtime';
import { type OperatorName, runOperators } from '../../operators/run.ts';

/** A write that an operator made and the server answered. */
export interface Write {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
}

export interface RunningOperators {
  /** Every write so far, Leases left out, in the order of the answers. */
  readonly writes: Write[];
  /** Stops in good order. */
  stop(): Promise<void>;
  /** Resolves when the operators have ended by themselves; rejects with their reason. */
  readonly ended: Promise<void>;
}

export interface StartOperatorsOptions {
  readonly operators: readonly OperatorName[];
  /** Of the hub, or what one comes to. */
  readonly kubeconfig: string | Credentials;
  readonly timings?: Partial<WatcherTimings>;
  /** Also contend for the leases; otherwise the operators write at once. */
  readonly elect?: { readonly identity: string };
  readonly afterWrite?: TransportOptions['afterWrite'];
  readonly systemNamespaces?: readonly string[];
}

export function credentialsOf(kubeconfig: string): Credentials {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return kubeConfigCredentials(config);
}

/** Keeps what is written, Leases left out; the hook is a transport's. */
export function recordWrites(): { writes: Write[]; afterWrite: NonNullable<TransportOptions['afterWrite']> } {
  const writes: Write[] = [];
  return {
    writes,
    afterWrite: (request, response) => {
      const path = request.path.split('?')[0] ?? '';
      if (!path.includes('/leases')) writes.push({ method: request.method, path, status: response.status });
    },
  };
}

/** Starts operators in this process, with frozen caches, and records what they write. */
export function startOperators(options: StartOperatorsOptions): RunningOperators {
  const { operators, kubeconfig, timings, elect, afterWrite, systemNamespaces = [] } = options;
  const { writes, afterWrite: record } = recordWrites();
  const stop = new AbortController();
  const ended = runOperators(
    {
      operators,
      systemNamespaces,
      hubCredentials: typeof kubeconfig === 'string' ? credentialsOf(kubeconfig) : kubeconfig,
      log: createLogger({ name: operators.join('-'), level: process.env.TEST_LOG_LEVEL ?? 'silent' }),
      freeze: true,
      ...(timings ? { timings } : {}),
      ...(elect ? { identity: elect.identity } : { leaderElection: false as const }),
      transport: {
        afterWrite: (request, response) => {
          record(request, response);
          afterWrite?.(request, response);
        },
      },
    },
    stop.signal,
  );
  ended.catch(() => undefined); // whoever cares awaits it
  return {
    writes,
    ended,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}
