import { isReservedNamespace, LABEL_PLANE, LABEL_PROJECT, PLANE_HUB } from '#api';
import type { KubeObject } from '#runtime';
import type { BindingObject } from '../engagement/rbac-kinds.ts';
import { isDerivedFrom, templateOf } from './desired.ts';

/** What the grants of a cluster are reconciled by: a namespace of it, a template, or a template's role in a project. */
export type GrantKey =
  | { readonly kind: 'namespace' | 'template'; readonly name: string }
  | { readonly kind: 'project'; readonly name: string; readonly project: string };

export const namespaceKey = (name: string) => `namespace/${name}`;
export const templateKey = (name: string) => `template/${name}`;
export const projectKey = (template: string, project: string) => `project/${template}/${project}`;

/** A key of the three above, taken apart. */
export function parseGrantKey(key: string): GrantKey {
  const [kind, name = '', project = ''] = key.split('/');
  if (kind === 'project') return { kind, name, project };
  return { kind: kind === 'namespace' ? kind : 'template', name };
}

/** The key of a ClusterRole or ClusterRoleBinding of ours. */
export function keyOfRole(object: KubeObject): string {
  const template = templateOf(object) ?? '';
  const [, project] = /^paddock:[^:]+:project:([^:]+)/.exec(object.metadata?.name ?? '') ?? [];
  return project === undefined ? templateKey(template) : projectKey(template, project);
}

/** Of the cluster, not of the hub where both are one. */
export function isDownstream({ metadata }: KubeObject): boolean {
  return metadata?.labels?.[LABEL_PLANE] !== PLANE_HUB && !isReservedNamespace(metadata?.namespace ?? '');
}

/** Not of an account. */
export function isOfTemplate(object: KubeObject): boolean {
  return isDownstream(object) && templateOf(object) !== undefined;
}

/** By which template people of which project have a role by the binding. */
export function projectIndex(binding: BindingObject): string[] {
  const { name = '', labels } = binding.metadata ?? {};
  const [template, project] = [templateOf(binding), labels?.[LABEL_PROJECT]];
  if (template === undefined || project === undefined || !isDownstream(binding)) return [];
  // what is not ours by its name too is nothing that a confirmation waits for
  return isDerivedFrom(name, template) && (binding.subjects ?? []).length > 0 ? [`${template}/${project}`] : [];
}
