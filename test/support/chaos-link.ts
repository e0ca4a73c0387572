import { connect, type Socket } from 'node:net';

/** Bytes that wait in one direction of a link before its source is asked to pause. */
const HIGH_WATER_BYTES = 1024 * 1024;

export interface LinkTarget {
  readonly host: string;
  readonly port: number;
}

export interface LinkOptions {
  readonly client: Socket;
  readonly target: LinkTarget;
  /** Passes nothing until it is thawed; the target is not even connected to. */
  readonly frozen: boolean;
  readonly delayMs: number;
  readonly onBytes: (direction: 'up' | 'down', count: number) => void;
  readonly onClose: () => void;
}

/** A connection through the proxy: the client's socket, the one to the target, and what is between them. */
export class Link {
  readonly #options: LinkOptions;
  readonly #client: Socket;
  #upstream: Socket | undefined;
  #pipes: Pipe[] = [];
  #frozen: boolean;
  #delayMs: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#frozen = options.frozen;
    this.#delayMs = options.delayMs;
    this.#client.pause();
    this.#watch(this.#client);
    if (!this.#frozen) this.#connect();
  }

  set delayMs(delayMs: number) {
    this.#delayMs = delayMs;
    for (const pipe of this.#pipes) pipe.delay(delayMs);
  }

  freeze(): void {
    this.#frozen = true;
    for (const pipe of this.#pipes) pipe.freeze();
  }

  /** Goes on where it stopped; an end that was lost meanwhile is told to the other side now. */
  thaw(): void {
    this.#frozen = false;
    if (this.#client.destroyed || this.#upstream?.destroyed) {
      this.destroy();
      return;
    }
    if (this.#upstream === undefined) this.#connect();
    for (const pipe of this.#pipes) pipe.thaw();
  }

  /** Resets both connections. */
  destroy(): void {
    for (const pipe of this.#pipes) pipe.stop();
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    if (this.#upstream && !this.#upstream.destroyed) this.#upstream.resetAndDestroy();
    this.#options.onClose();
  }

  #connect(): void {
    const { target, onBytes } = this.#options;
    const upstream = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    upstream.pause();
    this.#upstream = upstream;
    this.#watch(upstream);
    this.#pipes = [
      new Pipe(this.#client, upstream, count => onBytes('up', count)),
      new Pipe(upstream, this.#client, count => onBytes('down', count)),
    ];
    this.delayMs = this.#delayMs;
    for (const pipe of this.#pipes) pipe.thaw();
  }

  /** A side that closes takes the other with it, unless the link is frozen: then nobody hears of it. */
  #watch(socket: Socket): void {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#frozen) return;
      const other = socket === this.#client ? this.#upstream : this.#client;
      const rest = this.#pipes.find(pipe => pipe.from === socket);
      if (socket.errored || other === undefined || other.destroyed || rest === undefined) this.destroy();
      // ended, not reset: what it has sent still has to arrive
      else rest.drain(() => other.end(() => other.destroy()));
    });
  }
}

interface Parcel {
  /** `undefined` is the end of the stream. */
  readonly chunk: Buffer | undefined;
  readonly receivedAt: number;
}

/** One direction: chunks in order, each `delayMs` late, none while frozen. */
class Pipe {
  #delayMs = 0;
  readonly from: Socket;
  readonly #to: Socket;
  readonly #onBytes: (count: number) => void;
  readonly #queue: Parcel[] = [];
  #queued = 0;
  #frozen = true;
  #timer: NodeJS.Timeout | undefined;
  #drained: (() => void) | undefined;

  constructor(from: Socket, to: Socket, onBytes: (count: number) => void) {
    this.from = from;
    this.#to = to;
    this.#onBytes = onBytes;
    from.on('data', chunk => this.#add(chunk));
    from.on('end', () => this.#add(undefined));
    from.pause(); // listening for data has started it
    to.on('drain', () => this.#pump());
  }

  freeze(): void {
    this.#frozen = true;
    this.from.pause();
    clearTimeout(this.#timer);
  }

  thaw(): void {
    this.#frozen = false;
    this.#pump();
  }

  /** Counts for what waits already too. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
    this.#pump();
  }

  /** Calls back once everything that was received has been passed on. */
  drain(drained: () => void): void {
    this.#drained = drained;
    this.#pump();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#drained = undefined;
  }

  #add(chunk: Buffer | undefined): void {
    this.#queue.push({ chunk, receivedAt: performance.now() });
    this.#queued += chunk?.length ?? 0;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#frozen) return;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const wait = next.receivedAt + this.#delayMs - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        break;
      }
      if (this.#to.writableNeedDrain) break;
      this.#queue.shift();
      this.#pass(next.chunk);
    }
    if (this.#queued > HIGH_WATER_BYTES) this.from.pause();
    else this.from.resume();
    if (this.#queue.length === 0) this.#drained?.();
  }

  #pass(chunk: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (chunk === undefined) {
      this.#to.end();
      return;
    }
    this.#queued -= chunk.length;
    this.#onBytes(chunk.length);
    this.#to.write(chunk);
  }
}
