import { ANNOTATION_QUOTA, type ProjectSpec } from '#api';
import { errorMessage, Quantity } from '#runtime';
import type { Amounts } from './quota.ts';
import { parseOverride } from './quota-override.ts';

type Written = Readonly<Record<string, number | string>>;

/** What a namespace is to have of its project's quota. */
export interface Wanted {
  /** Key by key, the override's or the default; undefined where the override can't be read: then it keeps its share. */
  readonly amounts: Amounts | undefined;
  /** What is wrong with the override, for people. */
  readonly problem?: string;
  /** Keys of the override that the project's quota does not have. They count for nothing. */
  readonly ignored: readonly string[];
}

/** The quota of a project, read once for all its namespaces; undefined where it has none. */
export function quotaOf({
  resourceQuota,
}: ProjectSpec): { readonly hard: Amounts; readonly share: Amounts } | undefined {
  const { hard, namespaceDefault } = resourceQuota ?? {};
  return hard && namespaceDefault && { hard: amountsOf(hard), share: amountsOf(namespaceDefault) };
}

/** What a namespace beyond the project's limit is to have: nothing of every key. */
export function noneOf(share: Amounts): Wanted {
  return { amounts: new Map([...share.keys()].map(key => [key, Quantity.ZERO])), ignored: [] };
}

/** Amounts as they are written in an object. @throws QuantityError */
export function amountsOf(written: Written): Map<string, Quantity> {
  return new Map(Object.entries(written).map(([key, amount]) => [key, Quantity.parse(`${amount}`)]));
}

/** Amounts as the API server writes them, sorted by key. */
export function textOf(amounts: Amounts): Record<string, string> {
  const sorted = [...amounts].sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, amount]) => [key, amount.toString()]));
}

/**
 * What a namespace should have: the project's default, and for the keys that its annotation names what that says. The
 * annotation is a JSON object of quantities that are not negative, such as `{"pods":"20"}`.
 */
export function wantedBy(annotations: Readonly<Record<string, string>> | undefined, share: Amounts): Wanted {
  const text = annotations?.[ANNOTATION_QUOTA];
  if (text === undefined) return { amounts: share, ignored: [] };
  try {
    const override = parseOverride(text);
    const known = [...override].filter(([key]) => share.has(key));
    return {
      amounts: new Map([...share, ...known]),
      ignored: [...override.keys()].filter(key => !share.has(key)).sort(),
    };
  } catch (error) {
    return { amounts: undefined, problem: `annotation ${ANNOTATION_QUOTA}: ${errorMessage(error)}`, ignored: [] };
  }
}
