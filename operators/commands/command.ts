import type { ParseArgsConfig } from 'node:util';
import { createLogger, type Logger } from '#runtime';
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
  'metrics-port': { type: 'string', default: '8080' },
  'log-level': { type: 'string', default: 'info' },
} as const satisfies ParseArgsConfig['options'];

export const COMMON_USAGE = `  --identity NAME        unique among replicas; default: the host name and a random part
  --system-namespaces NAMES  namespaces of project system beside kube-system, kube-public and kube-node-lease: names with
                         commas between
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
