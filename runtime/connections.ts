import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Endpoint } from './credentials.ts';

/** What a stream ends with when its connection was given up for another: open it again there, nothing is wrong. */
export class ConnectionMovedError extends Error {
  override readonly name = 'ConnectionMovedError';
  /** Another server may answer now; otherwise only the user's credential is another. */
  readonly elsewhere: boolean;

  constructor({ elsewhere }: { readonly elsewhere: boolean }) {
    super('the connection was given up for another');
    this.elsewhere = elsewhere;
  }
}

/**
 * The sockets to one API server. Requests and watches have pools of their own, so that long-lived
 * watches never take a place from a request.
 */
export interface Connections {
  readonly requests: Dispatcher;
  readonly watches: Dispatcher;
  /** Aborts with a {@link ConnectionMovedError} when streams are to be opened elsewhere. */
  readonly moved: AbortController;
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
  const [requests, watches] = [dispatcher(endpoint, tls, maxInFlight), dispatcher(endpoint, tls, null)];
  return { requests, watches, moved: new AbortController() };
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

/** Lets requests in flight end, then closes the sockets; watches end at once, with `reason`. */
export async function closeConnections(
  { requests, watches, moved }: Connections,
  reason: ConnectionMovedError,
): Promise<void> {
  moved.abort(reason);
  await Promise.allSettled([requests.close(), watches.destroy()]);
}
