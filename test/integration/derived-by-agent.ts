import { expect } from '@jest/globals';
import { type Cluster, fieldManager, LABEL_PROJECT, marks } from '#api';
import { type KubeObject, Namespaces, type ResourceType } from '#runtime';
import { ClusterRoleBindings, ClusterRoles } from '../../operators/cluster/registration/kinds.ts';
import { CLAIM, ConfigMaps } from '../../operators/engagement/claim.ts';
import type { Fleet, Site } from '../support/fleet.ts';
import { aConfigMap, aSecret, type ContentBuilder, ContentTypes } from '../support/objects.ts';

const Deployments: ResourceType = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
const AGENT = { name: 'paddock-agent' };

/** A namespace of a project on a cluster by agent, as the project operator in the agent leaves it, with bystanders. */
export class DerivedByAgent {
  readonly #site: Site;
  readonly #namespace: string;
  #foreign: readonly { readonly object: ContentBuilder; readonly created: KubeObject }[] = [];

  private constructor(site: Site, namespace: string) {
    this.#site = site;
    this.#namespace = namespace;
  }

  static async create(fleet: Fleet, site: Site, { metadata }: Cluster, namespace: string): Promise<DerivedByAgent> {
    const derived = new DerivedByAgent(site, namespace);
    await derived.#create(fleet, metadata.name ?? '');
    return derived;
  }

  async #create({ hub }: Fleet, cluster: string): Promise<void> {
    const { client } = this.#site;
    const { uid = '' } = (await hub.client.get(Namespaces, { name: 'kube-system' })).metadata ?? {};
    const name = this.#namespace;
    await client.create(Namespaces, {}, { metadata: { name, labels: { [LABEL_PROJECT]: 'a' } } });
    const asAgent = { fieldManager: fieldManager('project', 'agent') };
    await client.apply(Namespaces, { metadata: { name, labels: { team: 'a' } } }, asAgent);
    const { labels, annotations } = marks({ owner: { kind: 'project', name: 'a', uid: 'of-a' }, cluster, hub: uid });
    for (const object of [aSecret('token'), aConfigMap('settings')])
      await this.#put(object.withLabels(labels).withAnnotations(annotations));
    const others = [
      aSecret('theirs'),
      aConfigMap('of-another-hub')
        .withLabels(labels)
        .withAnnotations({ ...annotations, 'paddock.dev/hub': 'another' }),
    ];
    this.#foreign = await Promise.all(others.map(async object => ({ object, created: await this.#put(object) })));
  }

  async #put(object: ContentBuilder): Promise<KubeObject> {
    const namespace = this.#namespace;
    return await this.#site.client.create(ContentTypes[object.kind], { namespace }, object.build(namespace));
  }

  /** What Paddock has there: copies as `Secret token`, labels of the project as `team`. */
  async present(): Promise<string[]> {
    const { client } = this.#site;
    const namespace = this.#namespace;
    const copies = [aSecret('token'), aConfigMap('settings')].map(async ({ kind, name }) => {
      return (await client.find(ContentTypes[kind], { namespace, name })) ? [`${kind} ${name}`] : [];
    });
    const { metadata } = await client.get(Namespaces, { name: namespace });
    return [...(await Promise.all(copies)).flat(), ...(metadata?.labels?.team ? ['team'] : [])];
  }

  /** The namespace and what others have in it is there, untouched. */
  async expectForeignUntouched(): Promise<void> {
    const { client } = this.#site;
    const namespace = this.#namespace;
    const { metadata } = await client.get(Namespaces, { name: namespace });
    expect(metadata?.deletionTimestamp).toBeUndefined();
    expect(metadata?.labels).toMatchObject({ [LABEL_PROJECT]: 'a' });
    for (const { object, created } of this.#foreign)
      expect(await client.find(ContentTypes[object.kind], { namespace, name: object.name })).toEqual(created);
  }
}

/** What an agent leaves of itself on its cluster, by kind; a namespace that is being deleted is none. */
export async function installed({ client }: Site): Promise<string[]> {
  const namespace = CLAIM.namespace;
  const [system, ...objects] = await Promise.all([
    client.find(Namespaces, { name: namespace }),
    client.find(ConfigMaps, CLAIM),
    client.find(Deployments, { namespace, ...AGENT }),
    client.find(ContentTypes.Secret, { namespace, name: 'paddock-agent-registration' }),
    client.find(ContentTypes.Secret, { namespace, name: 'paddock-agent-credential' }),
    client.find(ClusterRoles, AGENT),
    client.find(ClusterRoleBindings, AGENT),
  ]);
  const names = ['claim', 'Deployment', 'registration', 'credential', 'ClusterRole', 'ClusterRoleBinding'];
  const present = names.filter((_name, index) => objects[index] !== undefined);
  return [...(system && !system.metadata?.deletionTimestamp ? ['Namespace'] : []), ...present];
}

/** Everything that an agent has on a cluster which it works for. */
export const INSTALLED = [
  'Namespace',
  'claim',
  'Deployment',
  'registration',
  'credential',
  'ClusterRole',
  'ClusterRoleBinding',
];

/** What {@link DerivedByAgent.present} says before anything was taken away. */
export const DERIVED = ['Secret token', 'ConfigMap settings', 'team'];
