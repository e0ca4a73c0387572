import { type Cluster, ClusterResource, clusterNamespace, GROUP, LABEL_CLUSTER, marks, PLANE_HUB } from '#api';
import type { KubeObject, ResourceType } from '#runtime';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../engagement/service-account.ts';
import { AGENT_ACCOUNT, CREDENTIAL_SECRET, REGISTRATION_ACCOUNT, SecretIntents } from './kinds.ts';

/** An object of the hub that should exist, as server-side apply names it. */
export interface DerivedObject {
  readonly type: ResourceType;
  readonly intent: KubeObject & { readonly metadata: NonNullable<KubeObject['metadata']> };
}

/** ClusterRoles that manifests/rbac/agent.yaml defines; what an agent may do in the hub is written there. */
const IN_CLUSTER_NAMESPACE = 'paddock-agent';
const IN_PROJECT_NAMESPACE = 'paddock-agent-project';
const EVERYWHERE = 'paddock-agent-hub';
const TO_REGISTER = 'paddock-agent-registration';
const BINDING = 'paddock-agent';
/** What begins with `paddock:` is derived from RoleTemplates, one of which may be named `agent`. */
const ownRole = (cluster: string) => `paddock-agent:${cluster}`;

/** What an agent of this cluster is in the hub, and all that it may do there outside of project namespaces. */
export function agentRights(cluster: Cluster, hub: string): DerivedObject[] {
  const { name = '' } = cluster.metadata;
  const namespace = clusterNamespace(name);
  const metadata = (rest: { readonly name: string; readonly namespace?: string }) => derived(cluster, hub, rest);
  const agent = account(AGENT_ACCOUNT, namespace);
  const own = ownRole(name);
  return [
    { type: ServiceAccounts, intent: { metadata: metadata({ name: AGENT_ACCOUNT, namespace }) } },
    { type: ServiceAccounts, intent: { metadata: metadata({ name: REGISTRATION_ACCOUNT, namespace }) } },
    { type: SecretIntents, intent: { metadata: metadata({ name: CREDENTIAL_SECRET, namespace }) } },
    {
      type: RoleBindings,
      intent: binding(metadata({ name: BINDING, namespace }), IN_CLUSTER_NAMESPACE, agent),
    },
    {
      type: RoleBindings,
      intent: binding(
        metadata({ name: TO_REGISTER, namespace }),
        TO_REGISTER,
        account(REGISTRATION_ACCOUNT, namespace),
      ),
    },
    { type: ClusterRoles, intent: ownClusterRole(metadata({ name: own }), name) },
    { type: ClusterRoleBindings, intent: binding(metadata({ name: own }), own, agent) },
    { type: ClusterRoleBindings, intent: binding(metadata({ name: `${own}:hub` }), EVERYWHERE, agent) },
  ];
}

/** What the agent may do in the namespace of one of its projects. */
export function projectRights(cluster: Cluster, hub: string, namespace: string): DerivedObject {
  const agent = account(AGENT_ACCOUNT, clusterNamespace(cluster.metadata.name ?? ''));
  const metadata = derived(cluster, hub, { name: BINDING, namespace });
  return { type: RoleBindings, intent: binding(metadata, IN_PROJECT_NAMESPACE, agent) };
}

/** Whether a RoleBinding was made as {@link projectRights} of this cluster, wherever it is. */
export function isProjectRight({ metadata }: KubeObject, cluster: string): boolean {
  const { name, namespace, labels } = metadata ?? {};
  return name === BINDING && labels?.[LABEL_CLUSTER] === cluster && namespace !== clusterNamespace(cluster);
}

/** RBAC lets a list or watch through that names the one object by a field selector. */
function ownClusterRole(metadata: DerivedObject['intent']['metadata'], cluster: string): DerivedObject['intent'] {
  const own = { apiGroups: [GROUP], resourceNames: [cluster] };
  const rules = [
    { ...own, resources: [ClusterResource.plural], verbs: ['get', 'list', 'watch'] },
    { ...own, resources: [`${ClusterResource.plural}/status`], verbs: ['patch'] },
  ];
  return { metadata, rules } as DerivedObject['intent'];
}

interface Subject {
  readonly kind: 'ServiceAccount';
  readonly name: string;
  readonly namespace: string;
}

const account = (name: string, namespace: string): Subject => ({ kind: 'ServiceAccount', name, namespace });

function binding(
  metadata: DerivedObject['intent']['metadata'],
  role: string,
  subject: Subject,
): DerivedObject['intent'] {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
  return { metadata, roleRef, subjects: [subject] } as DerivedObject['intent'];
}

/** Marked as the Cluster's, and removed by the garbage collector when the Cluster is gone. */
function derived(
  cluster: Cluster,
  hub: string,
  rest: { readonly name: string; readonly namespace?: string },
): DerivedObject['intent']['metadata'] {
  const { name = '', uid = '' } = cluster.metadata;
  const owner = { apiVersion: cluster.apiVersion ?? '', kind: ClusterResource.kind, name, uid };
  return {
    ...rest,
    ...marks({ owner: { kind: 'cluster', name, uid }, cluster: name, hub, plane: PLANE_HUB }),
    ownerReferences: [{ ...owner, apiVersion: `${GROUP}/${ClusterResource.version}` }],
  };
}
