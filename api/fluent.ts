/**
 * Our kinds for users of kubernetes-fluent-client: `K8s(Project).InNamespace('c-edge-1').Get('payments')`. Nothing else
 * here imports this file, so that only those who have that library load it.
 */
import { GenericKind, RegisterKind } from 'kubernetes-fluent-client';
import type { KubeObject, ResourceType } from '#runtime';
import * as api from './index.ts';

export class Cluster extends GenericKind {
  declare spec: api.Cluster['spec'];
  declare status?: api.Cluster['status'];
}

export class Project extends GenericKind {
  declare spec: api.Project['spec'];
  declare status?: api.Project['status'];
}

export class RoleTemplate extends GenericKind {
  declare spec: api.RoleTemplate['spec'];
  declare status?: api.RoleTemplate['status'];
}

export class RoleTemplateBinding extends GenericKind {
  declare spec: api.RoleTemplateBinding['spec'];
  declare status?: api.RoleTemplateBinding['status'];
}

export class ClusterAccess extends GenericKind {
  declare spec: api.ClusterAccess['spec'];
  declare status?: api.ClusterAccess['status'];
}

function register<T extends KubeObject>(model: typeof GenericKind, resource: ResourceType<T>): void {
  const { group, version, kind, plural } = resource;
  RegisterKind(model, { group, version, kind, plural });
}

register(Cluster, api.ClusterResource);
register(Project, api.ProjectResource);
register(RoleTemplate, api.RoleTemplateResource);
register(RoleTemplateBinding, api.RoleTemplateBindingResource);
register(ClusterAccess, api.ClusterAccessResource);
