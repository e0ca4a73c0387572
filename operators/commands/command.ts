import { isIP } from 'node:net';
import type { ParseArgsConfig } from 'node:util';
import { createLogger, errorMessage, isLoopback, type Logger, readCertificate, type ServingOptions } from '#runtime';
import { SettingError, systemNamespacesFrom } from '../settings.ts';

/** The command line makes no sense; the message says which part of it and what it must be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** One command of `paddock`, its arguments read. */
export interface Command {
  /** Resolves after a stop in good order; rejects when the process must end. */
  readonly start: (stop: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/** Flags of every command. */
export const COMMON_FLAGS = {
  kubeconfig: { type: 'string' },
  identity: { type: 'string' },
  'system-namespaces': { type: 'string', default: '' },
  'metrics-address': { type: 'string', default: '127.0.0.1' },
  'metrics-port': { type: 'string', default: '8080' },
  'tls-cert-file': { type: 'string' },
  'tls-private-key-file': { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
} as const satisfies ParseArgsConfig['options'];

export const COMMON_USAGE = `  --identity NAME        unique among replicas; default: the host name and a random part
  --system-namespaces NAMES  namespaces of project system beside kube-system, kube-public and kube-node-lease: names with
                         commas between
  --metrics-address IP   where /healthz, /readyz and /metrics are served; default: 127.0.0.1, in plain HTTP. On an address
                         that others reach, such as 0.0.0.0 or ::, it is TLS, and /metrics takes the token of one who may
                         get the non-resource URL /metrics
  --metrics-port PORT    0 takes a free port; default: 8080
  --tls-cert-file FILE   certificate chain in PEM for that, read again when it changes; default: a self-signed one
  --tls-private-key-file FILE  its key in PEM
  --log-level LEVEL      trace, debug, info, warn, error; default: info`;

interface ServingFlags {
  readonly 'metrics-address': string;
  readonly 'metrics-port': string;
  readonly 'tls-cert-file'?: string | undefined;
  readonly 'tls-private-key-file'?: string | undefined;
}

/** Where metrics and health are served. @throws UsageError */
export function parseServing(flags: ServingFlags): ServingOptions {
  const { 'metrics-address': address, 'tls-cert-file': certFile, 'tls-private-key-file': keyFile } = flags;
  if (isIP(address) === 0) throw new UsageError(`--metrics-address "${address}" must be an IP address`);
  const port = parsePort(flags['metrics-port']);
  if (certFile === undefined && keyFile === undefined) return { address, port };
  if (certFile === undefined) throw new UsageError('--tls-private-key-file is given without --tls-cert-file');
  if (keyFile === undefined) throw new UsageError('--tls-cert-file is given without --tls-private-key-file');
  if (isLoopback(address))
    throw new UsageError(`--tls-cert-file is given, but --metrics-address "${address}" serves plain HTTP`);
  const tls = { certFile, keyFile };
  try {
    readCertificate(tls);
  } catch (error) {
    throw new UsageError(`--tls-cert-file, --tls-private-key-file: ${errorMessage(error)}`);
  }
  return { address, port, tls };
}

/** @throws UsageError */
function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--metrics-port "${text}" must be a port number, 0 to 65535`);
  return port;
}

/** @throws UsageError */
export function parseNamespaces(text: string): readonly string[] {
  try {
    return systemNamespacesFrom(text.split(',').filter(name => name !== ''));
  } catch (error) {
    if (error instanceof SettingError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** @throws UsageError when there is no such level */
export function loggerAt(level: string, name: string): Logger {
  if (!LEVELS.includes(level)) throw new UsageError(`--log-level "${level}" must be one of ${LEVELS.join(', ')}`);
  return createLogger({ name, level });
}
