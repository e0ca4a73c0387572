import type { Clock } from './clock.ts';
import {
  ConnectionMovedError,
  type Connections,
  closeConnections,
  destroyConnections,
  openConnections,
} from './connections.ts';
import { CREDENTIAL_TTL_MS, type Credentials, connectionHash, type Endpoint, serverHash } from './credentials.ts';
import { ConnectionError } from './errors.ts';

/** An endpoint as its credentials told it last, and the sockets to it. */
export interface Opened {
  readonly endpoint: Endpoint;
  readonly origin: string;
  readonly prefix: string;
  readonly hash: string;
  readonly connections: Connections;
}

export interface SessionOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
}

/**
 * Keeps the credentials fresh and the sockets open. Sockets are opened anew only if server or TLS
 * material changed; what is in flight then ends on the old ones.
 */
export class Session {
  readonly #options: SessionOptions;
  #credentials: Credentials;
  #opened: Opened | undefined;
  /** Credentials that are being read. */
  #opening: Promise<Opened> | undefined;
  /** Counts the readings, so that one that took too long does not replace a newer one. */
  #turn = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#credentials = options.credentials;
  }

  /** What may be used at once; `undefined` if the credentials have to be read first. */
  get ready(): Opened | undefined {
    return this.#closed || this.#opening || this.#stale ? undefined : this.#opened;
  }

  /** What requests went over last: good for one that has its credentials already and waited for something else. */
  get latest(): Opened | undefined {
    return this.#opened;
  }

  /** Reads the credentials if they were not read lately. */
  async current(): Promise<Opened> {
    if (this.#closed) throw new ConnectionError('the connection to this cluster was closed');
    const opening = this.#stale ? undefined : this.#opening;
    return this.ready ?? (await (opening ?? this.#open()));
  }

  /** Reads the credentials anew, once for all who were refused with the same ones. */
  async refresh(used: Opened): Promise<void> {
    const current = await this.current();
    if (current === used) await (this.#opening ?? this.#open());
  }

  /**
   * Goes on with the credentials and sockets of another session, which has opened them and is closed with that.
   * What is in flight here ends on the old sockets; streams end and are opened on the new ones.
   */
  takeOver(other: Session): void {
    const [before, after] = [this.#opened, other.#opened];
    if (this.#closed || other.#closed || !after) throw new ConnectionError('one of the two connections is closed');
    this.#credentials = other.#credentials;
    this.#readAt = other.#readAt;
    this.#opened = after;
    // a reading of the credentials before, if there is one, comes too late
    this.#opening = undefined;
    this.#turn += 1;
    other.#opened = undefined;
    other.#closed = true;
    if (before) leave(before, after.endpoint);
  }

  /** Closes every socket at once, whatever is in flight. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#opened) await destroyConnections(this.#opened.connections);
  }

  get #stale(): boolean {
    return this.#options.clock.monotonic() - this.#readAt >= CREDENTIAL_TTL_MS;
  }

  #open(): Promise<Opened> {
    this.#readAt = this.#options.clock.monotonic();
    this.#turn += 1;
    const opening = this.#read(this.#turn).finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  async #read(turn: number): Promise<Opened> {
    const endpoint = await this.#endpoint(turn);
    if (turn !== this.#turn || this.#closed) return await this.current();
    const before = this.#opened;
    const hash = connectionHash(endpoint);
    if (before?.hash === hash) {
      this.#opened = { ...before, endpoint };
    } else {
      const { origin, pathname } = new URL(endpoint.server);
      const connections = openConnections(endpoint);
      this.#opened = { endpoint, origin, prefix: pathname.replace(/\/+$/, ''), hash, connections };
      if (before) leave(before, endpoint);
    }
    return this.#opened;
  }

  async #endpoint(turn: number): Promise<Endpoint> {
    try {
      return await this.#credentials.resolve();
    } catch (error) {
      // a token file that is being replaced: the old token may still be good
      if (this.#opened) return this.#opened.endpoint;
      if (turn === this.#turn) this.#readAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }
}

/** Closes sockets for which there are others now. */
function leave({ connections, endpoint }: Opened, next: Endpoint): void {
  const elsewhere = serverHash(endpoint) !== serverHash(next);
  void closeConnections(connections, new ConnectionMovedError({ elsewhere }));
}
