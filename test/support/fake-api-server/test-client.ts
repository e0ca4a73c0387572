import type { IncomingMessage } from 'node:http';
import { eventually } from '../eventually.ts';
import { rawRequest, rawStream } from '../raw-request.ts';
import { isRecord, valueAt } from './api-object.ts';

export const MERGE = { 'content-type': 'application/merge-patch+json' };
export const JSON_PATCH = { 'content-type': 'application/json-patch+json' };
export const APPLY = { 'content-type': 'application/apply-patch+yaml' };
export const METADATA_ONLY = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' };

type Headers = Readonly<Record<string, string>>;

/** An answer, its body parsed; `at('metadata.name')` reads into it. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  at(path: string): unknown;
}

/** Talks to a fake API server without any client of ours in between. */
export class TestClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async send(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<JsonAnswer> {
    const sent = body === undefined ? {} : { body };
    const {
      status,
      text,
      headers: received,
    } = await rawRequest({ url: this.#url }, { method, path, headers, ...sent });
    const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    return { status, headers: received, body: parsed, at: wanted => valueAt(parsed, wanted) };
  }

  get = (path: string, headers?: Headers) => this.send('GET', path, undefined, headers);
  post = (path: string, body: unknown) => this.send('POST', path, body);
  put = (path: string, body: unknown) => this.send('PUT', path, body);
  merge = (path: string, body: unknown) => this.send('PATCH', path, body, MERGE);
  delete = (path: string, body?: unknown) => this.send('DELETE', path, body);

  async watch(path: string, headers: Headers = {}): Promise<WatchReader> {
    const separator = path.includes('?') ? '&' : '?';
    return new WatchReader(await rawStream({ url: this.#url }, { path: `${path}${separator}watch=1`, headers }));
  }
}

interface Frame {
  readonly type: string;
  readonly object: unknown;
}

/** Collects the frames of a watch as they come. */
export class WatchReader {
  readonly chunks: Buffer[] = [];
  /** How the response ended: in order, or with the connection. */
  end: 'clean' | 'broken' | undefined;
  readonly status: number;
  readonly #response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    response.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    response.on('error', () => undefined);
    response.on('close', () => {
      this.end = response.complete ? 'clean' : 'broken';
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  /** Whole frames that parse, bookmarks of no event left out. */
  get frames(): Frame[] {
    return this.all.filter(({ type, object }) => type !== 'BOOKMARK' || valueAt(object, 'metadata.annotations'));
  }

  /** Whole frames that parse. */
  get all(): Frame[] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.flatMap(line => {
      try {
        const frame: unknown = JSON.parse(line);
        return isRecord(frame) ? [{ type: String(frame.type), object: frame.object }] : [];
      } catch {
        return [];
      }
    });
  }

  /** `ADDED a`, `ERROR 410`, `BOOKMARK`. */
  get summary(): string[] {
    return this.frames.map(({ type, object }) => {
      const detail = type === 'ERROR' ? valueAt(object, 'code') : valueAt(object, 'metadata.name');
      return [type, detail].filter(part => part !== undefined).join(' ');
    });
  }

  async untilFrames(count: number): Promise<string[]> {
    const what = `${count} frames`;
    await eventually(() => this.frames.length >= count, { timeoutMs: 5_000, what });
    return this.summary;
  }

  async untilEnd(): Promise<string[]> {
    await eventually(() => this.end, { timeoutMs: 5_000, what: 'the watch ends' });
    return this.summary;
  }

  close(): void {
    this.#response.destroy();
  }
}
