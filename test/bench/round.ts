/** Rounded for people and for JSON. */
export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

/** The smallest value that a share of the values [0 to 1] does not exceed; 0.5 is the median. */
export function quantile(values: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * values.length));
  return values.toSorted((a, b) => a - b)[rank - 1] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
