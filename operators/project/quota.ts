import { Quantity } from '#runtime';

/** Amounts by the keys of a ResourceQuota. */
export type Amounts = ReadonlyMap<string, Quantity>;

/** What each namespace has been promised, by its name. No ResourceQuota is raised above it. */
export type Ledger = ReadonlyMap<string, Amounts>;

/** A namespace that is to have a share. */
export interface Claim {
  readonly namespace: string;
  /** When it was created, RFC 3339: the oldest is served first. */
  readonly since: string;
  /** Undefined of one whose override can't be read: it keeps what it has. */
  readonly wanted: Amounts | undefined;
}

/** The ResourceQuota of ours that a namespace has. */
export interface Held {
  readonly hard: Amounts;
  /** The ledger's revision when it was written. */
  readonly revision: number | undefined;
  /** What Kubernetes holds the namespace to: follows {@link hard} a moment later. Without it nothing is known. */
  readonly enforced?: Amounts;
  /** What the namespace uses. */
  readonly used?: Amounts;
}

export interface Books {
  /** Undefined when it was lost: then what namespaces hold is what they were promised. */
  readonly ledger: Ledger | undefined;
  /** Counts the changes of the ledger. */
  readonly revision: number;
  readonly held: ReadonlyMap<string, Held>;
  /**
   * Who left so lately that what they were promised may still be on its way to them, and who is Terminating: what was
   * made there may go on until the namespace is gone.
   */
  readonly departing?: ReadonlySet<string>;
  /** What others who left use beyond what they have in their next project. */
  readonly taken?: ReadonlyMap<string, Amounts>;
}

/** A share of one key that did not fit. */
export interface Lack {
  readonly namespace: string;
  readonly key: string;
  readonly wanted: Quantity;
  /** What it has instead. */
  readonly has: Quantity;
  /** What was left when its turn came. */
  readonly free: Quantity;
}

/** What one ResourceQuota is to say. */
export interface Share {
  readonly hard: Amounts;
  /**
   * It must be written although it says so already: the ledger promises more, and somebody may be about to write that.
   * Only when this write stands against theirs may the promise be taken back.
   */
  readonly again: boolean;
}

export interface Dealt {
  /** To be in force before any ResourceQuota is written. */
  readonly ledger: Ledger;
  readonly shares: ReadonlyMap<string, Share>;
  /** Those who get nothing, since the ledger has no room for them. */
  readonly crowdedOut: readonly string[];
  readonly lacking: readonly Lack[];
}

/** Namespaces of one Project that carry a quota at most: its status holds the ledger. */
export const LEDGER_SIZE = 1_000;

/**
 * Deals out what a Project may have to its namespaces, key by key, never more than there is: the oldest first, then by
 * name, and each share whole or not at all. Who is not served keeps what it had. Pure; whatever the books say, the
 * ledger that comes of it is within `hard`. See docs/decisions/0021.
 */
export function deal(hard: Amounts, claims: readonly Claim[], books: Books): Dealt {
  const sorted = [...claims].sort(byAge);
  const table = new Table(hard, sorted, books);
  const lacking: Lack[] = [];
  for (const [key, most] of hard) lacking.push(...table.deal(key, most));
  return { ...table.result(), lacking };
}

/** The parts of one deal that all keys share. */
class Table {
  readonly #claims: readonly Claim[];
  readonly #books: Books;
  /** Of the ledger before, without those who have left and hold nothing. */
  readonly #leaving: readonly string[];
  readonly #crowdedOut: readonly string[];
  readonly #ledger = new Map<string, Map<string, Quantity>>();
  readonly #shares = new Map<string, { hard: Map<string, Quantity>; again: boolean }>();

