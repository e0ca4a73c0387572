import type { ServerResponse } from 'node:http';
import { resourceName } from '../../../runtime/resource.ts';
import type { ApiObject } from './api-object.ts';
import { type Faults, FRAME_FAULTS, type FrameFault } from './faults.ts';
import { FrameWriter } from './frame-writer.ts';
import { present, presentBookmark, type Representation } from './representation.ts';
import type { ApiRequest } from './request.ts';
import type { RecordedRequest } from './request-log.ts';
import type { Selects } from './selection.ts';
import { internalError, type StatusError, tooOldVersion } from './status.ts';
import type { Change, Storage } from './storage.ts';
import type { WatchPlan } from './watch-plan.ts';

export interface WatchSessionOptions {
  readonly request: ApiRequest;
  readonly record: RecordedRequest;
  readonly plan: WatchPlan;
  readonly selects: Selects;
  readonly representation: Representation;
  readonly storage: Storage;
  readonly faults: Faults;
  readonly bookmarkIntervalMs: number;
  readonly response: ServerResponse;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** One watch: turns changes into frames until it ends, is cut or breaks. */
export class WatchSession {
  readonly #options: WatchSessionOptions;
  readonly #writer: FrameWriter;
  readonly #undo: (() => void)[] = [];
  #silent = false;
  #ended = false;

  constructor(options: WatchSessionOptions) {
    this.#options = options;
    this.#writer = new FrameWriter(options.response);
    options.response.on('close', () => this.#release());
  }

  get kind(): ApiRequest['kind'] {
    return this.#options.request.kind;
  }

  /** Answers with `problem` as the only frame, or begins to tell. `silent` accepts and says nothing, ever. */
  start({ problem, silent }: { problem: StatusError | undefined; silent: boolean }): void {
    this.#writer.open();
    this.#silent = silent;
    if (silent) return;
    if (problem) {
      this.#fail(problem);
      return;
    }
    const { plan, storage, bookmarkIntervalMs } = this.#options;
    if (plan.timeoutMs !== undefined) this.#later(setTimeout(() => this.end(), plan.timeoutMs));
    if (plan.bookmarks) this.#later(setInterval(() => this.#bookmark(), bookmarkIntervalMs));
    this.#undo.push(storage.onChange(change => this.#tell(change)));
    if (plan.initialEvents) this.#tellAll();
    else for (const change of storage.changesAfter(plan.after) ?? []) this.#tell(change);
  }

  /** Ends the response the way a server does that goes away in order. */
  end(): void {
    if (this.#ended) return;
    this.#writer.end();
    this.#release();
  }

  /** Destroys the connection. */
  cut(): void {
    this.#writer.destroy();
    this.#release();
  }

  #tellAll(): void {
    const { plan, storage, selects, request } = this.#options;
    for (const object of storage.list(request.kind)) if (selects(object)) this.#frame('ADDED', object);
    if (!plan.initialEventsEnd) return;
    const resourceVersion = String(storage.revision);
    this.#send('BOOKMARK', this.#presentBookmark(resourceVersion, { initialEventsEnd: true }), { faults: true });
  }

  /** An object that starts or stops to match is added or deleted as far as this watch can see. */
  #tell({ kind, type, object, previous, revision }: Change): void {
    const { request, selects, plan } = this.#options;
    if (resourceName(kind) !== resourceName(request.kind) || BigInt(revision) <= plan.after) return;
    const before = previous !== undefined && selects(previous);
    const after = type !== 'DELETED' && selects(object);
    if (after) this.#frame(before ? 'MODIFIED' : 'ADDED', object);
    else if (before) this.#frame('DELETED', at(previous, revision));
  }

  #frame(type: EventType, object: ApiObject): void {
    this.#send(type, present(object, this.#options.representation), { faults: true });
  }

  #bookmark(): void {
    const resourceVersion = String(this.#options.storage.revision);
    this.#send('BOOKMARK', this.#presentBookmark(resourceVersion, { initialEventsEnd: false }), { faults: false });
  }

  #presentBookmark(resourceVersion: string, { initialEventsEnd }: { initialEventsEnd: boolean }): object {
    const { request, representation } = this.#options;
    return presentBookmark(request.kind, { resourceVersion, initialEventsEnd }, representation);
  }

  #fail(error: StatusError): void {
    this.#send('ERROR', error.status, { faults: false });
    this.end();
  }

  #send(type: EventType, object: object, { faults }: { faults: boolean }): void {
    if (this.#silent || this.#ended) return;
    const frame = Buffer.from(`${JSON.stringify({ type, object })}\n`);
    const fault = faults ? this.#strike() : undefined;
    if (fault === undefined) this.#writer.write(frame);
    else this.#break(fault, frame);
  }

  #break(fault: FrameFault, frame: Buffer): void {
    const { faults, plan, storage } = this.#options;
    switch (fault) {
      case 'stall':
        this.#silent = true;
        break;
      case 'cutWatch':
        if (faults.choose(2) === 0) this.end();
        else this.#cutInside(frame);
        break;
      case 'errorFrame':
        this.#fail(internalError('etcdserver: leader changed'));
        break;
      case 'expire':
        this.#fail(tooOldVersion(plan.after, storage.revision));
        break;
      case 'garbageFrame':
        this.#writer.write(Buffer.from('{"type":"MODIFIED","object":{"kind":\n'));
        this.end();
        break;
      case 'duplicateEvents':
        this.#writer.write(frame);
        this.#writer.write(frame);
        break;
      case 'splitFrame':
        this.#writer.writePieces(pieces(frame, faults.choose(frame.length)));
        break;
    }
  }

  #strike(): FrameFault | undefined {
    const { faults, record } = this.#options;
    return FRAME_FAULTS.find(fault => faults.strike(fault, record));
  }

  #cutInside(frame: Buffer): void {
    this.#writer.writePieces([frame.subarray(0, frame.length >> 1)]);
    this.#writer.destroy();
    this.#release();
  }

  #later(timer: NodeJS.Timeout): void {
    this.#undo.push(() => clearTimeout(timer));
  }

  #release(): void {
    this.#ended = true;
    for (const undo of this.#undo.splice(0)) undo();
  }
}

/** The object as it was, under the version of what took it out of sight. */
function at(object: ApiObject, revision: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** Cuts a frame anywhere, before its newline and, where there is one, inside a UTF-8 sequence. */
function pieces(frame: Buffer, anywhere: number): Buffer[] {
  const inside = frame.findIndex(byte => (byte & 0xc0) === 0x80);
  const cuts = new Set([anywhere, frame.length - 1, inside].filter(cut => cut > 0));
  const edges = [0, ...[...cuts].sort((a, b) => a - b), frame.length];
  return edges.slice(1).map((edge, index) => frame.subarray(edges[index], edge));
}
