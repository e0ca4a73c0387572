import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';

type Step = { readonly piece: Buffer; readonly flush: boolean } | 'end' | 'destroy';

/** Writes the frames of a watch in order; pieces of a frame leave one by one. */
export class FrameWriter {
  readonly #response: ServerResponse;
  readonly #steps: Step[] = [];
  #busy = false;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Sends the head of the answer at once, as a real server does before the first event. */
  open(): void {
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
  }

  write(frame: Buffer): void {
    this.#add({ piece: frame, flush: false });
  }

  /** Each piece is handed to the kernel, and a turn passes, before the next one is. */
  writePieces(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#add({ piece, flush: true });
  }

  /** Ends the response after what has been written. */
  end(): void {
    this.#add('end');
  }

  /** Destroys the connection; only pieces are sure to have left before. */
  destroy(): void {
    this.#add('destroy');
  }

  #add(step: Step): void {
    this.#steps.push(step);
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if (this.#response.destroyed) continue;
      if (step === 'end') this.#response.end();
      else if (step === 'destroy') this.#response.destroy();
      else if (step.flush) await this.#flushed(step.piece);
      else this.#response.write(step.piece);
    }
    this.#busy = false;
  }

  async #flushed(piece: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#response.write(piece, () => resolve());
    this.#response.once('close', resolve);
    await promise;
    this.#response.off('close', resolve);
    await setImmediate();
  }
}
