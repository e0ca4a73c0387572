import { Cache } from './cache.ts';
import { type CallOptions, Client } from './client.ts';
import type { Clock } from './clock.ts';
import type { Credentials } from './credentials.ts';
import { AnswerError, errorMessage } from './errors.ts';
import type { Logger } from './log.ts';
import { compareResourceVersions, type KubeObject, Namespaces } from './resource.ts';
import { SharedQuestion } from './shared-question.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type { Resumption, WatcherTimings } from './watcher.ts';

export interface ClusterOptions extends Pick<TransportOptions, 'writeGuard' | 'afterWrite' | 'maxInFlight'> {
  readonly name: string;
  readonly credentials: Credentials;
  readonly fieldManager: string;
  readonly log: Logger;
  /** Reads what tells this cluster from every other [the uid of its kube-system namespace]. */
  readonly identify?: (client: Client, options: CallOptions) => Promise<string>;
  /** Called when another cluster answers under the same address; its objects have not been looked at. */
  readonly onReplaced?: (error: ClusterReplacedError) => void;
  readonly timings?: Partial<WatcherTimings>;
  readonly clock?: Clock;
  readonly freeze?: boolean;
  /** Bytes of a whole list at most [BOUNDS.listBytes]. */
  readonly listBytes?: number;
  /** Bytes that its caches keep at most, by estimate [no bound]. */
  readonly keptBytes?: number;
}

/** Under the address of one cluster, another one answers, or the same one restored from a backup: what was read of it is void. */
export class ClusterReplacedError extends Error {
  override readonly name = 'ClusterReplacedError';
}

/** A server that is asked whether it is the same cluster must say so within this. */
const TRIAL_MS = 10_000;

/**
 * One API server with its client and its caches. Its identity is the uid of its kube-system namespace,
 * and every complete list is checked against it before it counts: what a reinstalled cluster does not
 * have was not deleted.
 */
export class Cluster {
  readonly name: string;
  readonly client: Client;
  readonly cache: Cache;
  readonly transport: Transport;
  readonly #stop = new AbortController();
  readonly #options: ClusterOptions;
  #uid: string | undefined;
  /** Who answers: at the start of many watches there is one socket for it and not one for each. */
  readonly #answering = new SharedQuestion(signal => this.#identify(this.client, signal));
  /** Ends the running {@link reconnect}, if there is one. */
  #trial = new AbortController();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.name = options.name;
    this.transport = new Transport(options);
    this.cache = new Cache({
      cluster: options.name,
      verify: signal => this.#verify(signal),
      resumed: resumption => this.#resumed(resumption),
      onHealth: (error, what) => this.#health(error, what),
      onHandlerError: (error, watch) =>
        options.log.error({ cluster: options.name, watch, err: error }, 'a subscriber of this watch failed'),
      ...(options.timings ? { timings: options.timings } : {}),
      ...(options.clock ? { clock: options.clock } : {}),
      ...(options.keptBytes === undefined ? {} : { keptBytes: options.keptBytes }),
      ...(options.listBytes === undefined ? {} : { listBytes: options.listBytes }),
      freeze: options.freeze ?? false,
    });
    this.client = new Client(this.transport, { fieldManager: options.fieldManager, observer: this.cache });
  }

  /** Aborts when the cluster is let go. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The uid of kube-system, or what `identify` gives; known once {@link connect} has resolved. */
  get uid(): string {
    if (this.#uid === undefined) throw new Error(`cluster ${this.name} is not connected yet`);
    return this.#uid;
  }

  /** Reaches the server and learns who it is. Starts no watch. */
  async connect(signal?: AbortSignal): Promise<void> {
    this.#uid = await this.#identify(this.client, signal ?? this.signal);
  }

  /**
   * Goes on with other credentials, of another address, CA or user, without letting anything go. They are tried
   * beside the connection that is in use; only if the same cluster answers within 10 s does everything move:
   * requests use them from the next on, those in flight end where they are, watches resume from their last version,
   * caches stay. Otherwise nothing has changed and the caller may try again. A later call ends an earlier one.
   * @throws ClusterReplacedError when another cluster answers; ApiError and ConnectionError when they do not work
   */
  async reconnect(credentials: Credentials, signal?: AbortSignal): Promise<void> {
    this.#trial.abort(new Error(`cluster ${this.name} was given newer credentials`));
    this.#trial = new AbortController();
    const ends = AbortSignal.any([this.signal, this.#trial.signal, ...(signal ? [signal] : [])]);
    const { fieldManager } = this.#options;
    const transport = new Transport({ ...this.#options, credentials });
    try {
      const uid = await this.#identify(new Client(transport, { fieldManager }), ends, TRIAL_MS);
      ends.throwIfAborted();
      if (this.#uid !== undefined && uid !== this.#uid)
        throw new ClusterReplacedError(
          `the new credentials reach another cluster than ${this.name}: it is ${uid}, not ${this.#uid}`,
        );
      this.transport.takeOver(transport);
      this.#uid = uid;
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Starts the informers, those asked for already and those to come. */
  start(): void {
    this.cache.start(this.client, this.signal);
  }

  /** Ends every watch and request and closes the sockets; the caches are freed with the object. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error(`cluster ${this.name} was let go`));
    await this.transport.close();
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const uid = await this.#answering.ask(this.signal);
    signal.throwIfAborted();
    if (uid === this.uid) return;
    const error = new ClusterReplacedError(
      `another cluster answers at the address of ${this.name}: it is ${uid}, before it was ${this.uid}`,
    );
    this.#options.onReplaced?.(error);
    throw error;
  }

  /** Whether the cluster has the history that a watch is about to go on from. */
  async #resumed<T extends KubeObject>(resumption: Resumption<T>): Promise<boolean> {
    const { type, selection, resourceVersion, signal } = resumption;
    await this.#verify(signal);
    const newest = await this.client.list(type, { ...selection, metadataOnly: true, limit: 1 }, { signal });
    if (compareResourceVersions(newest.resourceVersion, resourceVersion) >= 0) return true;
    const error = new ClusterReplacedError(
      `cluster ${this.name} went back to resource version ${newest.resourceVersion}, after ${resourceVersion} was seen: it was restored from a backup`,
    );
    this.#options.onReplaced?.(error);
    return false;
  }

  async #identify(client: Client, signal: AbortSignal, timeoutMs?: number): Promise<string> {
    const { identify = systemUid } = this.#options;
    return await identify(client, { signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }

  #health(error: unknown, what: string): void {
    if (this.signal.aborted) return;
    const { log } = this.#options;
    if (error === undefined) log.info({ cluster: this.name, watch: what }, 'watching');
    else log.warn({ cluster: this.name, watch: what, reason: errorMessage(error) }, 'watch interrupted');
  }
}

async function systemUid(client: Client, options: CallOptions): Promise<string> {
  const namespace = await client.get(Namespaces, { name: 'kube-system' }, { ...options, metadataOnly: true });
  const { uid } = namespace.metadata ?? {};
  // two clusters that do not tell would be taken for one
  if (!uid) throw new AnswerError('GET /api/v1/namespaces/kube-system', 'the namespace has no uid');
  return uid;
}
