import type { RoleTemplate, RoleTemplateBinding, RoleTemplateSpec } from '#api';
import { FINALIZER } from '../../operators/rbac/deletion.ts';

const API = { apiVersion: 'paddock.dev/v1alpha1' } as const;

export function aTemplate(name: string, spec: Partial<RoleTemplateSpec> = {}): RoleTemplate {
  return {
    ...API,
    kind: 'RoleTemplate',
    metadata: { name, uid: `uid-of-${name}` },
    spec: { context: 'Cluster', ...spec },
  };
}

/** A binding of role `reader` in cluster edge-1, with its finalizer, of these users. */
export function aBindingOf(
  users: readonly string[],
  {
    metadata = {},
    spec = {},
  }: { metadata?: RoleTemplateBinding['metadata']; spec?: Partial<RoleTemplateBinding['spec']> } = {},
): RoleTemplateBinding {
  const subjects = users.map(name => ({ kind: 'User' as const, name }));
  return {
    ...API,
    kind: 'RoleTemplateBinding',
    metadata: {
      name: 'readers',
      namespace: 'c-edge-1',
      uid: 'uid',
      generation: 1,
      finalizers: [FINALIZER],
      ...metadata,
    },
    spec: { roleTemplateName: 'reader', subjects, scope: { cluster: { name: 'edge-1' } }, ...spec },
  };
}
