import { expect } from '@jest/globals';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { AGENT_ACCOUNT } from '../../operators/cluster/registration/kinds.ts';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import { ClusterRoleBindings, ClusterRoles, RoleBindings } from '../../operators/engagement/rbac-kinds.ts';
import { ServiceAccounts } from '../../operators/engagement/service-account.ts';
import type { Stage } from '../chaos/stage.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { type Fleet, SecretType, type Site } from '../support/fleet.ts';
import { ContentTypes } from '../support/objects.ts';
import { hubNamespacesGone } from './deleted-clusters.ts';

const WITHIN = { timeoutMs: 60_000 };
export const Deployments: ResourceType = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
export const Roles: ResourceType = { ...RoleBindings, kind: 'Role', plural: 'roles' };

const EVERYWHERE = { name: 'paddock-agent' };
const HERE = { namespace: CLAIM.namespace, ...EVERYWHERE };
const PARTS: readonly (readonly [string, ResourceType, { readonly name: string; readonly namespace?: string }])[] = [
  ['claim', ConfigMaps, CLAIM],
  ['Deployment', Deployments, HERE],
  ['ServiceAccount', ServiceAccounts, HERE],
  ['Role', Roles, HERE],
  ['RoleBinding', RoleBindings, HERE],
  ['registration', SecretType, { ...HERE, name: 'paddock-agent-registration' }],
  ['credential', SecretType, { ...HERE, name: 'paddock-agent-credential' }],
  ['ClusterRole', ClusterRoles, EVERYWHERE],
  ['ClusterRoleBinding', ClusterRoleBindings, EVERYWHERE],
];

/** What {@link installed} says of a cluster whose agent works. */
export const INSTALLED = ['Namespace', ...PARTS.map(([what]) => what)];

/** What an agent has of its own on its cluster, the claim among it; a namespace that is being deleted is none. */
export async function installed({ client }: Site): Promise<string[]> {
  const system = await client.find(Namespaces, { name: CLAIM.namespace });
  const found = await Promise.all(
    PARTS.map(async ([what, type, key]) => ((await client.find<KubeObject>(type, key)) ? [what] : [])),
  );
  return [...(system && !system.metadata?.deletionTimestamp ? ['Namespace'] : []), ...found.flat()];
}

/** Waits until exactly this is there. */
export async function untilInstalled(site: Site, wanted: readonly string[]): Promise<void> {
  await eventuallyPasses(async () => expect(await installed(site)).toEqual(wanted), {
    ...WITHIN,
    what: `the agent has on its cluster: ${wanted.join(', ') || 'nothing'}`,
  });
}

/** Waits until nothing is left in the hub of what an agent of this cluster is and may do there. */
export async function agentGoneFromHub({ hub }: Fleet, cluster: string): Promise<void> {
  await hubNamespacesGone(hub, cluster);
  const own = `paddock-agent:${cluster}`;
  await eventually(
    async () => {
      const left = await Promise.all([
        hub.client.find(ServiceAccounts, { namespace: `c-${cluster}`, name: AGENT_ACCOUNT }),
        hub.client.find(ClusterRoles, { name: own }),
        hub.client.find(ClusterRoleBindings, { name: own }),
        hub.client.find(ClusterRoleBindings, { name: `${own}:hub` }),
      ]);
      return left.every(object => object === undefined);
    },
    { ...WITHIN, what: `no right of the agent of ${cluster} is left in the hub` },
  );
}

/** The namespaces of a stage and what is in them, whole: alike only if nothing was written there in between. */
export async function contentsOf(stage: Stage): Promise<readonly KubeObject[]> {
  const namespaces = await stage.namespaces();
  const lists = namespaces.flatMap(({ metadata: { name: namespace = '' } = {} }) =>
    Object.values(ContentTypes).map(type => stage.downstream.list(type, { namespace })),
  );
  return [...namespaces, ...(await Promise.all(lists)).flatMap(({ items }) => items)];
}
