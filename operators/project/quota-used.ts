import { Quantity, QuantityError } from '#runtime';
import type { QuotaFigures } from './kinds.ts';
import type { Amounts } from './quota.ts';

/** What one namespace uses, by the status of its ResourceQuota. What is no quantity, which no API server writes, is left out. */
export function usedOf({ used }: QuotaFigures): Amounts {
  const amounts = new Map<string, Quantity>();
  for (const [key, written] of Object.entries(used)) {
    try {
      amounts.set(key, Quantity.parse(`${written}`));
    } catch (error) {
      if (!(error instanceof QuantityError)) throw error;
    }
  }
  return amounts;
}

/**
 * Keys that Kubernetes enforces somewhere and counts nowhere: its controller writes a `used` for every key that it has an
 * evaluator for, in the same update as `hard`. So the cluster has no such resource, or never counts it.
 */
export function uncountedOf(figures: readonly QuotaFigures[], keys: Iterable<string>): string[] {
  const isEnforced = (key: string) => figures.some(({ enforced }) => enforced.includes(key));
  const isCounted = (key: string) => figures.some(({ used }) => Object.hasOwn(used, key));
  return [...keys].filter(key => isEnforced(key) && !isCounted(key)).sort();
}
