import type { ParseArgsConfig } from 'node:util';
import { createLogger, type Logger } from '#runtime';

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
  'metrics-port': { type: 'string', default: '8080' },
  'log-level': { type: 'string', default: 'info' },
} as const satisfies ParseArgsConfig['options'];

export const COMMON_USAGE = `  --identity NAME        unique among replicas; default: the host name and a random part
  --system-namespaces NAMES  namespaces of project system beside kube-*: names with commas between, each may end in *
  --metrics-port PORT    /healthz, /readyz and /metrics; 0 takes a free port; default: 8080
  --log-level LEVEL      trace, debug, info, warn, error; default: info`;

/** @throws UsageError */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new UsageError(`--metrics-port "${text}" must be a port number, 0 to 65535`);
  return port;
}

/** @throws UsageError */
export function parseNamespaces(text: string): string[] {
  const names = text.split(',').filter(name => name !== '');
  const malformed = names.find(name => !/^[a-z0-9][-a-z0-9]{0,62}\*?$/.test(name));
  if (malformed !== undefined)
    throw new UsageError(`--system-namespaces "${malformed}" must be the name of a namespace, or its beginning and *`);
  return names;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** @throws UsageError when there is no such level */
export function loggerAt(level: string, name: string): Logger {
  if (!LEVELS.includes(level)) throw new UsageError(`--log-level "${level}" must be one of ${LEVELS.join(', ')}`);
  return createLogger({ name, level });
}
