import type { KubeObject, ResourceType } from '#runtime';
import { type Amounts, amountsOf, larger, NOTHING, type ResourceList, sum } from './amounts.ts';
import { SharedValues } from './shared-values.ts';

interface Resources {
  readonly requests?: ResourceList;
}

interface Container {
  readonly name?: string;
  /** Of an init container: Always makes it a sidecar, which runs on beside the others. */
  readonly restartPolicy?: string;
  readonly resources?: Resources;
}

interface ContainerStatus {
  readonly name?: string;
  readonly resources?: Resources;
  readonly allocatedResources?: ResourceList;
}

/** A Pod as the API server sends it, or, from a cache, its name, its version and what it requests. */
export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly overhead?: ResourceList;
    readonly resources?: Resources;
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly reason?: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
  /** What it adds to the sum, in a cache; undefined for a Pod that does not count. */
  readonly counted?: Amounts;
  /** Its requests can't be read: it counts as a Pod that requests nothing. */
  readonly unreadable?: true;
}

export const Pods: ResourceType<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** The Pods that take something of a node: others are never sent. */
export const PODS_ON_NODES = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';

const ONE_POD = 1_000_000_000n;
const NOTHING_REQUESTED: Amounts = { ...NOTHING, pods: ONE_POD };
const FINISHED = ['Succeeded', 'Failed'];
/** Few values, which many Pods of all clusters have; beyond these, each has its own again. */
const sharedAmounts = new SharedValues<Amounts>(1_000);
const sharedNamespaces = new SharedValues<string>(10_000);

/**
 * Keeps of a Pod its name, its version and what it requests, shared by all that request the same: there are many. The
 * uid is left out, so a Pod that this process deletes goes from the cache with the watch, not before.
 */
export function reducePod(pod: Pod): Pod {
  const { name = '', namespace = '', resourceVersion = '' } = pod.metadata ?? {};
  const metadata = { name, namespace: sharedNamespaces.get(namespace, () => namespace), resourceVersion };
  if (!pod.spec?.nodeName || FINISHED.includes(pod.status?.phase ?? '')) return { metadata };
  try {
    const { cpu, memory } = requestsOf(pod);
    const counted = sharedAmounts.get(`${cpu} ${memory}`, () => ({ cpu, memory, pods: ONE_POD }));
    return { metadata, counted };
  } catch {
    return { metadata, counted: NOTHING_REQUESTED, unreadable: true };
  }
}

/** What a reduced Pod adds to the sum. */
export function countedPod({ counted = NOTHING }: Pick<Pod, 'counted'>): Amounts {
  return counted;
}

/**
 * What the scheduler reserves for the Pod on its node, of cores and bytes. Source: PodRequests in
 * k8s.io/component-helpers/resource, with what containers still hold while they are resized (KEP-1287).
 * @throws QuantityError and TypeError for a Pod that no API server sends
 */
export function requestsOf(pod: Pod): Amounts {
  const { resources, overhead } = pod.spec ?? {};
  const ofContainers = containerRequests(pod);
  const ofPod = amountsOf(resources?.requests); // KEP-2837: one that is set stands for all containers'
  const requests = {
    cpu: resources?.requests?.cpu === undefined ? ofContainers.cpu : ofPod.cpu,
    memory: resources?.requests?.memory === undefined ? ofContainers.memory : ofPod.memory,
    pods: 0n,
  };
  return sum(requests, amountsOf(overhead));
}

/** The most that is used at a time: by all containers and sidecars, or by one init container and the sidecars before it. */
function containerRequests(pod: Pod): Amounts {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const held = heldRequests(pod);
  const running = containers.map(held).reduce(sum, NOTHING);
  let sidecars = NOTHING; // KEP-753
  let starting = NOTHING;
  for (const container of initContainers) {
    const isSidecar = container.restartPolicy === 'Always';
    if (isSidecar) sidecars = sum(sidecars, held(container));
    const now = isSidecar ? sidecars : sum(sidecars, amountsOf(container.resources?.requests));
    starting = larger(starting, now);
  }
  return larger(sum(running, sidecars), starting);
}

/** The requests of a container, or what its node still or already gives it, whichever is more. */
function heldRequests({ status }: Pod): (container: Container) => Amounts {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const pending = status?.conditions?.find(({ type }) => type === 'PodResizePending');
  return ({ name, resources }) => {
    const wanted = amountsOf(resources?.requests);
    const found = statuses.find(one => one.name === name);
    if (!found?.resources) return wanted;
    const held = larger(amountsOf(found.resources.requests), amountsOf(found.allocatedResources));
    return pending?.reason === 'Infeasible' ? held : larger(wanted, held);
  };
}
