/**
 * One copy of equal values, so that many objects can hold the same one. Keeps so many of them at most; when it is full
 * it begins anew, and whoever holds an earlier copy keeps that.
 */
export class SharedValues<T> {
  readonly #most: number;
  readonly #values = new Map<string, T>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The value under the key, made if there is none. */
  get(key: string, make: () => T): T {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size >= this.#most) this.#values.clear();
    const value = make();
    this.#values.set(key, value);
    return value;
  }
}
