/** What tells the place of one among others. */
export interface Rank {
  /** Different for each. */
  readonly name: string;
  /** Before all of which this is not so. */
  readonly first: boolean;
  /** RFC 3339 in UTC; the oldest first, and of the same age by name. */
  readonly since: string;
}

export interface JoiningOrderOptions<T> {
  /** So many are within it. */
  readonly limit: number;
  readonly rank: (member: T) => Rank;
}

/**
 * Members in the order of their ranks, and which of them are beyond a limit. One that comes or goes is put in its place:
 * O(log n), and a move of the references behind it, so that very many that come one by one cost no more than their number.
 */
export class JoiningOrder<T> {
  readonly #options: JoiningOrderOptions<T>;
  readonly #ranks: Map<string, Rank>;
  readonly #sorted: Rank[];
  readonly #beyond: Set<string>;

  constructor(options: JoiningOrderOptions<T>, members: readonly T[] = []) {
    this.#options = options;
    this.#sorted = members.map(options.rank).sort(compareRanks);
    this.#ranks = new Map(this.#sorted.map(rank => [rank.name, rank]));
    const beyond = Number.isFinite(options.limit) ? this.#sorted.slice(options.limit) : [];
    this.#beyond = new Set(beyond.map(({ name }) => name));
  }

  /** The names of those beyond the limit. */
  get beyond(): ReadonlySet<string> {
    return this.#beyond;
  }

  get size(): number {
    return this.#sorted.length;
  }

  /** Puts one in its place. Returns the names of those that are beyond the limit now and were not, or the reverse. */
  set(member: T): string[] {
    const rank = this.#options.rank(member);
    const before = this.#ranks.get(rank.name);
    if (before && compareRanks(before, rank) === 0) return [];
    const flipped = before ? this.#remove(before) : [];
    return [...flipped, ...this.#insert(rank)];
  }

  /** The same of one that goes, whose own name is among them where it was beyond. */
  delete(name: string): string[] {
    const rank = this.#ranks.get(name);
    return rank ? this.#remove(rank) : [];
  }

  #insert(rank: Rank): string[] {
    const { limit } = this.#options;
    const index = this.#indexOf(rank);
    this.#sorted.splice(index, 0, rank);
    this.#ranks.set(rank.name, rank);
    const pushedOut = index < limit ? this.#sorted[limit] : rank;
    if (!pushedOut) return [];
    this.#beyond.add(pushedOut.name);
    return [pushedOut.name];
  }

  #remove(rank: Rank): string[] {
    this.#sorted.splice(this.#indexOf(rank), 1);
    this.#ranks.delete(rank.name);
    if (this.#beyond.delete(rank.name)) return [rank.name];
    const next = this.#sorted[this.#options.limit - 1];
    return next && this.#beyond.delete(next.name) ? [next.name] : [];
  }

  /** Where it is, or would be. */
  #indexOf(rank: Rank): number {
    let [from, to] = [0, this.#sorted.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = this.#sorted[middle];
      if (other && compareRanks(other, rank) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function compareRanks(one: Rank, other: Rank): number {
  return Number(other.first) - Number(one.first) || compare(one.since, other.since) || compare(one.name, other.name);
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
