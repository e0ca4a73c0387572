import { ANNOTATION_LEAVE_OUT, ANNOTATION_NAMESPACES } from '#api';
import { dropBookkeeping, errorMessage, type LabelSelector, SELECTOR_BOUNDS, SelectorCache } from '#runtime';
import { beyondFields, isBeyondFields, MOST_FIELDS } from '../engagement/bounded-fields.ts';
import type { ContentBudget } from './content-budget.ts';
import type { SharedKind, Source } from './kinds.ts';
import { type IsLeftOut, LEAVE_OUT_LENGTH, leftOutOf } from './left-out.ts';
import { sizeOf } from './share-bounds.ts';

/** A shared object that is not copied, and why. Of all but `Refused` the copies that exist stay as they are. */
export interface Refusal {
  readonly kind: SharedKind;
  readonly name: string;
  readonly reason: 'Refused' | 'InvalidSelector' | 'InvalidLeaveOut' | 'TooMany';
  readonly message: string;
}

/** What the annotations of a shared object ask for. */
export interface Sharing {
  readonly selector: LabelSelector;
  readonly isLeftOut: IsLeftOut;
}

/** Types of Secret that mean something in their own namespace only, or would make other tools act. */
const REFUSED_TYPES: Readonly<Record<string, string>> = {
  'kubernetes.io/service-account-token': 'service account tokens are good in their own namespace only',
  'bootstrap.kubernetes.io/token': 'bootstrap tokens let nodes join the cluster',
  'helm.sh/release.v1': 'Helm would take the copy for a release of its own',
};
/** Kubernetes itself puts a ConfigMap of this name into every namespace. */
const REFUSED_NAME = 'kube-root-ca.crt';

/** Annotations that are parsed, and the most that is parsed of them. */
const PARSED: Readonly<Record<string, number>> = {
  [ANNOTATION_NAMESPACES]: SELECTOR_BOUNDS.length,
  [ANNOTATION_LEAVE_OUT]: LEAVE_OUT_LENGTH,
};
/** Twice what one project may share, each object with a selector of its own. */
const selectors = new SelectorCache(1_024);

/** How a source is to be shared, or why it is not. */
export function sharingOf(kind: SharedKind, source: Source): Sharing | Refusal {
  const { name = '', annotations } = source.metadata ?? {};
  const refused = refusedAs(kind, name, source.type);
  if (refused !== undefined) return { kind, name, reason: 'Refused', message: refused };
  if (hasTooMany(source)) {
    const message = `more than ${MOST_FIELDS} labels, or annotations; copies that exist stay as they are`;
    return { kind, name, reason: 'TooMany', message };
  }
  const invalid = (reason: Refusal['reason'], annotation: string, error: unknown): Refusal => {
    const message = `annotation ${annotation}: ${errorMessage(error)}; copies that exist stay as they are`;
    return { kind, name, reason, message };
  };
  let selector: LabelSelector;
  try {
    selector = selectors.parse(annotations?.[ANNOTATION_NAMESPACES] ?? '');
  } catch (error) {
    return invalid('InvalidSelector', ANNOTATION_NAMESPACES, error);
  }
  try {
    return { selector, isLeftOut: leftOutOf(annotations) };
  } catch (error) {
    return invalid('InvalidLeaveOut', ANNOTATION_LEAVE_OUT, error);
  }
}

/**
 * Transform of the caches of shared objects: what can't be used takes no memory. Of an annotation that is longer than
 * what is parsed, no more is kept than shows that; of an object that is not copied, neither content nor labels. The same of
 * one for which the budget of its project has no room.
 */
export function keptOf(kind: SharedKind, budget?: ContentBudget): (object: Source) => Source {
  return object => {
    const { type, immutable, data, binaryData, metadata } = dropBookkeeping(object);
    const { ownerReferences: _owners, finalizers: _finalizers, annotations, labels, ...identity } = metadata ?? {};
    const own: Pick<Source, 'type' | 'immutable'> = {
      ...(type === undefined ? {} : { type }),
      ...(immutable === undefined ? {} : { immutable }),
    };
    if (hasTooMany({ metadata: { labels, annotations } } as Source)) {
      budget?.release(kind, object);
      return {
        metadata: { ...identity, labels: beyondFields(labels), annotations: beyondFields(annotations) },
        ...own,
      };
    }
    const bounded = boundAnnotations(annotations);
    const whole: Source = {
      metadata: { ...identity, ...(labels ? { labels } : {}), ...(bounded ? { annotations: bounded } : {}) },
      ...own,
      ...(data ? { data } : {}),
      ...(binaryData ? { binaryData } : {}),
    };
    if (!isRefusal(sharingOf(kind, whole)))
      return !budget || budget.admit(kind, whole) ? whole : unkept(identity, own, sizeOf({ kind, source: whole }));
    budget?.release(kind, whole);
    const parsed = Object.entries(bounded ?? {}).filter(([key]) => PARSED[key] !== undefined);
    return { metadata: { ...identity, annotations: Object.fromEntries(parsed) }, ...own };
  };
}

/** What is kept of an object whose content is given up. */
export function withoutContent(kind: SharedKind): (source: Source) => Source {
  return source => {
    const { type, immutable, metadata } = source;
    const { labels: _labels, annotations: _annotations, ...identity } = metadata ?? {};
    const own = { ...(type === undefined ? {} : { type }), ...(immutable === undefined ? {} : { immutable }) };
    return unkept(identity, own, sizeOf({ kind, source }));
  };
}

function unkept(identity: object, own: Pick<Source, 'type' | 'immutable'>, size: number): Source {
  return { metadata: identity, ...own, unkept: size };
}

export function isRefusal(result: object | Refusal): result is Refusal {
  return 'reason' in result;
}

function hasTooMany({ metadata }: Source): boolean {
  return isBeyondFields(metadata?.labels) || isBeyondFields(metadata?.annotations);
}

function refusedAs(kind: SharedKind, name: string, type: string | undefined): string | undefined {
  if (kind === 'ConfigMap' && name === REFUSED_NAME) return `${REFUSED_NAME} is kept in every namespace by Kubernetes`;
  if (kind !== 'Secret' || type === undefined || !Object.hasOwn(REFUSED_TYPES, type)) return undefined;
  return REFUSED_TYPES[type];
}

function boundAnnotations(annotations: Readonly<Record<string, string>> | undefined) {
  const isLong = ([key, bound]: [string, number]) => (annotations?.[key]?.length ?? 0) > bound;
  const long = Object.entries(PARSED).filter(isLong);
  if (!annotations || long.length === 0) return annotations;
  return { ...annotations, ...Object.fromEntries(long.map(([key, bound]) => [key, cut(annotations[key], bound + 1)])) };
}

/** A copy of the beginning: a slice would keep the whole text in memory. */
function cut(text = '', length: number): string {
  return Buffer.from(text.slice(0, length)).toString();
}
