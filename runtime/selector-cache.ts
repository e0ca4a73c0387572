import { type LabelSelector, parseSelector } from './selector.ts';

/** Parsed selectors by their texts, so that objects with equal ones share one; those used longest ago go first. */
export class SelectorCache {
  readonly #capacity: number;
  readonly #parsed = new Map<string, LabelSelector>();

  /** @param capacity selectors at most */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#parsed.size;
  }

  /** @throws SelectorError */
  parse(text: string): LabelSelector {
    const selector = this.#parsed.get(text) ?? parseSelector(text);
    this.#parsed.delete(text);
    this.#parsed.set(text, selector);
    const [oldest] = this.#parsed.keys();
    if (this.#parsed.size > this.#capacity && oldest !== undefined) this.#parsed.delete(oldest);
    return selector;
  }
}
