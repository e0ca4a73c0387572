import { Quantity, QuantityError } from '#runtime';
import type { QuotaFigures } from './kinds.ts';
import type { Amounts } from './quota.ts';

/** What one namespace uses, by the status of its ResourceQuota. */
export function usedOf({ used }: Pick<QuotaFigures, 'used'>): Amounts {
  return readable(used);
}

/** What one namespace is held to, by the status of its ResourceQuota. */
export function enforcedOf({ enforced }: Pick<QuotaFigures, 'enforced'>): Amounts {
  return readable(enforced);
}

/** What one namespace uses beyond its ResourceQuota, by the keys of which that is so: it was filled under another. */
export function excessOf({ hard, used }: Pick<QuotaFigures, 'hard' | 'used'>): Amounts {
  const most = readable(hard);
  const excess = [...readable(used)].flatMap(([key, amount]) => {
    const limit = most.get(key);
    return limit && amount.compare(limit) > 0 ? [[key, amount.minus(limit)] as const] : [];
  });
  return new Map(excess);
}

/** What is no quantity, which no API server writes, is left out. */
function readable(figures: QuotaFigures['hard']): Amounts {
  const amounts = new Map<string, Quantity>();
  for (const [key, written] of Object.entries(figures)) {
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
  const isEnforced = (key: string) => figures.some(({ enforced }) => Object.hasOwn(enforced, key));
  const isCounted = (key: string) => figures.some(({ used }) => Object.hasOwn(used, key));
  return [...keys].filter(key => isEnforced(key) && !isCounted(key)).sort();
}
