import type { Project } from '#api';
import { type Client, errorMessage, type Informer } from '#runtime';
import { isTerminating, type MemberNamespace, membershipOf, membersOf } from '../engagement/membership.ts';
import { hasPodSecurity } from '../engagement/pod-security.ts';
import type { Obstacle } from './binding-status.ts';
import type { Place } from './grants.ts';
import { LimitsInPlace } from './limits-in-place.ts';
import { LIMITS_MISSING, POD_SECURITY_MISSING } from './refusals.ts';
import type { HubSays } from './says.ts';

export interface ExposureOptions {
  readonly cluster: string;
  readonly client: Client;
  readonly namespaces: Informer<MemberNamespace>;
  readonly says: HubSays;
  /** Somebody is to be given a role in the namespace who does not have it there. */
  readonly givesAnew: (namespace: string) => boolean;
  /** To be looked at again. Until then nothing waits: what is taken away there is confirmed. */
  readonly lookAgain: (namespace: string) => void;
}

/** How soon an exposed namespace is looked at again, ms: at first, and at last. */
const RETRY_MS = [250, 10_000] as const;
const ERROR_LENGTH = 200;

/**
 * The namespaces of a cluster that lack what their project limits them by. Nobody is given a role in one before it is
 * there: who may make Pods in it could make ones that reach the host, or others without number.
 */
export class Exposure {
  readonly #options: ExposureOptions;
  readonly #limits: LimitsInPlace;
  /** By namespace what it was found to lack when somebody was to be given a role. */
  readonly #lacking = new Map<string, string>();
  readonly #again = new Map<string, { readonly timer: NodeJS.Timeout; readonly afterMs: number }>();

  constructor(options: ExposureOptions) {
    this.#options = options;
    this.#limits = new LimitsInPlace(options.client);
    options.namespaces.subscribe({
      applied: (now, old) => {
        if (membershipOf(now) !== membershipOf(old) || now.metadata?.uid !== old?.metadata?.uid) this.#forget(now);
      },
      deleted: old => this.#forget(old),
    });
  }

  /** Finds out what {@link has} has to know of the namespace. */
  async look(name: string, signal: AbortSignal): Promise<void> {
    const { namespaces, givesAnew } = this.#options;
    const namespace = namespaces.get({ name });
    const project = this.#projectOf(namespace);
    const isAsked = namespace && project && !isTerminating(namespace) && hasPodSecurity(namespace, project.spec);
    const missing = isAsked && givesAnew(name) ? await this.#missing(name, project, signal) : undefined;
    const isSame = this.#projectOf(namespaces.get({ name }))?.metadata.uid === project?.metadata.uid;
    if (missing !== undefined && isSame) this.#lacking.set(name, missing);
    else this.#lacking.delete(name);
  }

  /**
   * Nobody may be given a role in the namespace now, which is looked at again by itself. What was not found out counts as
   * missing.
   */
  has(name: string): boolean {
    const { namespaces, givesAnew } = this.#options;
    const namespace = namespaces.get({ name });
    const project = this.#projectOf(namespace);
    if (!namespace || !project || isTerminating(namespace)) return this.#isClear(name);
    if (!hasPodSecurity(namespace, project.spec)) return this.#isExposed(name);
    return givesAnew(name) && !this.#limits.areKnown(name, project) ? this.#isExposed(name) : this.#isClear(name);
  }

  /** What bindings of the place wait for while namespaces of it are exposed. */
  obstacle({ cluster, project }: Place): Obstacle | undefined {
    if (project === undefined) return undefined;
    const members = membersOf(this.#options.namespaces, project);
    const names = (of: (namespace: MemberNamespace) => boolean) =>
      members
        .filter(of)
        .map(({ metadata }) => metadata?.name ?? '')
        .sort();
    const insecure = names(namespace => {
      const { spec } = this.#projectOf(namespace) ?? {};
      return spec !== undefined && !hasPodSecurity(namespace, spec);
    });
    const unlimited = names(({ metadata }) => this.#lacking.has(metadata?.name ?? ''));
    const [reason, [first, ...more]] =
      insecure.length > 0 ? ([POD_SECURITY_MISSING, insecure] as const) : ([LIMITS_MISSING, unlimited] as const);
    if (first === undefined) return undefined;
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    const lacks = insecure.length > 0 ? 'pod security' : (this.#lacking.get(first) ?? '');
    return {
      reason,
      message: `namespace ${first} of cluster ${cluster} does not have the ${lacks} of Project ${project} yet${others}: the project operator sets it, and nobody is given a role there before`,
    };
  }

  stop(): void {
    for (const { timer } of this.#again.values()) clearTimeout(timer);
    this.#again.clear();
  }

  /** A server that does not answer holds up nothing that is taken away: what can't be read is missing. */
  async #missing(name: string, project: Project, signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#limits.missing(name, project, signal);
    } catch (error) {
      signal.throwIfAborted();
      return `quota and isolation, which can't be read (${errorMessage(error).slice(0, ERROR_LENGTH)}),`;
    }
  }

  #projectOf(namespace: MemberNamespace | undefined): Project | undefined {
    const member = membershipOf(namespace);
    return member === undefined ? undefined : this.#options.says.project(this.#options.cluster, member);
  }

  // a label that comes is an event; the spec of a project, and the objects that limit, are none
  #isExposed(name: string): true {
    const before = this.#again.get(name);
    clearTimeout(before?.timer);
    const [first, last] = RETRY_MS;
    const afterMs = before ? Math.min(2 * before.afterMs, last) : first;
    const timer = setTimeout(() => this.#options.lookAgain(name), afterMs).unref();
    this.#again.set(name, { timer, afterMs });
    return true;
  }

  #isClear(name: string): false {
    clearTimeout(this.#again.get(name)?.timer);
    this.#again.delete(name);
    return false;
  }

  #forget({ metadata }: MemberNamespace): void {
    const { name = '' } = metadata ?? {};
    this.#limits.forget(name);
    this.#lacking.delete(name);
    this.#isClear(name);
  }
}
