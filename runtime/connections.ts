import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import type { Endpoint } from './credentials.ts';
import { proxyConnector } from './proxy.ts';

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

/** The sockets to one API server. */
export interface Connections {
  /**
   * For requests and watches alike: another pool would cost 20 KiB more. It has no bound of its own, so that watches,
   * which last, never take a place from a request.
   */
  readonly pool: Dispatcher;
  /** Aborts with a {@link ConnectionMovedError} when streams are to be opened elsewhere. */
  readonly moved: AbortController;
}

/** Idle sockets are kept this long; kube-apiserver keeps its side for 90 s or more. */
const KEEP_ALIVE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 15_000;

export function openConnections(endpoint: Endpoint): Connections {
  // made once: the CA bundle and the key would otherwise be parsed, and held, for each connection
  const secureContext = createSecureContext(endpoint.tls);
  const { servername, rejectUnauthorized } = endpoint.tls;
  const tls = {
    secureContext,
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
  return { pool: dispatcher(endpoint, tls), moved: new AbortController() };
}

interface TlsOptions {
  readonly secureContext: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

function dispatcher({ proxyUrl }: Endpoint, tls: TlsOptions): Dispatcher {
  const connect = {
    ...tls,
    timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    // undici would try address families one after the other with a short deadline each; one cluster has one address
    autoSelectFamily: false,
  };
  const pool = { connections: null, pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false };
  if (proxyUrl === undefined) return new Agent({ connect, ...pool });
  const through = { proxyUrl, tls, timeoutMs: CONNECT_TIMEOUT_MS, keepAliveMs: TCP_KEEP_ALIVE_MS };
  return new Agent({ connect: proxyConnector(through), ...pool });
}

/** Ends what is in flight and closes the sockets. */
export async function destroyConnections({ pool }: Connections): Promise<void> {
  await pool.destroy();
}

/** Lets requests in flight end, then closes the sockets; watches end at once, with `reason`. */
export async function closeConnections({ pool, moved }: Connections, reason: ConnectionMovedError): Promise<void> {
  moved.abort(reason);
  await pool.close();
}
