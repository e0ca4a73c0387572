import type { Cluster } from '#api';
import { type Endpoint, withoutUserinfo } from '#runtime';

/** Where people reach a cluster. */
export interface PeoplesEndpoint {
  readonly server: string;
  /** PEM; undefined where the trusted roots of the person's machine count. */
  readonly ca?: string;
  readonly proxyUrl?: string;
  readonly tlsServerName?: string;
}

/** What `spec.endpoint` says by itself; undefined where the cluster's kubeconfig says it, or the CA. */
export function ownEndpoint({ endpoint }: Pick<Cluster['spec'], 'endpoint'>): PeoplesEndpoint | undefined {
  if (!endpoint) return undefined;
  const { url: server, caBundle, systemRoots } = endpoint;
  if (systemRoots) return { server };
  return caBundle === undefined ? undefined : { server, ca: Buffer.from(caBundle, 'base64').toString('utf8') };
}

/**
 * What the hub's kubeconfig says: all of it, or, where `spec.endpoint` names an address, the CA. Its proxy is people's way
 * too, but not the hub's user and password there.
 */
export function kubeconfigEndpoint(
  { endpoint }: Pick<Cluster['spec'], 'endpoint'>,
  { server, proxyUrl, tls }: Pick<Endpoint, 'server' | 'proxyUrl' | 'tls'>,
): PeoplesEndpoint {
  const ca = tls.ca === undefined ? {} : { ca: tls.ca.toString() };
  if (endpoint) return { server: endpoint.url, ...ca };
  const { servername } = tls;
  return {
    server: withoutUserinfo(server),
    ...ca,
    ...(proxyUrl === undefined ? {} : { proxyUrl: withoutUserinfo(proxyUrl) }),
    ...(servername === undefined ? {} : { tlsServerName: servername }),
  };
}
