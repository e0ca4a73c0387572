import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
const LONGEST_POLL_MS = 500;

export interface EventuallyOptions {
  /** Milliseconds until it is given up. */
  readonly timeoutMs: number;
  /** Completes the sentence "… did not happen": `the copy appears in ns-3`. */
  readonly what: string;
}

type Falsy = false | 0 | '' | null | undefined;

/**
 * Calls `probe` until it returns something truthy, and returns that. A probe that throws is called again. After
 * `timeoutMs` it fails, saying what did not happen and what the last call threw or returned. It waits for a probe that
 * hangs no longer than that either.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeoutMs, what }: EventuallyOptions,
): Promise<Exclude<T, Falsy>> {
  const deadline = Date.now() + timeoutMs;
  let last: Outcome<T> | undefined;
  while (Date.now() <= deadline) {
    const begun = performance.now();
    const outcome = await attempt(probe, deadline);
    if (outcome !== HUNG) last = outcome;
    if ('value' in outcome && isTruthy(outcome.value)) return outcome.value;
    await delay(Math.min(pauseAfter(performance.now() - begun), Math.max(0, deadline - Date.now())));
  }
  last ??= HUNG;
  const seen = 'cause' in last ? `last error: ${describe(last.cause)}` : `last value: ${describe(last.value)}`;
  throw new Error(`not within ${timeoutMs} ms: ${what}; ${seen}`, 'cause' in last ? { cause: last.cause } : {});
}

/** A probe that asks servers for much takes their time from what is waited for: it may take a quarter of it. */
const pauseAfter = (tookMs: number) => Math.min(Math.max(POLL_MS, 3 * tookMs), LONGEST_POLL_MS);

/** As `eventually`, for a function that asserts: it is called until it does not throw. */
export async function eventuallyPasses(assertion: () => unknown, options: EventuallyOptions): Promise<void> {
  await eventually(async () => {
    await assertion();
    return true;
  }, options);
}

/** How long nothing may come before it is taken for all there is. */
const QUIET_MS = 1_000;

/** Waits until the count has stood still for a second: what is counted with its answer comes after its effect. */
export async function untilStill(count: () => number): Promise<void> {
  let last: number;
  do {
    last = count();
    await delay(QUIET_MS);
  } while (count() !== last);
}

type Outcome<T> = { readonly value: T | undefined } | { readonly cause: unknown };

/** Told only where no call came back: what the last but one brought says more. */
const HUNG = { cause: new Error('the last call did not come back') };

async function attempt<T>(probe: () => T | Promise<T>, deadline: number): Promise<Outcome<T>> {
  const timeUp = new AbortController();
  const limit = delay(Math.max(0, deadline - Date.now()), undefined, { signal: timeUp.signal }).then(
    () => HUNG,
    () => ({ value: undefined }),
  );
  const call = (async () => ({ value: await probe() }))().catch((cause: unknown) => ({ cause }));
  try {
    return await Promise.race([call, limit]);
  } finally {
    timeUp.abort();
  }
}

function isTruthy<T>(value: T | undefined): value is Exclude<T, Falsy> {
  return Boolean(value);
}

function describe(value: unknown): string {
  // Not by `instanceof Error`: Node's own errors are of another realm than a test's.
  if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}
