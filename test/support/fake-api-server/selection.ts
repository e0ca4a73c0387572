import { parseSelector, SelectorError } from '../../../runtime/selector.ts';
import { type ApiObject, valueAt } from './api-object.ts';
import type { FakeKind } from './kinds.ts';
import { badRequest } from './status.ts';

/** Whether an object belongs to a list or watch: its namespace, labelSelector and fieldSelector. */
export type Selects = (object: ApiObject) => boolean;

/** @throws StatusError 400 for a selector that does not parse or a field that cannot be selected by */
export function parseSelection(kind: FakeKind, namespace: string | undefined, query: URLSearchParams): Selects {
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(kind, query.get('fieldSelector') ?? '');
  return object =>
    (namespace === undefined || object.metadata.namespace === namespace) && labels(object) && fields(object);
}

function labelSelector(text: string): Selects {
  try {
    const selector = parseSelector(text);
    return object => selector.matches(object.metadata.labels);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(`unable to parse requirement: ${error.message}`);
    throw error;
  }
}

function fieldSelector(kind: FakeKind, text: string): Selects {
  const known = ['metadata.name', 'metadata.namespace', ...(kind.selectableFields ?? [])];
  const requirements = text
    .split(',')
    .filter(part => part !== '')
    .map(part => fieldRequirement(part, known));
  return object => requirements.every(holds => holds(object));
}

function fieldRequirement(part: string, known: readonly string[]): Selects {
  const [, field = '', operator, value] = /^([^=!]*)(!=|==|=)(.*)$/.exec(part) ?? [];
  if (operator === undefined) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
  if (!known.includes(field))
    throw badRequest(`"${field}" is not a known field selector: only ${known.map(each => `"${each}"`).join(', ')}`);
  return object => (String(valueAt(object, field) ?? '') === value) === (operator !== '!=');
}
