const NUMBER_AND_UNIT = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;
const WHOLE = new RegExp(`^(?:${NUMBER_AND_UNIT.source})+$`);

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3, // micro sign
  '\u03bcs': 1e-3, // Greek letter mu
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** A longer text is not parsed; the longest that Go writes has 20 characters. */
const LENGTH = 64;

/** A text that is no duration. */
export class DurationError extends Error {
  override readonly name = 'DurationError';
}

/** Milliseconds of a Go duration without sign, such as `1m30s`. @throws DurationError */
export function parseDuration(text: string): number {
  if (text.length > LENGTH)
    throw new DurationError(`"${text.slice(0, LENGTH)}…" must be a Go duration of at most ${LENGTH} characters`);
  if (!WHOLE.test(text)) throw new DurationError(`"${text}" must be a Go duration without sign, such as 1m30s`);
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(NUMBER_AND_UNIT))
    sum += Number(amount) * (MILLISECONDS[unit ?? ''] ?? 0);
  return sum;
}
