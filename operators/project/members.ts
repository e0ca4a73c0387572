import { ANNOTATION_HUB, ANNOTATION_OWNER_UID, LABEL_OWNER, LABEL_PLANE, PLANE_HUB } from '#api';
import { type Cluster, dropBookkeeping, type Informer } from '#runtime';
import { isTerminating, type MemberNamespace, memberNamespaces, membersOf } from '../engagement/membership.ts';
import { copyOf, correctionOf, type Template } from './desired.ts';
import { type Copy, CopyTypes, SHARED_KINDS, type SharedKind, type Source } from './kinds.ts';

const BY_NAMESPACE = 'namespace';
const BY_OWNER = 'owner';
const OWNER_PREFIX = 'project.';
/** Whatever carries an owner, ours or another operator's; unmarked Secrets are never seen. */
const MARKED = { labelSelector: LABEL_OWNER };

/** What a downstream holds that concerns projects: every namespace's metadata and every marked copy. */
export class Members {
  readonly namespaces: Informer<MemberNamespace>;
  readonly copies: Readonly<Record<SharedKind, Informer<Copy>>>;
  /** Copies known to equal a template: spares comparing them for every status. */
  readonly #right = new WeakMap<Copy, Template>();

  constructor(cluster: Cluster) {
    this.namespaces = memberNamespaces(cluster);
    const copies = (kind: SharedKind) =>
      cluster.cache.informer(CopyTypes[kind], { ...MARKED, transform: { name: 'copy', apply: reduce } });
    this.copies = { Secret: copies('Secret'), ConfigMap: copies('ConfigMap') };
    for (const informer of Object.values(this.copies)) {
      informer.addIndex(BY_NAMESPACE, copy => [copy.metadata?.namespace ?? '']);
      informer.addIndex(BY_OWNER, copy => [isProjectCopy(copy) ? (copy.metadata?.labels?.[LABEL_OWNER] ?? '') : '']);
    }
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([this.namespaces, ...Object.values(this.copies)].map(informer => informer.whenSynced(signal)));
  }

  /** The namespaces that name the project and are not on their way out. */
  of(project: string): MemberNamespace[] {
    return membersOf(this.namespaces, project);
  }

  /** The copies in a namespace that projects own. */
  copiesIn(namespace: string): { kind: SharedKind; copy: Copy }[] {
    return SHARED_KINDS.flatMap(kind =>
      this.copies[kind]
        .byIndex(BY_NAMESPACE, namespace)
        .filter(isProjectCopy)
        .map(copy => ({ kind, copy })),
    );
  }

  /** Whether copies of this owner and hub are left in namespaces that are not on their way out. */
  hasCopies(owner: string, hub: string): boolean {
    return SHARED_KINDS.some(kind =>
      this.copies[kind].byIndex(BY_OWNER, owner).some(copy => {
        const namespace = this.namespaces.get({ name: copy.metadata?.namespace ?? '' });
        if (!namespace || isTerminating(namespace) || isTerminating(copy)) return false;
        return isFullyMarked(copy, hub);
      }),
    );
  }

  copy(template: Template, namespace: string): Copy | undefined {
    return this.copies[template.kind].get({ namespace, name: template.name });
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
