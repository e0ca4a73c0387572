/** One stop of the README's tour: what a reader types, and what the README says comes of it. */
export interface TourStep {
  /** Shell text, perhaps of several lines. */
  readonly commands: string;
  /** Undefined where the README shows nothing. */
  readonly output: string | undefined;
}

const FENCE = /^```(\w+)\n([\s\S]*?)^```$/gm;

/**
 * The tour in a README: under the heading `## The five-minute tour`, each `sh` block is a step, and a `text` block right
 * after it is what it prints. Throws when there is none.
 */
export function tourSteps(markdown: string): TourStep[] {
  const tour = /^## The five-minute tour$([\s\S]*?)(?=^## )/m.exec(markdown)?.[1];
  if (tour === undefined)
    throw new Error('the README has no section "## The five-minute tour" followed by another one');
  const blocks = [...tour.matchAll(FENCE)].map(([, language = '', text = '']) => ({ language, text }));
  const steps = blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh') return [];
    const next = blocks[index + 1];
    return [{ commands: text, output: next?.language === 'text' ? next.text : undefined }];
  });
  if (steps.length === 0) throw new Error('the tour in the README has no sh block');
  return steps;
}

/** What a command printed, without what differs from run to run: ages, ports, versions and the width of columns. */
export function comparable(output: string): string[] {
  return output
    .split('\n')
    .map(line =>
      line
        .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
        .replace(/\bv1\.\d+\.\d+\b/g, 'VERSION')
        .replace(/(?<=^|\s)(?:\d+[smh])+(?=\s|$)/g, 'AGE')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter(line => line !== '');
}
