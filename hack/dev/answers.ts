import type { ControlPlane } from '../control-plane/control-plane.ts';

/** What the API server answers to a GET, parsed; undefined when there is no such object. */
export async function findJson(api: ControlPlane['api'], path: string): Promise<unknown> {
  const { status, text } = await api.request({ path, timeoutMs: 2_000 });
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`GET ${path} answers ${status}`);
  return JSON.parse(text);
}

/** As {@link findJson}; an error when there is no such object. */
export async function getJson(api: ControlPlane['api'], path: string): Promise<unknown> {
  const answer = await findJson(api, path);
  if (answer === undefined) throw new Error(`GET ${path} answers 404`);
  return answer;
}

/** The value under this path of names; undefined where there is none. */
export function field(object: unknown, ...path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return object;
  if (typeof object !== 'object' || object === null) return undefined;
  return field(Object.entries(object).find(([key]) => key === name)?.[1], ...rest);
}

/** As {@link field}, when that is a text. */
export function textField(object: unknown, ...path: readonly string[]): string | undefined {
  const value = field(object, ...path);
  return typeof value === 'string' ? value : undefined;
}

/** A value of a Secret, decoded; undefined when it has none under this key. */
export function secretValue(secret: unknown, key: string): string | undefined {
  const encoded = textField(secret, 'data', key);
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

export function items(list: unknown): readonly unknown[] {
  const value = field(list, 'items');
  return Array.isArray(value) ? value : [];
}
