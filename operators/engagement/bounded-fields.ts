import {
  ANNOTATION_HUB,
  ANNOTATION_OWN_POD_SECURITY,
  ANNOTATION_OWNER_UID,
  ANNOTATION_PAUSED,
  ANNOTATION_PROJECT_UID,
  ANNOTATION_QUOTA,
  ANNOTATION_QUOTA_REVISION,
  LABEL_CLUSTER,
  LABEL_IN_USE,
  LABEL_MANAGED_BY,
  LABEL_OWNER,
  LABEL_PLANE,
  LABEL_PROJECT,
  LABEL_PROJECT_HOME,
  LABEL_SHARED,
} from '#api';
import { dropBookkeeping, type KubeObject } from '#runtime';
import { levelLabel, MODES, versionLabel } from './pod-security.ts';

/**
 * Labels, and annotations, that are kept of an object that people of projects write, beside those that mean something to
 * Paddock. Kubernetes bounds neither number; an object takes 50,000, which are 1.2 MB there and 4 MB here.
 */
export const MOST_FIELDS = 256;

type Fields = Readonly<Record<string, string>>;

/** What Paddock goes by: it is kept whatever else there is, so that nobody hides it behind others. */
const KNOWN: ReadonlySet<string> = new Set([
  ANNOTATION_HUB,
  ANNOTATION_OWN_POD_SECURITY,
  ANNOTATION_OWNER_UID,
  ANNOTATION_PAUSED,
  ANNOTATION_PROJECT_UID,
  ANNOTATION_QUOTA,
  ANNOTATION_QUOTA_REVISION,
  LABEL_CLUSTER,
  LABEL_IN_USE,
  LABEL_MANAGED_BY,
  LABEL_OWNER,
  LABEL_PLANE,
  LABEL_PROJECT,
  LABEL_PROJECT_HOME,
  LABEL_SHARED,
  'kubernetes.io/metadata.name',
  ...MODES.flatMap(mode => [levelLabel(mode), versionLabel(mode)]),
]);

/** The fields, or of very many those that are known, by Paddock or as `others`, and the first of the rest. */
export function boundedFields(fields: Fields, others: readonly string[] = []): Fields {
  const entries = Object.entries(fields);
  if (entries.length <= MOST_FIELDS) return fields;
  const known = new Set(others);
  let room = MOST_FIELDS;
  return Object.fromEntries(entries.filter(([key]) => KNOWN.has(key) || known.has(key) || room-- > 0));
}

/** A transform of caches: of the metadata of an object no more is kept than is gone by. */
export function boundedMetadata<T extends KubeObject>(object: T): T {
  const { metadata, ...rest } = dropBookkeeping(object);
  const { ownerReferences: _owners, labels, annotations, ...identity } = metadata ?? {};
  const bounded = {
    ...identity,
    ...(labels ? { labels: boundedFields(labels) } : {}),
    ...(annotations ? { annotations: boundedFields(annotations) } : {}),
  };
  return { ...rest, metadata: bounded } as unknown as T;
}

export function isBeyondFields(fields: Fields | undefined): boolean {
  return Object.keys(fields ?? {}).length > MOST_FIELDS;
}

/** As many of the keys as show that there are too many, and nothing else. */
export function beyondFields(fields: Fields | undefined): Fields {
  return Object.fromEntries(
    Object.keys(fields ?? {})
      .slice(0, MOST_FIELDS + 1)
      .map(key => [key, '']),
  );
}
