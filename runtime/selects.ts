import type { KubeObject } from './resource.ts';
import type { Selection } from './selection.ts';
import { parseSelector } from './selector.ts';

/** Whether the server would send an object for a selection; `undefined` where only the watch can tell. */
export type Selects = (object: KubeObject) => boolean | undefined;

/** Field selectors on metadata.name and metadata.namespace are understood, others left to the watch. */
export function selects({ namespace, labelSelector, fieldSelector }: Selection): Selects {
  const labels = parseSelector(labelSelector ?? '');
  const fields = (fieldSelector ?? '').split(',').filter(Boolean).map(field);
  return object => {
    const { metadata = {} } = object;
    if (namespace !== undefined && namespace !== metadata.namespace) return false;
    if (!labels.matches(metadata.labels)) return false;
    const answers = fields.map(matches => matches(object));
    return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
  };
}

function field(term: string): Selects {
  const [, path, operator, value] = /^(.+?)(!=|==|=)(.*)$/.exec(term) ?? [];
  if (path !== 'metadata.name' && path !== 'metadata.namespace') return () => undefined;
  const name = path === 'metadata.name' ? 'name' : 'namespace';
  return ({ metadata }) => ((metadata?.[name] ?? '') === value) === (operator !== '!=');
}
