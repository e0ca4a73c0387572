/** A seeded source of numbers in [0, 1): the same seed gives the same sequence everywhere. */
export type Random = () => number;

/** mulberry32: 32 bits of state, a full period of 2^32, good enough to choose faults and names. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** An integer in [0, bound). */
export function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

/** `length` characters of `alphabet`. */
export function randomString(random: Random, { length, alphabet }: { length: number; alphabet: string }): string {
  return Array.from({ length }, () => alphabet.charAt(below(random, alphabet.length))).join('');
}

/** A version 4 UUID. */
export function randomUid(random: Random): string {
  const hex = randomString(random, { length: 30, alphabet: '0123456789abcdef' });
  const variant = '89ab'.charAt(below(random, 4));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-${variant}${hex.slice(15, 18)}-${hex.slice(18)}`;
}
