import { LABEL_CLUSTER, LABEL_MANAGED_BY, LABEL_OWNER, LABEL_PROJECT, MANAGED_BY, marks, type PLANE_HUB } from '#api';
import type { ObjectMeta } from '#runtime';
import {
  AGGREGATE_PREFIX,
  type BindingObject,
  type PolicyRule,
  RBAC_GROUP,
  type RoleObject,
  type Subject,
} from '../engagement/rbac-kinds.ts';
import { isProjectRule, type TemplateBook } from './templates.ts';

/** The prefix of the names of everything that is derived from a RoleTemplate. */
const PREFIX = 'paddock:';
/** Subjects of one binding: RBAC reads all of them for each request, and etcd takes 1.5 MB an object. */
export const SHARD = 2_000;
/** Who may create namespaces for a project's sake only is known by this verb on this name, see manifests/policies. */
const CREATE_IN_PROJECT = 'create-in-project';
const ANY_PROJECT = 'any';

/** What marks derived objects as ours, and whose they are. */
export interface Origin {
  readonly cluster: string;
  /** uid of the hub's kube-system namespace. */
  readonly hub: string;
  readonly plane?: typeof PLANE_HUB;
}

export const roleName = (template: string): string => `${PREFIX}${template}`;
export const rulesName = (template: string): string => `${PREFIX}${template}:rules`;
export const projectRoleName = (template: string, project: string): string => `${PREFIX}${template}:project:${project}`;
export const ownClusterRoleName = (template: string, cluster: string): string =>
  `${PREFIX}${template}:cluster:${cluster}`;
export const bindingName = (base: string, shard: number): string => (shard === 0 ? base : `${base}:${shard + 1}`);

/** Whether an object of this name is derived from the template: no template has a name with a colon. */
export function isDerivedFrom(name: string, template: string): boolean {
  return name === roleName(template) || name.startsWith(`${roleName(template)}:`);
}

/** The ClusterRole that bindings of the template name. */
export function boundRole(book: TemplateBook, template: string): string {
  return book.get(template)?.spec.clusterRoleRef ?? roleName(template);
}

/**
 * What a template's name stands for on a cluster: one ClusterRole that only aggregates, since the rules of one that does
 * are overwritten, and one with the rules, which count for all templates that inherit it.
 */
export function templateRoles(book: TemplateBook, template: string, origin: Origin): RoleObject[] {
  const found = book.get(template);
  if (!found || found.spec.clusterRoleRef !== undefined) return [];
  const metadata = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    derived(name, template, found.metadata.uid ?? '', origin, labels);
  const aggregates = Object.fromEntries(book.inheritors(template).map(name => [`${AGGREGATE_PREFIX}${name}`, 'true']));
  // who sets one of these labels beside the first holds escalate: see manifests/downstream/aggregation.yaml
  const ours = { [LABEL_MANAGED_BY]: MANAGED_BY, [LABEL_CLUSTER]: origin.cluster };
  const selector = {
    matchLabels: { [`${AGGREGATE_PREFIX}${template}`]: 'true', ...ours },
    matchExpressions: [{ key: LABEL_OWNER, operator: 'Exists' as const }],
  };
  return [
    { metadata: metadata(rulesName(template), aggregates), rules: downstreamRules(found.spec) },
    { metadata: metadata(roleName(template)), aggregationRule: { clusterRoleSelectors: [selector] } },
  ];
}

function downstreamRules({
  context,
  rules = [],
}: {
  readonly context: string;
  readonly rules?: readonly PolicyRule[];
}) {
  if (context === 'Cluster') return rules.map(plain);
  // bound in namespaces they would mean nothing, and in a cluster too much: see projectRole
  return rules.filter(rule => !onlyProjects(rule)).map(rule => plain(withoutProjects(rule)));
}

const onlyProjects = (rule: PolicyRule) => isProjectRule(rule) && (rule.resources ?? []).every(isProjects);
const isProjects = (resource: string) => resource === 'projects';

function withoutProjects(rule: PolicyRule): PolicyRule {
  if (!isProjectRule(rule)) return rule;
  return { ...rule, resources: (rule.resources ?? []).filter(resource => !isProjects(resource)) };
}

