import { Transport } from '#runtime';
import { requestToken } from '../../operators/cluster/registration/token.ts';
import type { SecretObject, Site } from './fleet.ts';

/** A request as it goes over the wire, which is what rights and policies are asked about. */
export interface UserRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** Of a PATCH [application/merge-patch+json]. */
  readonly contentType?: string;
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
  async send({ method, path, body, contentType }: UserRequest): Promise<UserAnswer> {
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': type } };
    return await this.#transport.request({ method, path, ...content });
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
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
