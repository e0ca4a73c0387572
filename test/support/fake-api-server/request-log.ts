import type { Verb } from './request.ts';

/** A request as it arrived, whatever became of it. */
export interface RecordedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `other` for paths that are no resource's, as `/version`. */
  readonly verb: Verb | 'other';
  /** Of the resource, as `ConfigMap`; empty for other paths. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds since the server started. */
  readonly at: number;
  /** Of the answer; missing while there is none and for connections that were dropped instead. */
  status?: number;
}

export interface RequestFilter {
  readonly verb?: RecordedRequest['verb'] | readonly RecordedRequest['verb'][];
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export const WRITE_VERBS: readonly Verb[] = ['create', 'update', 'patch', 'delete', 'deletecollection'];

/** Every request since the start or the last {@link clear}. */
export class RequestLog {
  readonly entries: RecordedRequest[] = [];

  matching(filter: RequestFilter): RecordedRequest[] {
    return this.entries.filter(entry => matches(entry, filter));
  }

  count(filter: RequestFilter = {}): number {
    return this.matching(filter).length;
  }

  /** How many of each verb; verbs that did not occur are missing. */
  get counts(): Partial<Record<RecordedRequest['verb'], number>> {
    const counts: Partial<Record<RecordedRequest['verb'], number>> = {};
    for (const { verb } of this.entries) counts[verb] = (counts[verb] ?? 0) + 1;
    return counts;
  }

  clear(): void {
    this.entries.length = 0;
  }
}

/** Whether a request is one that the filter means; what the filter does not name does not matter. */
export function matches(
  request: Pick<RecordedRequest, 'verb' | 'kind' | 'namespace' | 'name'>,
  { verb, kind, namespace, name }: RequestFilter,
): boolean {
  if (verb !== undefined && !(Array.isArray(verb) ? verb.includes(request.verb) : verb === request.verb)) return false;
  if (kind !== undefined && kind !== request.kind) return false;
  if (namespace !== undefined && namespace !== request.namespace) return false;
  return name === undefined || name === request.name;
}
