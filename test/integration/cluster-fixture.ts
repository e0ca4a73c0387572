import { expect } from '@jest/globals';
import * as yaml from 'js-yaml';
import { type Cluster, ClusterResource } from '#api';
import { type Client, type Condition, findCondition, type KubeObject, type ResourceType } from '#runtime';
import { eventually, eventuallyPasses } from '../support/eventually.ts';
import { SecretType, type Site } from '../support/fleet.ts';

/** The shortest heartbeat that is allowed, so that tests need not wait long. */
export const FAST = { interval: '2s', timeout: '4s' };

interface EventObject extends KubeObject {
  reason?: string;
  regarding?: { name?: string };
}

const EventType: ResourceType<EventObject> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/** The Clusters of one hub, as a test creates and watches them. */
export class ClusterFixture {
  readonly hub: Client;

  constructor({ client }: Site) {
    this.hub = client;
  }

  async create(name: string, spec: Cluster['spec']): Promise<Cluster> {
    const body: Cluster = { apiVersion: 'paddock.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec };
    return await this.hub.create(ClusterResource, {}, body);
  }

  /** A Cluster with a quick heartbeat whose Secret does not exist yet. */
  async createPushed(name: string): Promise<Cluster> {
    return await this.create(name, { connection: { kubeconfig: { secretRef: { name } } }, heartbeat: FAST });
  }

  async get(name: string): Promise<Cluster> {
    return await this.hub.get(ClusterResource, { name });
  }

  async remove(name: string): Promise<void> {
    await this.hub.delete(ClusterResource, { name });
  }

  /** Writes the kubeconfig Secret of a pushed cluster, once there is a namespace for it. */
  async putKubeconfig(cluster: string, kubeconfig: string): Promise<void> {
    const data = { kubeconfig: Buffer.from(kubeconfig).toString('base64') };
    const metadata = { name: cluster, namespace: `c-${cluster}` };
    await eventually(() => this.hub.apply(SecretType, { metadata, data }), {
      timeoutMs: 10_000,
      what: `Secret ${metadata.namespace}/${cluster} is written`,
    });
  }

  async condition(name: string, type: string): Promise<Condition | undefined> {
    return findCondition((await this.get(name)).status?.conditions, type);
  }

  /** Waits until the condition stands like this, and returns it. */
  async becomes(name: string, type: string, wanted: Partial<Condition>, timeoutMs = 20_000): Promise<Condition> {
    let last: Condition | undefined;
    await eventuallyPasses(
      async () => {
        last = await this.condition(name, type);
        expect(last).toMatchObject(wanted);
      },
      { timeoutMs, what: `${name} has ${type} like ${JSON.stringify(wanted)}` },
    );
    if (!last) throw new Error(`${name} has no condition ${type}`);
    return last;
  }

  /** Waits until there is an event of this reason about the Cluster. */
  async hasEvent(name: string, reason: string): Promise<void> {
    await eventuallyPasses(async () => expect(await this.eventReasons(name)).toContain(reason), {
      timeoutMs: 20_000,
      what: `Cluster ${name} has an event ${reason}`,
    });
  }

  async eventReasons(name: string): Promise<string[]> {
    const { items } = await this.hub.list(EventType, { namespace: 'default' });
    return items.filter(({ regarding }) => regarding?.name === name).map(({ reason }) => reason ?? '');
  }
}

interface Kubeconfig {
  readonly clusters: readonly { readonly name: string; readonly cluster: object }[];
  readonly users: readonly { readonly name: string; readonly user: object }[];
}

/** A kubeconfig with these fields of its cluster changed, and another user. */
export function editedKubeconfig(text: string, edit: { cluster?: object; user?: object }): string {
  const document = yaml.load(text) as Kubeconfig;
  const clusters = document.clusters.map(entry => ({ ...entry, cluster: { ...entry.cluster, ...edit.cluster } }));
  const users = document.users.map(entry => ({ ...entry, user: edit.user ?? entry.user }));
  return yaml.dump({ ...document, clusters, users });
}
