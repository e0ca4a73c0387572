import { fieldManager, LABEL_PROJECT } from '#api';
import type { KubeObject } from '#runtime';

/** Those who apply a project's labels and annotations to its namespaces: the hub's operator and the agent's. */
export const PROJECT_MANAGERS: readonly string[] = [fieldManager('project'), fieldManager('project', 'agent')];

/** Who applies, for one of {@link PROJECT_MANAGERS}, the membership label to namespaces of a project by default. */
export function membershipManager(manager: string): string {
  return `${manager}-membership`;
}

/** Every manager under which Paddock applies fields to downstream namespaces: what they hold goes when a cluster is handed back. */
export const NAMESPACE_FIELD_MANAGERS: readonly string[] = PROJECT_MANAGERS.flatMap(manager => [
  manager,
  membershipManager(manager),
]);

const MEMBERSHIP_MANAGERS = PROJECT_MANAGERS.map(membershipManager);

/** By whom Paddock applied the membership label of a namespace as that of a default project. */
export interface DefaultLabel {
  readonly managers: readonly string[];
  /** Nobody else holds the label, so that it goes with these managers. */
  readonly alone: boolean;
}

/** Who of Paddock's applied the membership label of a namespace by default; undefined where none did. */
export function defaultLabelOf({ metadata }: KubeObject): DefaultLabel | undefined {
  const holders = (metadata?.managedFields ?? []).filter(({ fieldsV1 }) =>
    keysOf((fieldsV1 as FieldSet | undefined)?.['f:metadata']?.['f:labels']).includes(LABEL_PROJECT),
  );
  const ours = holders.filter(
    ({ manager = '', operation }) => operation === 'Apply' && MEMBERSHIP_MANAGERS.includes(manager),
  );
  if (ours.length === 0) return undefined;
  return { managers: ours.map(({ manager = '' }) => manager), alone: ours.length === holders.length };
}

/** The label and annotation keys that a field manager applied to an object. */
export interface AppliedFields {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
}

/** What a manager applied to an object, by its managedFields. */
export function appliedFields({ metadata }: KubeObject, manager: string): AppliedFields {
  const mine = metadata?.managedFields?.find(entry => entry.manager === manager && entry.operation === 'Apply');
  const fields = (mine?.fieldsV1 ?? {}) as FieldSet;
  return {
    labels: keysOf(fields['f:metadata']?.['f:labels']),
    annotations: keysOf(fields['f:metadata']?.['f:annotations']),
  };
}

/** The part of a fieldsV1 set (sigs.k8s.io/structured-merge-diff) that names labels and annotations. */
interface FieldSet {
  readonly 'f:metadata'?: {
    readonly 'f:labels'?: Readonly<Record<string, unknown>>;
    readonly 'f:annotations'?: Readonly<Record<string, unknown>>;
  };
}

function keysOf(fields: Readonly<Record<string, unknown>> | undefined): string[] {
  return Object.keys(fields ?? {})
    .filter(field => field.startsWith('f:'))
    .map(field => field.slice(2));
}
