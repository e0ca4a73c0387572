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

/** How much a selector may be; see {@link SELECTOR_BOUNDS}. */
export interface SelectorBounds {
  /** UTF-16 code units; whatever is not ASCII does not parse. */
  readonly length: number;
  readonly requirements: number;
}

/** Bounds of a selector that a tenant writes. Values need none of their own: within the length there are at most 2,044. */
export const SELECTOR_BOUNDS: SelectorBounds = { length: 4_096, requirements: 64 };

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
 * The empty string selects everything. The grammar is that of k8s.io/apimachinery/pkg/labels. The bounds are checked
 * before anything is parsed; what is parsed takes memory in proportion to the text.
 * @throws SelectorError
 */
export function parseSelector(text: string, bounds: SelectorBounds = SELECTOR_BOUNDS): LabelSelector {
  if (text.length > bounds.length) throw new SelectorError(`${named(text)} must have at most ${bounds.length} bytes`);
  const requirements = [...new Set(split(text, bounds))].map(part => requirement(part, text));
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
function split(text: string, bounds: SelectorBounds): string[] {
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
      if (parts.length >= bounds.requirements)
        throw new SelectorError(`${named(text)} must have at most ${bounds.requirements} requirements`);
    }
    if (depth < 0 || depth > 1) throw new SelectorError(`${named(text)}: unbalanced parentheses`);
  }
  if (depth !== 0) throw new SelectorError(`${named(text)}: unbalanced parentheses`);
  return [...parts, text.slice(start).trim()];
}

function requirement(part: string, whole: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\((.*)\)$/.exec(part);
  if (set) {
    const [, name = '', operator, list = ''] = set;
    const key = checkedKey(name, whole);
    // one string instead of a set of many, since no value holds a comma
    const values = `,${list
      .split(',')
      .map(value => checkedValue(value.trim(), whole))
      .join()},`;
    const isNamed = (labels: Labels) => has(labels, key) && values.includes(`,${labels[key]},`);
    return operator === 'in' ? isNamed : labels => !isNamed(labels);
  }
  const comparison = /^([^\s=!<>]+)\s*(==|=|!=|<|>)\s*(.*)$/.exec(part);
  if (comparison) return compare(comparison, whole);
  const isAbsence = part.startsWith('!');
  const key = checkedKey(isAbsence ? part.slice(1).trim() : part, whole);
  return isAbsence ? labels => !has(labels, key) : labels => has(labels, key);
}

function compare([, name = '', operator, operand = '']: RegExpExecArray, whole: string): Requirement {
  const key = checkedKey(name, whole);
  const value = checkedValue(operand, whole);
  if (operator === '!=') return labels => labels[key] !== value;
  if (operator !== '<' && operator !== '>') return labels => labels[key] === value;
  if (!/^-?\d+$/.test(value)) throw new SelectorError(`${named(whole)}: ${quote(value)} is no integer`);
  const bound = BigInt(value);
  return labels => {
    const actual = labels[key];
    if (actual === undefined || !/^-?\d+$/.test(actual)) return false;
    return operator === '<' ? BigInt(actual) < bound : BigInt(actual) > bound;
  };
}

function checkedKey(key: string, whole: string): string {
  // the name of a property is found in labels by its identity, and keeps no text alive that it is a slice of
  if (KEY.test(key)) return Object.keys({ [key]: true })[0] ?? key;
  throw new SelectorError(`${named(whole)}: ${quote(key)} is no label key`);
}

function checkedValue(value: string, whole: string): string {
  if (VALUE.test(value)) return value;
  throw new SelectorError(`${named(whole)}: ${quote(value)} is no label value`);
}

/** Labels are data: `constructor` is one only if the object bears it. */
const has = (labels: Labels, key: string) => Object.hasOwn(labels, key);
/** Of a text that a tenant wrote, as much as a message has room for. */
const quote = (text: string) => JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
const named = (text: string) => `label selector ${quote(text)}`;
const SHOWN = 80;
