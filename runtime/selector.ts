/** A parsed label selector in the string form of kubectl and the API's query parameter. */
export interface LabelSelector {
  matches(labels: Labels | undefined): boolean;
}

/** metav1.LabelSelector. */
export interface SelectorObject {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Thrown by {@link parseSelector}; the message names the part that does not parse. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
}

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

/** A DNS subdomain as prefix, then a name: labels between dots may not be empty. */
const KEY =
  /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/**
 * Parses `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a>1`, `a<1`, joined by commas.
 * The empty string selects everything. The grammar is that of k8s.io/apimachinery/pkg/labels.
 * @throws SelectorError
 */
export function parseSelector(text: string): LabelSelector {
  const requirements = split(text).map(part => requirement(part, text));
  return { matches: (labels = {}) => requirements.every(holds => holds(labels)) };
}

/** The same selector as an object of the API, such as a field of a spec, in the string form; `{}` selects everything. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: SelectorObject): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${values.join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}

/** Cuts at the commas that are not inside parentheses. */
function split(text: string): string[] {
  if (text.trim() === '') return [];
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
    if (depth < 0 || depth > 1) throw new SelectorError(`label selector ${quote(text)}: unbalanced parentheses`);
  }
  if (depth !== 0) throw new SelectorError(`label selector ${quote(text)}: unbalanced parentheses`);
  return [...parts, text.slice(start).trim()];
}

function requirement(part: string, whole: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\((.*)\)$/.exec(part);
  if (set) {
    const [, name = '', operator, list = ''] = set;
    const key = checkedKey(name, whole);
    const values = new Set(list.split(',').map(value => checkedValue(value.trim(), whole)));
    const named = (labels: Labels) => has(labels, key) && values.has(labels[key] ?? '');
    return operator === 'in' ? named : labels => !named(labels);
  }
  const comparison = /^([^\s=!<>]+)\s*(==|=|!=|<|>)\s*(.*)$/.exec(part);
  if (comparison) return compare(comparison, whole);
  const absent = /^!\s*(.+)$/.exec(part);
  const key = checkedKey(absent?.[1] ?? part, whole);
  return absent ? labels => !has(labels, key) : labels => has(labels, key);
}

function compare([, name = '', operator, operand = '']: RegExpExecArray, whole: string): Requirement {
  const key = checkedKey(name, whole);
  const value = checkedValue(operand, whole);
  if (operator === '!=') return labels => labels[key] !== value;
  if (operator !== '<' && operator !== '>') return labels => labels[key] === value;
  if (!/^-?\d+$/.test(value)) throw new SelectorError(`label selector ${quote(whole)}: ${quote(value)} is no integer`);
  const bound = BigInt(value);
  return labels => {
    const actual = labels[key];
    if (actual === undefined || !/^-?\d+$/.test(actual)) return false;
    return operator === '<' ? BigInt(actual) < bound : BigInt(actual) > bound;
  };
}

function checkedKey(key: string, whole: string): string {
  if (KEY.test(key)) return key;
  throw new SelectorError(`label selector ${quote(whole)}: ${quote(key)} is no label key`);
}

function checkedValue(value: string, whole: string): string {
  if (VALUE.test(value)) return value;
  throw new SelectorError(`label selector ${quote(whole)}: ${quote(value)} is no label value`);
}

/** Labels are data: `constructor` is one only if the object bears it. */
const has = (labels: Labels, key: string) => Object.hasOwn(labels, key);
const quote = (text: string) => JSON.stringify(text);
