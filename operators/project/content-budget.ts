import { weightOf } from '#runtime';
import type { Source } from './kinds.ts';
import { MOST_BYTES } from './share-bounds.ts';

/**
 * What is kept of what one project shares, bytes by estimate: all that it may share, which has 2.3 times as many as it
 * counts at most, and some that is beyond that.
 */
const MOST_KEPT = 4 * MOST_BYTES;

interface Namespace {
  /** By kind and name. */
  readonly weights: Map<string, number>;
  total: number;
}

/**
 * How much of what lies in each namespace of a project is kept in memory. People may put many times of what is copied there;
 * of what finds no room, the size is kept and not the content.
 */
export class ContentBudget {
  readonly #most: number;
  readonly #namespaces = new Map<string, Namespace>();

  constructor(most = MOST_KEPT) {
    this.#most = most;
  }

  /** Whether the object may be kept whole. What was kept of it before makes room for it. */
  admit(kind: string, object: Source): boolean {
    const { namespace = '', name = '' } = object.metadata ?? {};
    this.release(kind, object);
    const found = this.#namespaces.get(namespace) ?? { weights: new Map<string, number>(), total: 0 };
    const weight = weightOf(object);
    if (found.total + weight > this.#most) return false;
    found.weights.set(`${kind} ${name}`, weight);
    found.total += weight;
    this.#namespaces.set(namespace, found);
    return true;
  }

  /** It is there no more, or its content is not. */
  release(kind: string, { metadata }: Source): void {
    const { namespace = '', name = '' } = metadata ?? {};
    const found = this.#namespaces.get(namespace);
    const weight = found?.weights.get(`${kind} ${name}`);
    if (!found || weight === undefined) return;
    found.weights.delete(`${kind} ${name}`);
    found.total -= weight;
    if (found.weights.size === 0) this.#namespaces.delete(namespace);
  }

  /** Bytes that are kept of what lies in a namespace. */
  kept(namespace: string): number {
    return this.#namespaces.get(namespace)?.total ?? 0;
  }
}
