import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Endpoint } from './credentials.ts';

/**
 * The sockets to one API server. Requests and watches have pools of their own, so that long-lived
 * watches never take a place from a request.
 */
export interface Connections {
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;
}

/** Idle sockets are kept this long; kube-apiserver keeps its side for 90 s or more. */
const KEEP_ALIVE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 15_000;

export function openConnections(endpoint: Endpoint, maxInFlight: number): Connections {
  // made once: the CA bundle and the key would otherwise be parsed, and held, for each connection
  const secureContext = createSecureContext(endpoint.tls);
  const { servername, rejectUnauthorized } = endpoint.tls;
  const tls = {
    secureContext,
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
  return { requests: dispatcher(endpoint, tls, maxInFlight), watches: dispatcher(endpoint, tls, null) };
}

interface TlsOptions {
  readonly secureContext: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

function dispatcher({ proxyUrl }: Endpoint, tls: TlsOptions, connections: number | null): Dispatcher {
  const connect = {
    ...tls,
    timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    // undici would try address families one after the other with a short deadline each; one cluster has one address
    autoSelectFamily: false,
  };
  const pool = { connections, pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false };
  if (proxyUrl === undefined) return new Agent({ connect, ...pool });
  return new ProxyAgent({ uri: proxyUrl, requestTls: { ...tls, timeout: CONNECT_TIMEOUT_MS }, ...pool });
}

/** Ends what is in flight and closes the sockets. */
export async function destroyConnections({ requests, watches }: Connections): Promise<void> {
  await Promise.allSettled([requests.destroy(), watches.destroy()]);
}

/** Lets requests in flight end, then closes the sockets; watches end at once and are opened on new ones. */
export async function closeConnections({ requests, watches }: Connections): Promise<void> {
  await Promise.allSettled([requests.close(), watches.destroy()]);
}
