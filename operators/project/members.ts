import { ANNOTATION_HUB, ANNOTATION_OWNER_UID, LABEL_OWNER, LABEL_PLANE, PLANE_HUB } from '#api';
import { type Cluster, dropBookkeeping, type Informer, isForbidden, isNotFound } from '#runtime';
import { isTerminating, type MemberNamespace, memberNamespaces, membersOf } from '../engagement/membership.ts';
import { copyOf, correctionOf, type Template } from './desired.ts';
import { type Copy, CopyTypes, type GivenKind, LAZY_KINDS, SHARED_KINDS, type Source } from './kinds.ts';

const BY_NAMESPACE = 'namespace';
const BY_OWNER = 'owner';
const OWNER_PREFIX = 'project.';
/** Whatever carries an owner, ours or another operator's; unmarked Secrets are never seen. */
const MARKED = { labelSelector: LABEL_OWNER };

type FollowGiven = (informer: Informer<Copy>, kind: GivenKind) => void;

/**
 * What a downstream holds that concerns projects: every namespace's metadata and every marked object of the kinds that
 * projects give. Those that are shared are watched always, the others once there is one or a project asks for one: a watch
 * costs a socket (docs/decisions/0016).
 */
export class Members {
  readonly namespaces: Informer<MemberNamespace>;
  /** Copies known to equal a template: spares comparing them for every status. */
  readonly #right = new WeakMap<Copy, Template>();
  readonly #cluster: Cluster;
  readonly #given = new Map<GivenKind, Informer<Copy>>();
  readonly #followers: FollowGiven[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.namespaces = memberNamespaces(cluster);
    for (const kind of SHARED_KINDS) this.watch(kind);
  }

  /** Has the objects of a kind watched from now on. */
  watch(kind: GivenKind): void {
    if (this.#given.has(kind)) return;
    const transform = { name: 'copy', apply: reduce };
    const informer = this.#cluster.cache.informer(CopyTypes[kind], { ...MARKED, transform });
    informer.addIndex(BY_NAMESPACE, copy => [copy.metadata?.namespace ?? '']);
    informer.addIndex(BY_OWNER, copy => [isProjectCopy(copy) ? (copy.metadata?.labels?.[LABEL_OWNER] ?? '') : '']);
    this.#given.set(kind, informer);
    for (const follow of this.#followers) follow(informer, kind);
  }

  /** Calls back with each kind that is watched, now or later. */
  follow(callback: FollowGiven): void {
    this.#followers.push(callback);
    for (const [kind, informer] of this.#given) callback(informer, kind);
  }

  /** The kind is watched, and all that there was has been read. */
  isRead(kind: GivenKind): boolean {
    return this.#given.get(kind)?.synced ?? false;
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.namespaces, ...this.#given.values()].map(informer => informer.whenSynced(signal)));
  }

  /** Has the kinds watched of which there are any: also left by projects that no longer ask for them. */
  async findLazy(signal: AbortSignal): Promise<void> {
    const selection = { ...MARKED, metadataOnly: true, limit: 1 };
    // one after the other: each request at the same time is one more connection to an idle cluster
    for (const kind of LAZY_KINDS.filter(each => !this.#given.has(each)))
      try {
        const { items } = await this.#cluster.client.list(CopyTypes[kind], selection, { signal });
        if (items.length > 0) this.watch(kind);
      } catch (error) {
        signal.throwIfAborted();
        // what is not served, or may not be read, was never made; a watch tries again, and tells why it can't
        if (!isForbidden(error) && !isNotFound(error)) this.watch(kind);
      }
  }

  /** The namespaces that name the project and are not on their way out. */
  of(project: string): MemberNamespace[] {
    return membersOf(this.namespaces, project);
  }

  /** What projects own in a namespace, of the kinds that are watched. */
  copiesIn(namespace: string): { kind: GivenKind; copy: Copy }[] {
    return [...this.#given].flatMap(([kind, informer]) =>
      informer
        .byIndex(BY_NAMESPACE, namespace)
        .filter(isProjectCopy)
        .map(copy => ({ kind, copy })),
    );
  }

  /** Whether copies of this owner and hub are left in namespaces that are not on their way out. */
  hasCopies(owner: string, hub: string): boolean {
    return [...this.#given.values()].some(informer =>
      informer.byIndex(BY_OWNER, owner).some(copy => {
        const namespace = this.namespaces.get({ name: copy.metadata?.namespace ?? '' });
        if (!namespace || isTerminating(namespace) || isTerminating(copy)) return false;
        return isFullyMarked(copy, hub);
      }),
    );
  }

  /** What projects own of a kind, by their owner label. */
  ofOwner(kind: GivenKind, owner: string): Copy[] {
    return this.#given.get(kind)?.byIndex(BY_OWNER, owner) ?? [];
  }

  copy(template: Pick<Template, 'kind' | 'name'>, namespace: string): Copy | undefined {
    return this.#given.get(template.kind)?.get({ namespace, name: template.name });
  }

  /** The copy exists and equals its template. */
  isRight(template: Template, namespace: string): boolean {
    const copy = this.copy(template, namespace);
    if (!copy || isTerminating(copy)) return false;
    if (this.#right.get(copy) === template) return true;
    if (correctionOf(copy, template)) return false;
    this.#right.set(copy, template);
    return true;
  }
}

/** The project that the owner label names. */
export function ownerProject(labels: Readonly<Record<string, string>> | undefined): string | undefined {
  const owner = labels?.[LABEL_OWNER];
  return owner?.startsWith(OWNER_PREFIX) ? owner.slice(OWNER_PREFIX.length) : undefined;
}

/** A copy in a project's name, not one of the hub's own objects where hub and downstream are one cluster. */
export function isProjectCopy({ metadata }: Copy): boolean {
  const { labels } = metadata ?? {};
  return ownerProject(labels) !== undefined && labels?.[LABEL_PLANE] !== PLANE_HUB;
}

/** Complete enough to be deleted: the label alone could be anybody's. */
export function isFullyMarked({ metadata }: Copy, hub: string): boolean {
  const { annotations } = metadata ?? {};
  return annotations?.[ANNOTATION_OWNER_UID] !== undefined && annotations[ANNOTATION_HUB] === hub;
}

function reduce(object: Copy): Copy {
  // the watch delivers whole objects, and answers to writes are whole objects too
  return copyOf(dropBookkeeping(object) as unknown as Source);
}
