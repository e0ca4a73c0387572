import { Transport } from '#runtime';
import { requestToken } from '../../operators/engagement/token.ts';
import type { SecretObject, Site } from './fleet.ts';

/** A request as it goes over the wire, which is what rights and policies are asked about. */
export interface UserRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** Of a PATCH [application/merge-patch+json]. */
  readonly contentType?: string;
  /** Besides that of the content. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface UserAnswer {
  readonly status: number;
  readonly body: string;
}

/** Somebody who holds a bearer token of an API server and nothing else. */
export class TokenUser {
  readonly #transport: Transport;

  constructor({ controlPlane }: Site, token: string) {
    const tls = { ca: controlPlane.caPem };
    const endpoint = { server: controlPlane.url, tls, headers: { authorization: `Bearer ${token}` } };
    this.#transport = new Transport({ credentials: { resolve: async () => endpoint } });
  }

  /** Whatever the server answers. */
  async send(request: UserRequest): Promise<UserAnswer> {
    return await sendOver(this.#transport, request);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}

/** Sends a request as it is; resolves with whatever the server answers. */
export async function sendOver(transport: Transport, request: UserRequest): Promise<UserAnswer> {
  const { method, path, body, contentType, headers = {} } = request;
  const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
  if (body === undefined) return await transport.request({ method, path, headers });
  const described = { ...headers, 'content-type': type };
  return await transport.request({ method, path, body: JSON.stringify(body), headers: described });
}

export interface MintOptions {
  readonly namespace: string;
  readonly account: string;
  readonly boundTo: SecretObject;
  /** [an hour] */
  readonly seconds?: number;
}

/** A token of a service account, as an administrator asks for it. */
export async function mintToken(site: Site, { namespace, account, boundTo, seconds = 3_600 }: MintOptions) {
  const { name = '', uid = '' } = boundTo.metadata ?? {};
  const request = { namespace, account, boundTo: { name, uid }, seconds };
  return (await requestToken(site.client, request, AbortSignal.timeout(10_000))).token;
}
