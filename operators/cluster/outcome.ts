import { AnswerError, ConnectionError, errorMessage, named, type ProxyError, printable, proxyErrorOf } from '#runtime';

/** What came of one GET /readyz. Messages hold nothing that differs from probe to probe of one failure. */
export type Outcome =
  | { readonly kind: 'healthy' }
  /** The server answers that it is not ready. */
  | { readonly kind: 'unhealthy'; readonly message: string }
  /** The server does not accept us, or we do not accept the server. */
  | { readonly kind: 'rejected'; readonly reason: 'Unauthorized' | 'TLSInvalid'; readonly message: string }
  /** Nothing that could be called an answer; `proxy` is the one that is at fault. */
  | { readonly kind: 'silent'; readonly message: string; readonly proxy?: string };

/** A server has some dozens of checks: as much of its answer is read, as many are named, and this of each name. */
const READ = 64 * 1024;
const NAMED = 10;
const CHECK_LENGTH = 80;

/** The meaning of an answer to GET /readyz. */
export function outcomeOfAnswer({ status, body }: { status: number; body: string }): Outcome {
  if (status === 200) return { kind: 'healthy' };
  if (status === 401)
    return {
      kind: 'rejected',
      reason: 'Unauthorized',
      message: 'the server does not know the credential (401): put a valid one into the kubeconfig Secret',
    };
  if (status === 403)
    return {
      kind: 'rejected',
      reason: 'Unauthorized',
      message:
        'the credential may not GET /readyz (403): grant its user get on the non-resource URLs /readyz and /version',
    };
  const found = body.slice(0, READ).matchAll(/^\[-\]([^\s]+)/gm);
  const checks = Array.from(found, ([, check]) => printable(check, CHECK_LENGTH)).sort();
  const failing = checks.length > 0 ? `failing checks: ${named(checks, NAMED)}` : 'it names no failing check';
  return { kind: 'unhealthy', message: `GET /readyz answers ${status}; ${failing}` };
}

/** The meaning of a GET /readyz that threw. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof AnswerError) return { kind: 'unhealthy', message: `GET /readyz: ${error.problem}` };
  const proxy = proxyErrorOf(error);
  if (proxy) return { kind: 'silent', message: proxyCause(proxy), proxy: proxy.proxy };
  const code = error instanceof ConnectionError ? error.code : '';
  const silence = SILENT_CAUSES[code];
  if (silence !== undefined) return { kind: 'silent', message: silence };
  const tls = TLS_CAUSES[code] ?? (/^ERR_(TLS|SSL|OSSL)_/.test(code) ? errorMessage(innermost(error)) : undefined);
  if (tls !== undefined)
    return {
      kind: 'rejected',
      reason: 'TLSInvalid',
      message: `${tls}: correct certificate-authority-data, tls-server-name or server in the kubeconfig, or the server's certificate`,
    };
  return { kind: 'silent', message: silentCause(error) };
}

const TLS_CAUSES: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server’s certificate is signed by an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT: 'the server’s certificate is signed by an unknown CA',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server’s certificate is signed by an unknown CA',
  SELF_SIGNED_CERT_IN_CHAIN: 'the server’s certificate is signed by an unknown CA',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server’s certificate is signed by itself, not by the CA',
  CERT_SIGNATURE_FAILURE: 'the server’s certificate is signed by another CA of the same name',
  CERT_HAS_EXPIRED: 'the server’s certificate has expired',
  CERT_NOT_YET_VALID: 'the server’s certificate is not valid yet',
  CERT_REVOKED: 'the server’s certificate is revoked',
  CERT_UNTRUSTED: 'the server’s certificate is not trusted',
  CERT_REJECTED: 'the server’s certificate is rejected',
  INVALID_CA: 'a CA in the server’s certificate chain is not valid',
  INVALID_PURPOSE: 'the server’s certificate is not meant for servers',
  PATH_LENGTH_EXCEEDED: 'the server’s certificate chain is too long',
  HOSTNAME_MISMATCH: 'the server’s certificate is for another host name',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the server’s certificate is for another host name',
  EPROTO: 'the server does not speak TLS, or none that is accepted',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS',
};

const TIMED_OUT = 'timed out';

const SILENT_CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'its host name could not be resolved',
  ETIMEDOUT: TIMED_OUT,
  UND_ERR_CONNECT_TIMEOUT: TIMED_OUT,
  ERR_TLS_HANDSHAKE_TIMEOUT: TIMED_OUT,
  ECONNRESET: 'connection closed by the other side',
  EPIPE: 'connection closed by the other side',
  UND_ERR_SOCKET: 'connection closed by the other side',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'no route to host',
};

/** Of a proxy that can't be reached what is said of a server, else what it answered. */
function proxyCause({ why, cause }: ProxyError): string {
  const { code } = Object(cause);
  return SILENT_CAUSES[String(code)] ?? why;
}

function silentCause(error: unknown): string {
  const cause = innermost(error);
  // a connection error without a cause is the transport's own deadline
  return cause === error && error instanceof ConnectionError ? TIMED_OUT : errorMessage(cause);
}

/** The cause of causes, whose message does not repeat the request. */
function innermost(error: unknown): unknown {
  const { cause } = typeof error === 'object' && error !== null && 'cause' in error ? error : {};
  return cause === undefined || cause === null ? error : innermost(cause);
}
