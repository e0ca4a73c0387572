import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly level?: string;
  readonly name: string;
}

/** Names of fields whose values never reach a log, at any of the depths that pino can match. */
const SECRET_FIELDS = ['token', 'password', 'authorization', 'kubeconfig', 'data', 'stringData', 'key'];

/** One JSON object a line on standard output; secrets redacted, errors with their causes. */
export function createLogger({ level = 'info', name }: LogOptions): Logger {
  return pino({
    level,
    name,
    redact: { paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`, `*.*.${field}`]), censor: '[redacted]' },
    formatters: { level: label => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
