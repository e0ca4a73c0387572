/** What a benchmark printed. */
export type Figures = Readonly<Record<string, unknown>>;

/** One figure of two versions that were measured in turns. */
export interface Paired {
  /** Medians. */
  readonly now: number;
  readonly before: number;
  /** Of the turns' ratios, now to then: the median, the least and the most; null where before was 0. */
  readonly ratio: number | null;
  readonly least: number | null;
  readonly most: number | null;
}

/** The numbers that both versions print, by name; what is no number, or is printed by one of them alone, is left out. */
export function paired(now: readonly Figures[], before: readonly Figures[]): Record<string, Paired> {
  const names = Object.keys(now[0] ?? {}).filter(name => [...now, ...before].every(each => isNumber(each[name])));
  return Object.fromEntries(
    names.map(name => {
      const [ours, theirs] = [now, before].map(turns => turns.map(each => Number(each[name])));
      return [name, pair(ours ?? [], theirs ?? [])];
    }),
  );
}

function pair(now: readonly number[], before: readonly number[]): Paired {
  const ratios = now.map((each, turn) => each / (before[turn] ?? 0)).filter(Number.isFinite);
  const some = ratios.length > 0;
  return {
    now: rounded(median(now)),
    before: rounded(median(before)),
    ratio: some ? rounded(median(ratios)) : null,
    least: some ? rounded(Math.min(...ratios)) : null,
    most: some ? rounded(Math.max(...ratios)) : null,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const rounded = (value: number): number => Number(value.toPrecision(4));
