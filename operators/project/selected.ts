import type { Template } from './desired.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * Which of a project's templates select a namespace. An answer is kept as long as the cache keeps those labels: 500
 * selectors of 64 requirements each take 0.6 ms a namespace, and a status asks about all of them.
 */
export class Selected {
  readonly #templates: readonly Template[];
  readonly #byLabels = new WeakMap<Labels, readonly Template[]>();

  constructor(templates: readonly Template[]) {
    this.#templates = templates;
  }

  by(labels: Labels = {}): readonly Template[] {
    const known = this.#byLabels.get(labels);
    if (known) return known;
    const selected = this.#templates.filter(({ selector }) => selector.matches(labels));
    this.#byLabels.set(labels, selected);
    return selected;
  }
}
