import { setTimeout } from 'node:timers/promises';
import type { Faults } from './faults.ts';
import type { KindRegistry } from './kinds.ts';
import type { RecordedRequest } from './request-log.ts';
import * as status from './status.ts';

const DEFAULT_SLOW_LIST_MS = 50;

/**
 * Refuses or delays a request before it is handled, as the faults have it.
 * @throws StatusError 401, 403, 429, 500
 */
export async function breakRequest(faults: Faults, kinds: KindRegistry, record: RecordedRequest): Promise<void> {
  if (faults.strike('unauthorizedOnce', record)) throw status.unauthorized();
  if (faults.strike('forbidden', record)) throw forbidden(kinds, record);
  const tooMany = faults.strike('tooMany', record);
  if (tooMany) throw status.tooManyRequests(tooMany.options.retryAfterSeconds ?? faults.choose(2));
  if (faults.strike('internalError', record)) throw status.internalError('etcdserver: request timed out');
  await faults.strike('hold', record)?.removed;
  const slow = record.verb === 'list' ? faults.strike('slowList', record) : undefined;
  if (slow) await setTimeout(slow.options.delayMs ?? DEFAULT_SLOW_LIST_MS, undefined, { ref: false });
}

function forbidden(kinds: KindRegistry, { kind, verb, namespace, name }: RecordedRequest): status.StatusError {
  const type = kinds.all.find(each => each.kind === kind);
  if (type === undefined) return new status.StatusError(403, 'Forbidden', 'forbidden');
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const what = `resource "${type.plural}" in API group "${type.group}"`;
  return status.forbidden(type, name, `User "test" cannot ${verb} ${what} ${where}`);
}
