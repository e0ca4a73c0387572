import {
  ApiError,
  type Clock,
  type Cluster,
  ConnectionError,
  errorMessage,
  isAlreadyExists,
  isForbidden,
  parseAnswer,
  WriteRefusedError,
} from '#runtime';
import type { PolicyProbe } from './kinds.ts';
import { PROBE_USER } from './probe-account.ts';

/** A policy, and the write that only it refuses. */
export interface Provable {
  readonly name: string;
  readonly probe: PolicyProbe;
}

export interface ProofsOptions {
  /** The connection; it refuses to send while another writes to the cluster. */
  readonly cluster: Pick<Cluster, 'client' | 'signal'>;
  readonly policies: readonly Provable[];
  /** Makes the account that probes are sent as. @throws what keeps it from being made */
  readonly prepare: () => Promise<void>;
  readonly clock: Clock;
}

/** What is known of whether the cluster enforces the policies. */
export type ProofState =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'enforced' }
  /** Probes of these policies were let through. */
  | { readonly kind: 'passed'; readonly policies: readonly string[] }
  /** Probes of these policies were never answered by a policy or let through; the last answers by policy. */
  | { readonly kind: 'unproven'; readonly answers: ReadonlyMap<string, Answer> };

/** An answer to a probe: the policy refused it, nothing did, or something else happened that proves neither. */
export type Answer = 'refused' | 'passed' | { readonly error: string; readonly forbidden: boolean };

/** A policy that was just written is enforced by the API server within this. */
const ENFORCED_WITHIN_MS = 30_000;
/** Between two tries of new policies, doubled up to the longest. */
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4_000;
/** What proves nothing is tried again after this, doubled up to the longest. */
const RETRY_MS = 4_000;
const LONGEST_RETRY_MS = 60_000;
/** What was proven is tried again after this. */
export const PROVEN_FOR_MS = 600_000;
const TIMEOUT_MS = 10_000;

/**
 * Proves that a cluster enforces the policies that are installed on it: for each one a write that it alone refuses is
 * sent as a dry run. An answer that proves nothing leaves what was known of a policy as it was.
 */
export class Proofs {
  readonly #options: ProofsOptions;
  /** Whether a policy refused its probe when that was last seen. */
  readonly #known = new Map<string, boolean>();
  #answers: ReadonlyMap<string, Answer> = new Map();
  #isPrepared = false;
  /** Tries in a row that left something unproven. */
  #unproven = 0;
  #due = Number.NEGATIVE_INFINITY;

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  get state(): ProofState {
    const passed = this.#names.filter(name => this.#known.get(name) === false);
    if (passed.length > 0) return { kind: 'passed', policies: passed };
    const unproven = this.#names.filter(name => !this.#known.has(name));
    if (unproven.length === 0) return { kind: 'enforced' };
    if (this.#answers.size === 0) return { kind: 'unknown' };
    return { kind: 'unproven', answers: new Map([...this.#answers].filter(([name]) => unproven.includes(name))) };
  }

  get isDue(): boolean {
    return this.#options.clock.monotonic() >= this.#due;
  }

  /** The API server may be another by now, or have been started with other flags. */
  doubt(): void {
    this.#due = Number.NEGATIVE_INFINITY;
    this.#unproven = 0;
  }

  /**
   * Tries each policy. While policies are new a probe that is let through means nothing: it is sent again for 30 s.
   * Rejects where nothing could be asked.
   */
  async prove({ isNew }: { readonly isNew: boolean }): Promise<void> {
    const { clock, policies, cluster } = this.#options;
    const startedAt = clock.monotonic();
    const giveUpAt = startedAt + (isNew || !this.#isPrepared ? ENFORCED_WITHIN_MS : 0);
    const answers = new Map<string, Answer>();
    for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const lacking = await this.#prepare(answers);
      for (const policy of policies)
        if (answers.get(policy.name) !== 'refused') answers.set(policy.name, lacking ?? (await this.#ask(policy)));
      const isProven = policies.every(({ name }) => answers.get(name) === 'refused');
      if (isProven || clock.monotonic() >= giveUpAt) break;
      await clock.sleep(pauseMs, cluster.signal);
      cluster.signal.throwIfAborted();
    }
    for (const [name, answer] of answers) if (typeof answer === 'string') this.#known.set(name, answer === 'refused');
    this.#answers = answers;
    // an account that was changed since is made right before the next try
    this.#isPrepared = [...answers.values()].every(answer => typeof answer === 'string');
    this.#unproven = this.state.kind === 'enforced' ? 0 : this.#unproven + 1;
    const retryMs = Math.min(RETRY_MS * 2 ** (this.#unproven - 1), LONGEST_RETRY_MS);
    this.#due = this.#unproven === 0 ? startedAt + PROVEN_FOR_MS : clock.monotonic() + retryMs;
  }

  get #names(): readonly string[] {
    return this.#options.policies.map(({ name }) => name);
  }

  /** Makes the account unless it has served; returns what keeps it from being made. */
  async #prepare(answers: ReadonlyMap<string, Answer>): Promise<Answer | undefined> {
    const isLacking = [...answers.values()].some(answer => typeof answer !== 'string');
    if (this.#isPrepared && !isLacking) return undefined;
    try {
      await this.#options.prepare();
      this.#isPrepared = true;
      return undefined;
    } catch (error) {
      if (error instanceof WriteRefusedError || error instanceof ConnectionError) throw error;
      return { error: errorMessage(error), forbidden: isForbidden(error) };
    }
  }

  async #ask({ name, probe }: Provable): Promise<Answer> {
    const { client, signal } = this.#options.cluster;
    const { method, path, body } = probe;
    const request = {
      method: method === 'PATCH' ? 'PATCH' : 'POST',
      path: `${path}?dryRun=All`,
      headers: {
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        'impersonate-user': PROBE_USER,
      },
      body: JSON.stringify(body),
      signal,
      timeoutMs: TIMEOUT_MS,
    } as const;
    try {
      parseAnswer(await client.transport.request(request), request.method, path);
      return 'passed';
    } catch (error) {
      if (error instanceof ApiError) return answerOf(name, error);
      if (error instanceof WriteRefusedError) throw error;
      return { error: errorMessage(error), forbidden: false };
    }
  }
}

/** What an error says of the policy: an object that is there already means that admission let it through. */
export function answerOf(policy: string, error: ApiError): Answer {
  const { code, status } = error;
  if (isAlreadyExists(error)) return 'passed';
  const { message = '' } = status;
  const [, refusing] = /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request/.exec(message) ?? [];
  if (refusing === policy) return 'refused';
  return { error: errorMessage(error), forbidden: code === 403 && refusing === undefined };
}
