import { errorMessage, Quantity } from '#runtime';
import { shown } from './shown.ts';

/** The longest annotation that is parsed; that of 64 keys with long domains takes half of it. */
const LENGTH = 16_384;
/** As many as spec.resourceQuota takes. */
const MOST_KEYS = 64;
/** The longest key of a ResourceQuota: `requests.`, a DNS subdomain, a slash and a name. */
const KEY_LENGTH = 9 + 253 + 1 + 63;

/** The annotation `paddock.dev/quota` can't be used; the message names the value and the rule. */
export class OverrideError extends Error {
  override readonly name = 'OverrideError';
}

/** Reads a JSON object of quantities that are not negative, such as `{"pods":"20"}`. @throws OverrideError */
export function parseOverride(text: string): Map<string, Quantity> {
  if (text.length > LENGTH) throw new OverrideError(`${shown(text)} must have at most ${LENGTH} bytes`);
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new OverrideError(`${shown(text)} must be a JSON object of quantities, such as {"pods":"20"}`);
  const keys = keysOf(text);
  if (keys.length > MOST_KEYS) throw new OverrideError(`${shown(text)} must have at most ${MOST_KEYS} keys`);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new OverrideError(`key ${shown(twice)} must not be there twice`);
  return new Map(Object.entries(parsed).map(([key, value]) => [key, amountOf(key, value)]));
}

function amountOf(key: string, value: unknown): Quantity {
  if (key.length > KEY_LENGTH) throw new OverrideError(`key ${shown(key)} must have at most ${KEY_LENGTH} characters`);
  const where = key.length > 80 ? `${key.slice(0, 80)}…` : key;
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new OverrideError(`${where}: ${shown(JSON.stringify(value))} must be a quantity, such as "20"`);
  let amount: Quantity;
  try {
    amount = Quantity.parse(`${value}`);
  } catch (error) {
    throw new OverrideError(`${where}: ${errorMessage(error)}`, { cause: error });
  }
  if (amount.isNegative) throw new OverrideError(`${where}: ${shown(`${value}`)} must not be negative`);
  return amount;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OverrideError(`${shown(text)} must be JSON, such as {"pods":"20"}`);
  }
}

/** What a value may be nested in, so that it can be shown; one that is right is not nested at all. */
const DEPTH = 8;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** The keys of a JSON object in its text, those too that come twice. `text` is JSON, so every string in it ends. */
function keysOf(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let before = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token === ':' && depth === 1) keys.push(JSON.parse(before));
    if (depth > DEPTH) throw new OverrideError(`${shown(text)} must be a JSON object of quantities, not of objects`);
    before = token;
  }
  return keys;
}
