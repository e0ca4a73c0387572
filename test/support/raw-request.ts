import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';

/** A server, and how to be let in. */
export interface RawTarget {
  readonly url: string;
  /** PEM: of the server's CA and of a client certificate. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface RawRequestOptions {
  readonly method?: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is text, as JSON otherwise. */
  readonly body?: unknown;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One request over a connection of its own. Resolves with whatever the server answers, read to its end. */
export async function rawRequest(target: RawTarget, options: RawRequestOptions): Promise<RawResponse> {
  const incoming = await rawStream(target, options);
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text: await text(incoming) };
}

/** Like {@link rawRequest}, but resolves with the head of the answer; its body is the caller's to read or destroy. */
export function rawStream(target: RawTarget, options: RawRequestOptions): Promise<IncomingMessage> {
  const { method = 'GET', path, headers = {}, body } = options;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const url = new URL(path, target.url);
  const content = typeof body === 'string' ? body : JSON.stringify(body ?? null);
  // the length is said, since Node sends the body of a DELETE without a frame otherwise
  const described = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(content)) };
  const init = { method, agent: false, headers: { ...(body === undefined ? {} : described), ...headers } } as const;
  const outgoing = target.tls ? httpsRequest(url, { ...init, ...target.tls }) : httpRequest(url, init);
  outgoing.once('error', reject).once('response', resolve);
  outgoing.end(body === undefined ? undefined : content);
  return promise;
}
