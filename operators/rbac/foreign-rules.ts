import { LABEL_OWNER } from '#api';
import { type Cluster, type ConditionIntent, type Informer, type KubeObject, printable } from '#runtime';
import { AGGREGATE_PREFIX, ClusterRoles, type RoleObject } from '../engagement/rbac-kinds.ts';
import { rulesName, templateOf } from './desired.ts';

/** Condition of a binding: ClusterRoles on its cluster claim to be part of its role, and are not. */
export const FOREIGN_RULES = 'ForeignRules';
/** Names in one message, and of one of them as much as is shown: RBAC bounds no name. */
const NAMED = 20;
const NAME_LENGTH = 256;
/** ClusterRoles that are not ours; of each its name and its labels of {@link AGGREGATE_PREFIX} are kept. */
const UNMARKED = {
  labelSelector: `!${LABEL_OWNER}`,
  metadataOnly: true,
  transform: { name: 'aggregate-labels', apply: withAggregateLabels },
} as const;

/** ClusterRoles that say by a label that they are part of a RoleTemplate, and were not made by Paddock. */
export class ForeignRules {
  readonly #unmarked: Informer<KubeObject>;
  readonly #marked: Informer<RoleObject>;

  /** `marked` are the ClusterRoles that bear an owner label, which somebody else may have set. */
  constructor(cluster: Cluster, marked: Informer<RoleObject>) {
    this.#unmarked = cluster.cache.informer<KubeObject>(ClusterRoles, UNMARKED);
    this.#unmarked.addIndex(AGGREGATE_PREFIX, labelsOf);
    this.#marked = marked;
    marked.addIndex(AGGREGATE_PREFIX, labelsOf);
  }

  /** Calls back with the templates whose foreign ClusterRoles may have changed. */
  watch(changed: (templates: readonly string[]) => void): void {
    const notify = (...objects: readonly (KubeObject | undefined)[]) => {
      const templates = new Set(objects.flatMap(object => (object ? labelsOf(object) : [])));
      if (templates.size > 0) changed([...templates]);
    };
    this.#unmarked.subscribe({ applied: (object, old) => notify(object, old), deleted: object => notify(object) });
  }

  /** Sorted names. */
  of(template: string): string[] {
    const forged = this.#marked.byIndex(AGGREGATE_PREFIX, template).filter(role => !isOurs(role));
    const found = [...this.#unmarked.byIndex(AGGREGATE_PREFIX, template), ...forged];
    return found.map(({ metadata }) => metadata?.name ?? '').sort();
  }
}

/** The message that names them; undefined for none. */
export function foreignRulesMessage(cluster: string, template: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  const first = names.slice(0, NAMED).map(name => printable(name, NAME_LENGTH));
  return `cluster ${cluster}: ClusterRole ${first.join(', ')}${more} bears label ${AGGREGATE_PREFIX}${template} and was not made by Paddock: its rules are not part of the role; remove the label, or put the rules into the RoleTemplate`;
}

/** As a condition of a binding. */
export function foreignRulesCondition(type: string, message: string): ConditionIntent {
  return { type, status: 'True', reason: 'NotSelected', message };
}

function isOurs(role: RoleObject): boolean {
  const template = templateOf(role);
  return template !== undefined && role.metadata?.name === rulesName(template);
}

function labelsOf({ metadata }: KubeObject): string[] {
  const labels = Object.keys(metadata?.labels ?? {}).filter(label => label.startsWith(AGGREGATE_PREFIX));
  return labels.map(label => label.slice(AGGREGATE_PREFIX.length));
}

function withAggregateLabels({ metadata }: KubeObject): KubeObject {
  const { name = '', uid, resourceVersion, labels = {} } = metadata ?? {};
  const kept = Object.entries(labels).filter(([label]) => label.startsWith(AGGREGATE_PREFIX));
  return { metadata: { name, uid, resourceVersion, labels: Object.fromEntries(kept) } } as KubeObject;
}
