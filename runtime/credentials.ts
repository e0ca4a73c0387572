import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { withoutUserinfo } from './proxy.ts';

/** Everything needed to open a connection to one API server as one user. */
export interface Endpoint {
  /** Scheme, host and port, with a path prefix where the server lives under one. */
  readonly server: string;
  readonly proxyUrl?: string;
  readonly tls: TlsMaterial;
  /** Sent with every request; holds the bearer token where there is one. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Where a transport takes its endpoint from, again after a 401 and every {@link CREDENTIAL_TTL_MS}. */
export interface Credentials {
  resolve(): Promise<Endpoint>;
}

/** How long a resolved endpoint is used before files and plugins are asked again (client-go re-reads tokens as often). */
export const CREDENTIAL_TTL_MS = 60_000;

/** Credentials of a kubeconfig's current context, with every method that client-node knows. */
export function kubeConfigCredentials(config: KubeConfig): Credentials {
  return {
    async resolve() {
      const cluster = config.getCurrentCluster();
      if (!cluster) throw new Error(`kubeconfig: current-context "${config.getCurrentContext()}" names no cluster`);
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return {
        // nothing is authenticated by a user in the address, and it would get into statuses
        server: withoutUserinfo(cluster.server).replace(/\/+$/, ''),
        ...(cluster.proxyUrl ? { proxyUrl: cluster.proxyUrl } : {}),
        tls: tlsOf(options),
        headers: headersOf(options),
      };
    },
  };
}

/** The kubeconfig file given, or what kubectl would take: KUBECONFIG, ~/.kube/config, the pod's service account. */
export function loadKubeConfig(file?: string): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  return config;
}

/** Changes when a connection must be opened anew: server, proxy or TLS material, not the token. */
export function connectionHash(endpoint: Endpoint): string {
  return digest([serverHash(endpoint), endpoint.tls.cert, endpoint.tls.key]);
}

/** Changes when another server might answer: address, proxy, and what its certificate must be. */
export function serverHash({ server, proxyUrl, tls }: Endpoint): string {
  return digest([server, proxyUrl, tls.ca, tls.servername, String(tls.rejectUnauthorized)]);
}

function digest(parts: readonly (string | Buffer | undefined)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part ?? '').update('\0');
  return hash.digest('hex');
}

function tlsOf(options: RequestOptions): TlsMaterial {
  const tls: Record<string, unknown> = {};
  for (const name of ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const)
    if (options[name] !== undefined && options[name] !== null) tls[name] = options[name];
  return tls;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}
