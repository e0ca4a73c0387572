/** Rounded for people and for JSON. */
export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}