  constructor(hard: Amounts, claims: readonly Claim[], books: Books) {
    const { ledger, held, departing, taken } = books;
    this.#books = books;
    const claiming = new Set(claims.map(({ namespace }) => namespace));
    const known = ledger ? [...ledger.keys()] : [...held.keys()];
    const isLeaving = (namespace: string) => [held, departing, taken].some(each => each?.has(namespace));
    this.#leaving = known.filter(namespace => !claiming.has(namespace) && isLeaving(namespace)).slice(0, LEDGER_SIZE);
    const room = LEDGER_SIZE - this.#leaving.length;
    // who is in the ledger stays there
    const isIn = ({ namespace }: Claim) => ledger?.has(namespace) ?? held.has(namespace);
    const seated = [...claims.filter(isIn), ...claims.filter(claim => !isIn(claim))];
    this.#claims = seated.slice(0, room).sort(byAge);
    this.#crowdedOut = seated.slice(room).map(({ namespace }) => namespace);
    for (const namespace of this.#crowdedOut)
      this.#shares.set(namespace, { hard: new Map([...hard.keys()].map(key => [key, Quantity.ZERO])), again: false });
  }

  deal(key: string, most: Quantity): Lack[] {
    const lacking: Lack[] = [];
    let free = most;
    const promised = new Map<string, Quantity>();
    const keep = (namespace: string, amount: Quantity) => {
      const fits = amount.compare(free) <= 0 ? amount : Quantity.ZERO; // more than there is was never promised
      promised.set(namespace, fits);
      free = free.minus(fits);
    };
    for (const namespace of this.#leaving) keep(namespace, this.#left(namespace, key));
    for (const claim of this.#claims) keep(claim.namespace, this.#standing(claim, key));
    for (const claim of this.#claims) {
      const { namespace } = claim;
      const has = promised.get(namespace) ?? Quantity.ZERO;
      const wanted = claim.wanted?.get(key) ?? has;
      const more = wanted.minus(has);
      const fits = more.compare(free) <= 0;
      if (!fits) lacking.push({ namespace, key, wanted, has, free });
      else if (more.compare(Quantity.ZERO) > 0) {
        promised.set(namespace, wanted);
        free = free.minus(more);
      }
      const needed = greater(wanted, this.#used(namespace, key));
      this.#give(namespace, key, fits ? wanted : has, (promised.get(namespace) ?? has).compare(needed) > 0);
    }
    for (const [namespace, amount] of promised) this.#enter(namespace, key, amount);
    return lacking;
  }

  result(): Omit<Dealt, 'lacking'> {
    return { ledger: this.#ledger, shares: this.#shares, crowdedOut: this.#crowdedOut };
  }

  /** What the ledger says; of a ledger that was lost, what is held. */
  #promised(namespace: string, key: string): Quantity {
    const { ledger, held } = this.#books;
    const amounts = ledger ? ledger.get(namespace) : held.get(namespace)?.hard;
    return amounts?.get(key) ?? Quantity.ZERO;
  }

  /** What is promised to one that left: all as long as that may be given or used, then what it took along. */
  #left(namespace: string, key: string): Quantity {
    const { held, departing, taken } = this.#books;
    const promised = this.#promised(namespace, key);
    if (held.has(namespace) || departing?.has(namespace)) return promised;
    return lesser(taken?.get(namespace)?.get(key) ?? Quantity.ZERO, promised);
  }

  #used(namespace: string, key: string): Quantity {
    return this.#books.held.get(namespace)?.used?.get(key) ?? Quantity.ZERO;
  }

  /**
   * What is promised and can't be taken back yet: less, once the ResourceQuota was written at less under this ledger and
   * Kubernetes holds the namespace to that, but never less than what is used: that stays when a share is lowered.
   */
  #standing({ namespace, wanted }: Claim, key: string): Quantity {
    const promised = this.#promised(namespace, key);
    const less = wanted?.get(key);
    if (less === undefined || less.compare(promised) >= 0) return promised;
    const held = this.#books.held.get(namespace);
    const isLowered =
      held !== undefined &&
      held.revision === this.#books.revision &&
      (held.hard.get(key)?.compare(less) ?? 1) <= 0 &&
      (held.enforced?.get(key)?.compare(less) ?? 0) <= 0;
    return isLowered ? lesser(greater(less, this.#used(namespace, key)), promised) : promised;
  }

  #give(namespace: string, key: string, amount: Quantity, again: boolean): void {
    const share = this.#shares.get(namespace) ?? { hard: new Map<string, Quantity>(), again: false };
    share.hard.set(key, amount);
    share.again ||= again;
    this.#shares.set(namespace, share);
  }

  #enter(namespace: string, key: string, amount: Quantity): void {
    const amounts = this.#ledger.get(namespace) ?? new Map<string, Quantity>();
    amounts.set(key, amount);
    this.#ledger.set(namespace, amounts);
  }
}

function lesser(one: Quantity, other: Quantity): Quantity {
  return one.compare(other) <= 0 ? one : other;
}

function greater(one: Quantity, other: Quantity): Quantity {
  return one.compare(other) >= 0 ? one : other;
}

/** What all namespaces of a ledger have together. */
export function sumOf(ledger: Iterable<Amounts>, keys: Iterable<string>): Map<string, Quantity> {
  const sums = new Map([...keys].map(key => [key, Quantity.ZERO]));
  for (const amounts of ledger)
    for (const [key, amount] of amounts) {
      const sum = sums.get(key);
      if (sum) sums.set(key, sum.plus(amount));
    }
  return sums;
}

function byAge(a: Claim, b: Claim): number {
  if (a.since !== b.since) return a.since < b.since ? -1 : 1;
  return a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0;
}
