import { expect } from '@jest/globals';
import { LABEL_PROJECT } from '#api';
import { type KubeObject, Namespaces } from '#runtime';
import { desiredPolicies } from '../../operators/cluster/policies/desired.ts';
import { Policies, PolicyBindings, type PolicyObject } from '../../operators/cluster/policies/kinds.ts';
import { ClusterRoleBindings, ClusterRoles, type PolicyRule } from '../../operators/engagement/rbac-kinds.ts';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import type { Site } from '../support/fleet.ts';
import type { Write } from '../support/operators.ts';
import { Person } from '../support/person.ts';
import { patch } from './agent-requests.ts';
import { dryRun, isRefused, NAMESPACES } from './policy-hub.ts';

/** The policy by which the tests see whether any is in force. */
export const MEMBERSHIP = { name: 'paddock-membership' };
export const POLICY_NAMES = [
  'paddock-accounts',
  'paddock-aggregation',
  'paddock-membership',
  'paddock-namespace-creation',
  'paddock-namespace-limit',
  'paddock-namespace-limits',
  'paddock-policy-probe',
];
/** What is damaged is restored within this, a busy machine included. */
export const RESTORED_MS = 25_000;

/** Everything on namespaces by RBAC, so that only policies refuse. */
const ON_NAMESPACES: PolicyRule = { apiGroups: [''], resources: ['namespaces'], verbs: ['*'] };

/** Gives a user rights everywhere on a cluster. */
export async function grant({ client }: Site, user: string, name: string, rules: readonly PolicyRule[]): Promise<void> {
  await client.create(ClusterRoles, {}, { metadata: { name }, rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  const subjects = [{ apiGroup: roleRef.apiGroup, kind: 'User' as const, name: user }];
  await client.create(ClusterRoleBindings, {}, { metadata: { name }, roleRef, subjects });
}

/** A cluster with namespace `blue-1` of project blue, and nell, who may write namespaces and has nothing of Paddock's. */
export class GuardedCluster {
  readonly site: Site;
  readonly nell: Person;

  private constructor(site: Site) {
    this.site = site;
    this.nell = new Person(site, { user: 'nell' });
  }

  static async of(site: Site): Promise<GuardedCluster> {
    const cluster = new GuardedCluster(site);
    await grant(site, 'nell', 'nell', [ON_NAMESPACES]);
    await site.client.create(Namespaces, {}, { metadata: { name: 'blue-1', labels: { [LABEL_PROJECT]: 'blue' } } });
    await eventually(() => cluster.nell.may('patch namespaces'), { timeoutMs: 20_000, what: 'nell has her rights' });
    return cluster;
  }

  /** Moves the namespace to another project, as a dry run. */
  async #moved() {
    const body = { metadata: { labels: { [LABEL_PROJECT]: 'red' } } };
    return await this.nell.send(dryRun(patch(`${NAMESPACES}/blue-1`, body)));
  }

  /** Waits until a policy refuses nell. */
  async guarded(timeoutMs = 20_000): Promise<void> {
    const what = 'a policy refuses to move the namespace';
    await eventuallyPasses(async () => isRefused(await this.#moved(), /'paddock-membership'.*"nell" does not/), {
      timeoutMs,
      what,
    });
  }

  /** Waits until nothing refuses her. */
  async open(): Promise<void> {
    const what = 'nothing refuses to move the namespace';
    await eventually(async () => (await this.#moved()).status === 200, { timeoutMs: 20_000, what });
  }

  /** Policies and bindings of Paddock's that the cluster has, as `kind name`. */
  async installed(): Promise<string[]> {
    const lists = await Promise.all([Policies, PolicyBindings].map(type => this.site.client.list(type)));
    const names = (items: readonly KubeObject[]) => items.map(({ metadata }) => metadata?.name ?? '').sort();
    return lists.flatMap(({ items }, index) =>
      names(items).map(name => `${index === 0 ? 'policy' : 'binding'} ${name}`),
    );
  }

  /** Waits until every policy and binding is as it should be for this Cluster. */
  async restored(cluster: KubeObject, hub: Site): Promise<void> {
    const { name = '', uid = '' } = cluster.metadata ?? {};
    const system = await hub.client.get(Namespaces, { name: 'kube-system' });
    const owner = { kind: 'cluster', name, uid };
    const wanted = desiredPolicies({ owner, cluster: name, hub: system.metadata?.uid ?? '' });
    const look = async () => {
      for (const { type, metadata, spec } of wanted) {
        const found = await this.site.client.get<PolicyObject>(type, metadata);
        expect(found.spec).toEqual(spec);
        expect(found.metadata).toMatchObject({ labels: metadata.labels, annotations: metadata.annotations });
      }
    };
    await eventuallyPasses(look, {
      timeoutMs: RESTORED_MS,
      what: `the policies of ${this.site.name} are as they should be`,
    });
  }

  async close(): Promise<void> {
    await this.nell.close();
  }
}

export const INSTALLED = ['policy', 'binding'].flatMap(kind => POLICY_NAMES.map(name => `${kind} ${name}`));

/** Of these writes, those of policies and bindings: `PATCH validatingadmissionpolicies/paddock-membership`. */
export function policyWrites(writes: readonly Write[]): string[] {
  return writes
    .filter(({ path }) => path.includes('/admissionregistration.k8s.io/'))
    .map(({ method, path }) => `${method} ${path.split('/').slice(-2).join('/')}`);
}