/** In the order and with the fields that the API server answers with. */
function plain({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): PolicyRule {
  return {
    verbs,
    ...(apiGroups?.length ? { apiGroups } : {}),
    ...(resources?.length ? { resources } : {}),
    ...(resourceNames?.length ? { resourceNames } : {}),
    ...(nonResourceURLs?.length ? { nonResourceURLs } : {}),
  };
}

/** What a template says about projects, for one of them; undefined when it says nothing. */
export function projectRole(book: TemplateBook, template: string, project: string, origin: Origin) {
  const verbs = book.projectVerbs(template);
  if (verbs.length === 0) return undefined;
  const projects = { apiGroups: ['paddock.dev'], resources: ['projects'] };
  const create: PolicyRule[] = verbs.includes(CREATE_IN_PROJECT)
    ? [
        { verbs: [CREATE_IN_PROJECT], ...projects, resourceNames: [ANY_PROJECT] },
        { verbs: ['create'], apiGroups: [''], resources: ['namespaces'] },
      ]
    : [];
  const metadata = derived(
    projectRoleName(template, project),
    template,
    book.get(template)?.metadata.uid ?? '',
    origin,
    {},
  );
  return { metadata, rules: [{ verbs, ...projects, resourceNames: [project] }, ...create] } satisfies RoleObject;
}

/** What a template allows in the hub, as a Role in the namespace of a cluster or project. */
export function hubRole(book: TemplateBook, template: string, namespace: string, origin: Origin): RoleObject {
  const uid = book.get(template)?.metadata.uid ?? '';
  const metadata = { ...derived(roleName(template), template, uid, origin, {}), namespace };
  return { metadata, rules: book.hubRules(template).map(plain) };
}

/** What a template allows in the hub of the Cluster itself, which is in no namespace; undefined when it is nothing. */
export function ownClusterRole(
  book: TemplateBook,
  template: string,
  cluster: { readonly name: string; readonly uid: string },
  origin: Origin,
): RoleObject | undefined {
  const verbs = book.clusterVerbs(template);
  if (verbs.length === 0) return undefined;
  const uid = book.get(template)?.metadata.uid ?? '';
  const metadata = derived(ownClusterRoleName(template, cluster.name), template, uid, origin, {});
  // it goes with the Cluster, as what is in its namespace does
  const ownerReferences = [{ apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', ...cluster }];
  const rule = { verbs, apiGroups: ['paddock.dev'], resources: ['clusters'], resourceNames: [cluster.name] };
  return { metadata: { ...metadata, ownerReferences }, rules: [rule] };
}

export interface BindingRequest {
  /** Name of the binding, and with a number behind it of the further ones. */
  readonly base: string;
  readonly namespace?: string;
  readonly template: string;
  readonly role: { readonly kind: 'ClusterRole' | 'Role'; readonly name: string };
  readonly subjects: readonly Subject[];
  /** By whose bindings they have the role, where that may become another's; said in a label, see {@link projectLabel}. */
  readonly project?: string | undefined;
  /** What they go with. */
  readonly ownerReferences?: ObjectMeta['ownerReferences'];
}

/** As many bindings as the subjects need; none for no subjects. */
export function bindings(book: TemplateBook, request: BindingRequest, origin: Origin): BindingObject[] {
  const { base, namespace, template, role, subjects, project, ownerReferences } = request;
  const uid = book.get(template)?.metadata.uid ?? '';
  return shards(subjects).map((part, index) => ({
    metadata: {
      ...derived(bindingName(base, index), template, uid, origin, projectLabel(project)),
      ...(namespace === undefined ? {} : { namespace }),
      ...(ownerReferences ? { ownerReferences } : {}),
    },
    roleRef: { apiGroup: RBAC_GROUP, ...role },
    subjects: part,
  }));
}

/**
 * What a RoleBinding says of whose people have the role by it. The project operator weakens the pod security of a
 * namespace that has moved only when no RoleBinding says that they are those of the project that it left.
 */
export function projectLabel(project: string | undefined): Record<string, string> {
  return project === undefined ? {} : { [LABEL_PROJECT]: project };
}

/** As many parts as bindings are needed. */
export function shards(subjects: readonly Subject[]): Subject[][] {
  const count = Math.ceil(subjects.length / SHARD);
  return Array.from({ length: count }, (_, index) => subjects.slice(index * SHARD, (index + 1) * SHARD));
}

function derived(
  name: string,
  template: string,
  uid: string,
  { cluster, hub, plane }: Origin,
  labels: Readonly<Record<string, string>>,
): ObjectMeta {
  const owner = { kind: 'RoleTemplate', name: template, uid };
  const mark = marks({ owner, cluster, hub, ...(plane ? { plane } : {}) });
  return { name, labels: { ...mark.labels, ...labels }, annotations: mark.annotations };
}

/** The RoleTemplate that an object of ours is derived from; undefined for what has another owner. */
export function templateOf(object: { readonly metadata?: ObjectMeta }): string | undefined {
  const owner = object.metadata?.labels?.[LABEL_OWNER];
  return owner?.startsWith('RoleTemplate.') ? owner.slice('RoleTemplate.'.length) : undefined;
}
