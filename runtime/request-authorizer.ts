import { hash } from 'node:crypto';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';
import type { KubeObject, ResourceType } from './resource.ts';

/** Whether a request may be served: the HTTP status that answers it, 200 when it may. */
export type Verdict = 200 | 401 | 403 | 429 | 503;

export interface RequestAuthorizerOptions {
  /** Of the API server that knows the tokens; it may create tokenreviews and subjectaccessreviews there. */
  readonly client: Client;
  readonly clock: Clock;
}

interface TokenReview extends KubeObject {
  spec: { token: string };
  status?: { authenticated?: boolean; user?: UserInfo };
}

interface UserInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

interface SubjectAccessReview extends KubeObject {
  spec: object;
  status?: { allowed?: boolean };
}

const TokenReviews: ResourceType<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
};
const SubjectAccessReviews: ResourceType<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  namespaced: false,
};

/** How long an answer of the API server counts, as in k8s.io/apiserver's delegating authenticator and authorizer. */
const ALLOWED_MS = 60_000;
const DENIED_MS = 10_000;
/** Answers kept; whoever sends other tokens all the time pushes out others' only. */
const KEPT = 100;
/** Tokens reviewed at once. More are refused with 429, so that strangers can't keep the API server busy. */
const AT_ONCE = 4;
const TIMEOUT_MS = 5_000;
/** Tokens of service accounts take about 1 KiB. */
const TOKEN_LENGTH = 8_192;

/**
 * Authenticates bearer tokens by TokenReview and authorizes `get` on a path by SubjectAccessReview, as
 * controller-runtime's `filters.WithAuthenticationAndAuthorization` does. It fails closed: without an answer, 503.
 */
export class RequestAuthorizer {
  readonly #options: RequestAuthorizerOptions;
  readonly #kept = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  readonly #running = new Map<string, Promise<Verdict>>();

  constructor(options: RequestAuthorizerOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async verdict(authorization: string | undefined, path: string): Promise<Verdict> {
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization?.slice(0, TOKEN_LENGTH + 8) ?? '')?.[1];
    if (token === undefined || token.length > TOKEN_LENGTH) return 401;
    const key = hash('sha256', `${path} ${token}`);
    const kept = this.#kept.get(key);
    if (kept && this.#options.clock.monotonic() < kept.until) return kept.verdict;
    const running = this.#running.get(key);
    if (running !== undefined) return await running;
    if (this.#running.size >= AT_ONCE) return 429;
    const review = this.#review(token, path)
      .then(verdict => this.#keep(key, verdict))
      .catch(() => 503 as const)
      .finally(() => this.#running.delete(key));
    this.#running.set(key, review);
    return await review;
  }

  async #review(token: string, path: string): Promise<Verdict> {
    const { client } = this.#options;
    const call = { timeoutMs: TIMEOUT_MS };
    const { status } = await client.create(TokenReviews, {}, { spec: { token } }, call);
    if (!status?.authenticated || !status.user?.username) return 401;
    const { username: user, uid, groups, extra } = status.user;
    const spec = { user, uid, groups, extra, nonResourceAttributes: { path, verb: 'get' } };
    const answer = await client.create(SubjectAccessReviews, {}, { spec }, call);
    return answer.status?.allowed ? 200 : 403;
  }

  #keep(key: string, verdict: Verdict): Verdict {
    const forMs = verdict === 200 ? ALLOWED_MS : DENIED_MS;
    this.#kept.delete(key);
    this.#kept.set(key, { verdict, until: this.#options.clock.monotonic() + forMs });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return verdict;
  }
}
