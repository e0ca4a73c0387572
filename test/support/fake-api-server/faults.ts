import { below, type Random } from './random.ts';
import { matches, type RecordedRequest, type RequestFilter } from './request-log.ts';

/** Faults of a request, decided when it arrives, in this order. */
export const REQUEST_FAULTS = [
  /** The connection is destroyed before the request is looked at. */
  'drop',
  /** 401, once per Authorization header that was seen. */
  'unauthorizedOnce',
  /** 403. */
  'forbidden',
  /** 429 with Retry-After. */
  'tooMany',
  /** 500. */
  'internalError',
  /** The request waits until the rule is removed. */
  'hold',
  /** The answer of a list comes late. */
  'slowList',
] as const;

/** Faults of one frame of a watch: an event, or the bookmark that ends the initial events. */
export const FRAME_FAULTS = [
  /** Silence from here on, bookmarks included; the connection stays open. */
  'stall',
  /** The response ends: half of the time cleanly, else in the middle of the frame. */
  'cutWatch',
  /** An ERROR frame with 500 instead, then the end. */
  'errorFrame',
  /** A line that is no JSON instead, then the end. */
  'garbageFrame',
  /** An ERROR frame with 410 instead, then the end. The same fault refuses resumed watches and continued lists. */
  'expire',
  /** The frame comes twice. */
  'duplicateEvents',
  /** The frame comes in pieces; one cut is inside a UTF-8 sequence if there is one. */
  'splitFrame',
] as const;

export type FrameFault = (typeof FRAME_FAULTS)[number];

export type FaultName =
  | (typeof REQUEST_FAULTS)[number]
  | FrameFault
  /** A write is done, its answer never comes: the connection is destroyed. */
  | 'dropAfterWrite'
  /** A watch is accepted, then nothing. */
  | 'halfOpen'
  /** A list tells an older state, under its older resource version. */
  | 'staleList';

export interface FaultOptions extends RequestFilter {
  /** That it strikes where it could, 0 to 1. [1] */
  readonly probability?: number;
  /** Strikes at most so often. [no limit] */
  readonly limit?: number;
  /** slowList: milliseconds. [50] */
  readonly delayMs?: number;
  /** tooMany: seconds. [0 or 1] */
  readonly retryAfterSeconds?: number;
  /** staleList: revisions back. [1 to 20] */
  readonly behind?: number;
}

/** A fault that has been injected. */
export interface FaultRule {
  readonly fault: FaultName;
  readonly options: FaultOptions;
  /** How often it struck. */
  readonly hits: number;
  /** Takes it away; requests it holds go on. */
  remove(): void;
  /** Resolves when it has been taken away. */
  readonly removed: Promise<void>;
}

/**
 * Breaks requests and watches on purpose. One seeded generator decides, one number for each rule that
 * could strike, so that the same requests in the same order meet the same faults. Periodic bookmarks,
 * whose number depends on time, are never asked about.
 */
export class Faults {
  readonly #random: Random;
  readonly #compact: () => void;
  readonly #seenTokens = new Set<string>();
  #rules: Rule[] = [];

  constructor(random: Random, { compact }: { compact: () => void }) {
    this.#random = random;
    this.#compact = compact;
  }

  /** From now on, until removed. Rules add up. */
  inject(fault: FaultName, options: FaultOptions = {}): FaultRule {
    const rule = new Rule(fault, options, each => {
      this.#rules = this.#rules.filter(other => other !== each);
    });
    this.#rules.push(rule);
    return rule;
  }

  /** Takes all faults away. What they have broken stays broken: a half-open watch stays silent. */
  clear(): void {
    for (const rule of this.#rules) rule.remove();
    this.#seenTokens.clear();
  }

  /** Forgets all history: watches and lists that continue from the past are answered 410. */
  compact(): void {
    this.#compact();
  }

  /** The first rule of this name that strikes now. */
  strike(fault: FaultName, request: RecordedRequest): Rule | undefined {
    for (const rule of this.#rules) {
      if (rule.fault !== fault || rule.exhausted || !matches(request, rule.options)) continue;
      if (this.#random() >= (rule.options.probability ?? 1)) continue;
      if (fault === 'unauthorizedOnce' && this.#seen(request)) continue;
      rule.hits += 1;
      return rule;
    }
    return undefined;
  }

  /** A choice that belongs to a fault that has struck. */
  choose(bound: number): number {
    return below(this.#random, bound);
  }

  #seen({ headers: { authorization = '' } }: RecordedRequest): boolean {
    const token = String(authorization);
    const seen = this.#seenTokens.has(token);
    this.#seenTokens.add(token);
    return seen;
  }
}

class Rule implements FaultRule {
  readonly fault: FaultName;
  readonly options: FaultOptions;
  readonly removed: Promise<void>;
  hits = 0;
  readonly #resolve: () => void;
  readonly #forget: (rule: Rule) => void;

  constructor(fault: FaultName, options: FaultOptions, forget: (rule: Rule) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.fault = fault;
    this.options = options;
    this.removed = promise;
    this.#resolve = resolve;
    this.#forget = forget;
  }

  get exhausted(): boolean {
    return this.hits >= (this.options.limit ?? Number.POSITIVE_INFINITY);
  }

  remove(): void {
    this.#forget(this);
    this.#resolve();
  }
}
